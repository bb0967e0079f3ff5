"""Where data come from: a name or a path. Imports no Keras: the driver reads data too."""

import gzip
import zipfile
import zlib
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from models.core.errors import ConfigError
from models.data.dataset import ARRAYS, Dataset
from models.data.downloads import DOWNLOADABLE, cached_file
from models.data.stratified import stratified_split

NAMES = ("digits", *DOWNLOADABLE)


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
