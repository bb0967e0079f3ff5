"""A data set: its arrays, checked, and the hash that names its content."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.core.errors import ConfigError

ARRAYS = ("x_train", "y_train", "x_test", "y_test")

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
