"""Data sets by name or path, checked before anything else happens. Imports no Keras: the driver reads data too."""

import gzip
import hashlib
import zipfile
import zlib
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.core.errors import ConfigError
from models.data.downloads import DOWNLOADABLE, cached_file
from models.data.stratified import stratified_split

ARRAYS = ("x_train", "y_train", "x_test", "y_test")
NAMES = ("digits", *DOWNLOADABLE)

Array = NDArray[np.generic]


@dataclass(frozen=True)
class Dataset:
    """Raw inputs and labels as they came: `x_*` (rows, ...) of numbers, `y_*` (rows,) in 0 .. n_classes - 1.

    Raises:
        ConfigError: on construction, when the arrays break a rule that training relies on.
    """

    name: str
    source: str
    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            _check_part(self.name, part, getattr(self, f"x_{part}"), getattr(self, f"y_{part}"))
        if self.x_train.shape[1:] != self.x_test.shape[1:]:
            raise ConfigError(
                f"x_train and x_test of {self.name} must have rows of one shape, got {self.x_train.shape[1:]} "
                f"and {self.x_test.shape[1:]}"
            )
        if self.x_train.dtype != self.x_test.dtype:
            raise ConfigError(
                f"x_train and x_test of {self.name} must be of one type, got {self.x_train.dtype} "
                f"and {self.x_test.dtype}"
            )
        classes = np.unique(self.y_train)
        if len(classes) < 2 or classes[0] != 0 or classes[-1] != len(classes) - 1:
            raise ConfigError(
                f"y_train of {self.name} must hold the labels 0 .. K-1, each of them and at least two, "
                f"got {_shown(classes)}"
            )
        unseen = np.setdiff1d(self.y_test, classes)
        if len(unseen):
            raise ConfigError(f"y_test of {self.name} must hold labels of y_train only, got {_shown(unseen)}")

    @property
    def n_classes(self) -> int:
        return int(self.y_train.max()) + 1

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.x_train.shape[1:]

    @property
    def location(self) -> str:
        """What `load_dataset` finds it by from any working directory: its name, or its file's absolute path."""
        file = Path(self.source)
        return str(file.resolve()) if file.is_file() else self.name

    @cached_property
    def sha256(self) -> str:
        """Of types, shapes and values of the four arrays: the same for one data set in two files."""
        digest = hashlib.sha256()
        for name in ARRAYS:
            array = np.ascontiguousarray(getattr(self, name))
            digest.update(f"{name}:{array.dtype.str}:{array.shape}".encode())
            digest.update(array.data)
        return digest.hexdigest()


def load_dataset(name_or_path: str) -> Dataset:
    """`digits`, `mnist`, `fashion_mnist`, or the path of an .npz file with x_train, y_train, x_test and y_test.

    Raises:
        ConfigError: the name or file cannot be had, or its arrays break a rule.
    """
    if name_or_path == "digits":
        return _digits()
    if name_or_path in DOWNLOADABLE:
        path = cached_file(name_or_path)
        return _from_npz(path, name_or_path, f"keras.datasets.{name_or_path}")
    path = Path(name_or_path).expanduser()
    if path.suffix != ".npz" and not path.exists():
        raise ConfigError(
            f"dataset must be one of {', '.join(NAMES)}, or the path of an .npz file, got {name_or_path!r}"
        )
    return _from_npz(path, path.stem, str(path))


def find_data(location: str, sha256: str, asked: str | None) -> Dataset:
    """The data that a run was trained on, from where it lay then or, where it lies elsewhere now, from `asked`.

    Raises:
        ConfigError: it is not there, or not the same data.
    """
    try:
        data = load_dataset(asked or location)
    except ConfigError as error:
        if asked is not None:
            raise
        raise ConfigError(f"the run's data must be where it was, or dataset say where it is now: {error}") from None
    if data.sha256 != sha256:
        raise ConfigError(
            f"the data must be that of the run, whose sha256 is {sha256[:16]}..., got {asked or location!r} with "
            f"{data.sha256[:16]}..."
        )
    return data


def _digits() -> Dataset:
    # What sklearn.datasets.load_digits reads, from its file: importing scikit-learn would take longer than a trial.
    (package,) = find_spec("sklearn").submodule_search_locations  # type: ignore[union-attr,misc]
    with gzip.open(Path(package, "datasets", "data", "digits.csv.gz"), "rt") as file:
        table = np.array([line.split(",") for line in file]).astype(float).astype(np.uint8)
    images, labels = table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(np.int64)
    # The test part is fixed for ever: results on digits stay comparable between studies, seeds and releases.
    train, test = stratified_split(labels, 360, seed=0)
    return Dataset("digits", "sklearn.datasets.load_digits", images[train], labels[train], images[test], labels[test])


def _from_npz(path: Path, name: str, source: str) -> Dataset:
    if not path.is_file():
        raise ConfigError(f"dataset must be a file that exists, got {str(path)!r}")
    try:
        archive = np.load(path, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise ConfigError(f"dataset must be an .npz archive of named arrays, got a single array in {str(path)!r}")
        with archive:
            missing = [array for array in ARRAYS if array not in archive.files]
            if missing:
                raise ConfigError(
                    f"dataset must hold {', '.join(ARRAYS)}, got {str(path)!r} without {', '.join(missing)}"
                )
            arrays = {array: archive[array] for array in ARRAYS}
    except ConfigError:
        raise
    except (ValueError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        if "allow_pickle" in str(error) or "pickled" in str(error):
            raise ConfigError(
                f"dataset must hold plain numbers (pickled objects could run code), got {str(path)!r}"
            ) from error
        raise ConfigError(f"dataset must be an .npz archive that numpy can read, got {str(path)!r}: {error}") from error
    return Dataset(name=name, source=source, **arrays | {y: np.squeeze(arrays[y]) for y in ("y_train", "y_test")})


def _check_part(name: str, part: str, x: Array, y: Array) -> None:
    if x.ndim < 2 or x.dtype.kind not in "uif" or 0 in x.shape:
        raise ConfigError(
            f"x_{part} of {name} must be rows of numbers with one feature or more, got {x.dtype} of shape {x.shape}"
        )
    if y.ndim != 1 or y.dtype.kind not in "ui":
        raise ConfigError(
            f"y_{part} of {name} must be a whole number a row (labels 0 .. K-1), got {y.dtype} of shape {y.shape}"
        )
    if len(x) != len(y):
        raise ConfigError(f"x_{part} and y_{part} of {name} must have as many rows, got {len(x)} and {len(y)}")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise ConfigError(
            f"x_{part} of {name} must be finite numbers, got {int((~np.isfinite(x)).sum())} NaN or infinite values"
        )


def _shown(labels: Array) -> str:
    listed = labels.tolist()
    return str(listed) if len(listed) <= 12 else f"{str(listed[:12])[:-1]}, ...] ({len(listed)} in all)"
