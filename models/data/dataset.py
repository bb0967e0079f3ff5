"""A data set: its arrays, checked, and the hash that names its content."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.core.errors import ConfigError
from models.data.labels import Target, encode_labels
from models.data.served import Column

PARTS = ("train", "validation", "test")
ARRAYS = ("x_train", "y_train", "x_test", "y_test")

Array = NDArray[Any]
Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Dataset:
    """Inputs as they came, and labels as numbers; `dataset_of` takes labels of any kind.

    `x_*`: numbers (rows, ...); for a table (rows, columns), float64, as models.data.served.code_columns makes them.
    `y_*`: (rows,) in 0 .. K-1; for a regression (rows, targets) in the user's units.

    Raises:
        ConfigError: on construction, when the arrays break a rule that training relies on.
    """

    name: str
    source: str
    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array
    target: Target = None  # type: ignore[assignment]  # read from the labels where none is given
    columns: tuple[Column, ...] = ()
    """The columns of a table; empty for arrays."""
    groups: Array | None = None
    """(rows,) of the training part: rows of one group stay on one side of every split."""
    weights: Numbers | None = None
    """(rows,) of the training part, 0 or more: the factor of a row's training loss. Scores count each row once."""
    written: str = ""
    """The text that `load_dataset` loads these data from again; empty where `name` or `source` is enough."""
    hints: tuple[str, ...] = ()
    """Remarks on the data for the person who uses them, a sentence each."""

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            _check_part(self.name, part, getattr(self, f"x_{part}"), getattr(self, f"y_{part}"), bool(self.columns))
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
        if self.target is None:
            what = f"y_train of {self.name}", f"y_test of {self.name}"
            target, y_train, y_test = encode_labels(self.y_train, self.y_test, what=what)
            for name, value in (("target", target), ("y_train", y_train), ("y_test", y_test)):
                object.__setattr__(self, name, value)
        for name in ("groups", "weights"):
            values = getattr(self, name)
            if values is not None and values.shape != (len(self.y_train),):
                raise ConfigError(f"{name} of {self.name} must have a value a training row, got shape {values.shape}")
        if self.weights is not None and not (np.isfinite(self.weights).all() and (self.weights >= 0).all()):
            raise ConfigError(f"weights of {self.name} must be numbers of 0 or more, got {self.weights.min():g}")

    @property
    def n_classes(self) -> int:
        """The number of classes; 0 for a regression."""
        return len(self.target.classes)

    @property
    def strata(self) -> NDArray[np.int64]:
        """(rows,) of the training part: Target.strata."""
        return self.target.strata(self.y_train)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.x_train.shape[1:]

    @property
    def location(self) -> str:
        """The text that `load_dataset` finds these data by, from any working directory."""
        if self.written:
            return self.written
        file = Path(self.source)
        return str(file.resolve()) if file.is_file() else self.name

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of types, shapes, values and meaning of the arrays: equal for one data set in two files."""
        digest = hashlib.sha256()
        further = {name: getattr(self, name) for name in ("groups", "weights") if getattr(self, name) is not None}
        for name, values in ({name: getattr(self, name) for name in ARRAYS} | further).items():
            array = np.ascontiguousarray(values)
            digest.update(f"{name}:{array.dtype.str}:{array.shape}".encode())
            digest.update(array.data if array.dtype.kind != "U" else array.tobytes())
        # Labels 0 .. K-1 need no target in the hash: releases that knew only such labels had none in it either.
        if self.columns or not self.target.numbered or self.target.names:
            digest.update(repr((self.columns, self.target)).encode())
        return digest.hexdigest()


def dataset_of(
    name: str,
    source: str,
    arrays: dict[str, Array],
    task: str = "",
    written: str = "",
) -> Dataset:
    """The data set of four arrays of any byte order, with labels of any kind.

    Raises:
        ConfigError: the arrays break a rule.
    """
    what = f"y_train of {name}", f"y_test of {name}"
    x_train, x_test = (native(arrays[x], f"{x} of {name}") for x in ("x_train", "x_test"))
    target, y_train, y_test = encode_labels(arrays["y_train"], arrays["y_test"], task, what)
    return Dataset(name, source, x_train, y_train, x_test, y_test, target, written=written)


def native(inputs: Array, what: str) -> Array:
    """`inputs` as numbers of at most 64 bits in this machine's byte order, as Keras, TensorFlow and MLflow take them.

    Raises:
        ConfigError: a number is larger than float64 can hold.
    """
    inputs = np.asarray(inputs)
    if inputs.dtype.kind == "b":
        return inputs.astype(np.uint8)
    if inputs.dtype.kind == "f" and inputs.dtype.itemsize > 8:
        with np.errstate(over="ignore"):
            narrow = inputs.astype(np.float64)
        if np.isinf(narrow).any() and not np.isinf(inputs).any():
            raise ConfigError(f"{what} must be numbers that float64 can hold, got {inputs.max():g}")
        return narrow
    return inputs if inputs.dtype.isnative else inputs.astype(inputs.dtype.newbyteorder("="))


def _check_part(name: str, part: str, x: Array, y: Array, gaps: bool) -> None:
    plain = x.dtype.kind in "uif" and x.dtype.isnative and x.dtype.itemsize <= 8
    if x.ndim < 2 or not plain or 0 in x.shape:
        raise ConfigError(
            f"x_{part} of {name} must be rows of numbers with one feature or more, got {x.dtype} of shape {x.shape}"
        )
    if y.ndim < 1 or len(x) != len(y):
        rows = len(y) if y.ndim else "a single number"
        raise ConfigError(f"x_{part} and y_{part} of {name} must have as many rows, got {len(x)} and {rows}")
    wrong = np.isinf if gaps else lambda values: ~np.isfinite(values)
    if x.dtype.kind == "f" and (count := int(wrong(x).sum())):
        raise ConfigError(f"x_{part} of {name} must be finite numbers, got {count} NaN or infinite values")
