"""The source of data: a name or a path, with the settings of a study's `data`. Imports no Keras."""

import json
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from models.core.errors import ConfigError, shown
from models.core.suggestions import check_word, did_you_mean, no_such
from models.data import images, table
from models.data.dataset import Array, Dataset, dataset_of, native
from models.data.labels import TASKS, encode_labels
from models.data.loader import run_loader
from models.data.named import DOWNLOADABLE, NAMES, TABLES, named_arrays, named_table
from models.data.npz import read_npz
from models.data.served import values_of

_LOADER = re.compile(r"(.+\.py):([A-Za-z_]\w*)")
_TEST = 0.2
_LONGEST = 7_000
"""A source's text in characters. A tag of MLflow holds 8,000, and the absolute path of a file must still fit in it."""
_TAKES = {
    "a data set with a test part of its own": ("task",),
    "a named table": ("leave_out", "test", "task"),
    "an .npz file with a test part": ("task",),
    "an .npz file of x and y": ("test", "task"),
    "a folder of images": ("test", "image_size", "color"),
    "a table": ("target", "task", "test", "leave_out", "group", "weight"),
    "a loader of arrays": ("task", "test"),
    "a loader": ("target", "task", "test", "leave_out", "group", "weight"),
}

_MANY = ("target", "leave_out")

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Source:
    """The `data` of a study: enough to load the data again, in any process of this machine."""

    dataset: str
    """A name, the path of a .npz, .csv or .parquet file or of a folder of images, or FILE.py:FUNCTION."""
    target: tuple[str, ...] = ()
    """For a table: the column to predict; for a regression, one or more."""
    task: str = ""
    """One of models.data.labels.TASKS; empty: the labels decide."""
    test: str = ""
    """A fraction to cut out as test part, or the path of a table of it; empty: 0.2, or the source's own part."""
    leave_out: tuple[str, ...] = ()
    group: str = ""
    weight: str = ""
    image_size: str = ""
    color: str = ""

    @classmethod
    def read(cls, written: "str | Mapping[str, Any]") -> "Source":
        """The source from `data:` of a study file, from options, or from the text of `to_text`.

        Raises:
            ConfigError: a key is unknown, or a value has the wrong kind.
        """
        if isinstance(written, str):
            written = json.loads(written) if written.startswith("{") else {"dataset": written}
        known = [field.name for field in fields(cls)]
        for key in written:
            if key not in known:
                raise ConfigError(f"data may have {', '.join(known)}, got {key!r}{did_you_mean(key, known)}")
        values = {key: _many(key, value) if key in _MANY else _one(key, value) for key, value in written.items()}
        source = cls(**values)  # type: ignore[arg-type]
        check_word("task", source.task, TASKS)
        check_word("color", source.color, images.COLORS)
        images.parse_size(source.image_size)
        _share(source.test)
        length = len(source.to_text())
        if length > _LONGEST:
            raise ConfigError(
                f"the settings of the data must have at most {_LONGEST:,} characters, got {length:,}: a file without "
                "the columns to leave out needs no list of them"
            )
        return source

    def to_text(self) -> str:
        """The name or path alone where all else is left to its default, otherwise JSON; `read` takes both."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        said = {name: list(value) if isinstance(value, tuple) else value for name, value in said.items() if value}
        return self.dataset if set(said) == {"dataset"} else json.dumps(said)

    def beside(self, folder: Path) -> "Source":
        """The same source with its relative paths taken from `folder`, where the study file lies."""
        test = self.test if not self.test or _share(self.test) is not None else _joined(folder, self.test)
        return replace(self, dataset=self.dataset if self.is_name else _joined(folder, self.dataset), test=test)

    @property
    def is_name(self) -> bool:
        return self.dataset in NAMES


def _check_can_be(path: Path, name: str) -> None:
    try:
        path.exists()
    except (OSError, ValueError) as error:  # the name is too long, or has a null byte
        raise ConfigError(f"dataset must be a name or a possible path, got {shown(name)} ({error})"[:300]) from None


def load_dataset(source: Source | str, tell: Tell = lambda _: None) -> Dataset:
    """The data that `source` names; `tell` hears, before images are read, how much memory they take.

    Raises:
        ConfigError: the data cannot be loaded, or break a rule.
    """
    source = Source.read(source) if isinstance(source, str) else source
    name, found = source.dataset, _LOADER.fullmatch(source.dataset)
    path = Path(_expanded(name))
    _check_can_be(path, name)
    if name in NAMES:
        _check_takes(source, "a named table" if name in TABLES else "a data set with a test part of its own")
        named = _named_table(source) if name in TABLES else named_arrays(name)
        if source.task not in ("", named.target.task):
            raise ConfigError(f"task of {name} must be {named.target.task}, got {source.task}")
        return named
    if found:
        _check_takes(source, "a loader")
        return _loaded(source, Path(_expanded(found[1])), found[2])
    if path.suffix in table.SUFFIXES:
        _check_takes(source, "a table")
        return _table(source, table.read_table(path), path.name, str(path))
    if path.is_dir():
        _check_takes(source, "a folder of images")
        written = _absolute(source).to_text()
        return images.image_dataset(path, source.image_size, source.color, _share(source.test) or _TEST, tell, written)
    if path.suffix != ".npz" and not path.exists() and (os.sep in name or path.suffix):
        raise ConfigError(f"{name!r}: no such file or folder")
    if path.suffix != ".npz" and not path.exists():
        raise ConfigError(
            f"{no_such(name, 'data set', NAMES)} (or the path of an .npz, .csv or .parquet file, of a folder of "
            "images, or FILE.py:FUNCTION)"
        )
    arrays = read_npz(path, instead=("x", "y"))
    whole = "x" in arrays
    _check_takes(source, "an .npz file of x and y" if whole else "an .npz file with a test part")
    if whole:
        arrays = _cut(arrays["x"], arrays["y"], source, path.name)
    written = _absolute(source).to_text() if source.task or source.test else ""
    return dataset_of(path.stem, str(path), arrays, source.task, written)


def raw_rows(location: str) -> Any:
    """The test part's inputs as a logged network takes them: an array, or for a table a DataFrame.

    Raises:
        ConfigError: as `load_dataset`.
    """
    data = load_dataset(location)
    if not data.columns:
        return data.x_test
    import pandas as pd

    return pd.DataFrame({column.name: values_of(data.x_test[:, k], column) for k, column in enumerate(data.columns)})


def find_data(location: str, sha256: str, asked: str | None) -> Dataset:
    """The data that a run was trained on, loaded from `location`, or from `asked` where the data have moved.

    Raises:
        ConfigError: no data are there, or their SHA-256 is another.
    """
    source = Source.read(location)
    try:
        data = load_dataset(source if asked is None else replace(source, dataset=asked))
    except ConfigError as error:
        if asked is not None:
            raise
        raise ConfigError(f"the run's data must be where it was, or `dataset` must name its place: {error}") from None
    if data.sha256 != sha256:
        raise ConfigError(
            f"the data must be that of the run, whose sha256 is {sha256[:16]}..., got {asked or source.dataset!r} with "
            f"{data.sha256[:16]}..."
        )
    return data


def _named_table(source: Source) -> Dataset:
    import pandas as pd

    columns, rows, labels, target, task = named_table(source.dataset)
    frame = pd.DataFrame(native(rows, source.dataset), columns=list(columns)).assign(**{target: labels})
    roles = table.Roles((target,), source.leave_out, task=task, test=_fraction(source))
    origin = "keras.datasets" if source.dataset in DOWNLOADABLE else "sklearn.datasets"
    return table.table_dataset(source.dataset, f"{origin}.{source.dataset}", frame, None, roles, source.to_text())


def _loaded(source: Source, file: Path, function: str) -> Dataset:
    found = run_loader(file, function)
    written, name = _absolute(source).to_text(), f"{file.stem}-{function}"
    if not isinstance(found, dict):
        return _table(source, found, f"{file.name}:{function}", str(file))
    _check_takes(replace(source, test=source.test if "x" in found else ""), "a loader of arrays")
    if "x" in found:
        found = _cut(found["x"], found["y"], source, f"{file.name}:{function}")
    return dataset_of(name, str(file), found, source.task, written)


def _table(source: Source, frame: Any, name: str, origin: str) -> Dataset:
    roles = table.Roles(
        source.target, source.leave_out, source.group, source.weight, source.task,
        _TEST if _share(source.test) is None else _fraction(source),
    )  # fmt: skip
    separate = bool(source.test) and _share(source.test) is None
    test_frame = table.read_table(Path(_expanded(source.test))) if separate else None
    return table.table_dataset(name, origin, frame, test_frame, roles, _absolute(source).to_text())


def _cut(x: Array, y: Array, source: Source, name: str) -> dict[str, Array]:
    """The arrays of a training and a test part, cut out of `x` and `y`."""
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise ConfigError(f"x and y of {name} must have as many rows, got shapes {x.shape} and {y.shape}")
    target, codes, _ = encode_labels(y, y, source.task, (f"y of {name}",) * 2)
    train, test = table.cut_test(name, target, codes, _fraction(source))
    return {"x_train": x[train], "y_train": y[train], "x_test": x[test], "y_test": y[test]}


def _check_takes(source: Source, kind: str) -> None:
    for field in fields(source):
        if field.name != "dataset" and getattr(source, field.name) and field.name not in _TAKES[kind]:
            takers = [other for other, taken in _TAKES.items() if field.name in taken]
            raise ConfigError(f"{source.dataset} is {kind}, and `{field.name}` belongs to {' or '.join(takers[:2])}")


def _fraction(source: Source) -> float:
    share = _share(source.test)
    if source.test and share is None:
        raise ConfigError(f"test of {source.dataset} must be a fraction between 0 and 1, got {source.test!r}")
    return share or _TEST


def _share(test: str) -> float | None:
    """The fraction in the text `test`; None where the text is a path or empty.

    Raises:
        ConfigError: the text is a number outside 0 to 1.
    """
    try:
        share = float(test)
    except ValueError:
        return None
    if not (math.isfinite(share) and 0 < share < 1):
        raise ConfigError(f"test must be a fraction between 0 and 1, or the path of a table, got {test!r}")
    return share


def _absolute(source: Source) -> Source:
    return source.beside(Path.cwd())


def _joined(folder: Path, written: str) -> str:
    """A path, for a loader with its function behind, taken from `folder`."""
    return str(folder / _expanded(written))


def _expanded(path: str) -> str:
    try:
        return str(Path(path).expanduser())
    except RuntimeError:  # ~ of a user without a home folder
        return path


def _one(key: str, value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ConfigError(f"{key} must be a word or a number, got {value!r}")
    return str(value)


def _many(key: str, value: Any) -> tuple[str, ...]:
    """Column names, given as a list or as one text with commas."""
    parts = [part.strip() for part in value.split(",")] if isinstance(value, str) else value
    if not isinstance(parts, list | tuple) or not all(isinstance(part, str | int) for part in parts):
        raise ConfigError(f"{key} must be names of columns, got {value!r}")
    names = tuple(str(part) for part in parts if part != "")
    if len(set(names)) < len(names):
        raise ConfigError(f"{key} must name each column once, got {', '.join(names)}")
    return names
