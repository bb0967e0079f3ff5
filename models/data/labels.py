"""The target of a data set, read from its labels: the task, the classes' names, and the labels as numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.core.errors import ConfigError
from models.core.suggestions import check_word, listed

CLASSIFICATION, REGRESSION = "classification", "regression"
TASKS = (CLASSIFICATION, REGRESSION)
FEW = 20
"""Labels that are whole numbers with at most this many different values are classes, unless `task` says otherwise."""

Array = NDArray[Any]
Label = str | int | bool
"""A class as the user writes it."""


@dataclass(frozen=True)
class Target:
    """What is predicted. As numbers, classes are 0 .. K-1; the numbers of a regression keep the user's units."""

    task: str
    """One of TASKS."""
    classes: tuple[Label, ...] = ()
    """The classes as the user writes them, class 0 first; empty for a regression."""
    names: tuple[str, ...] = ()
    """The names of the target columns; empty where the data are arrays."""

    @property
    def n_outputs(self) -> int:
        """How many outputs a network needs: one for each class, or for each target of a regression."""
        return len(self.classes) if self.task == CLASSIFICATION else max(len(self.names), 1)

    @property
    def class_names(self) -> list[str]:
        """The classes as tables, figures and pages write them."""
        return [str(label) for label in self.classes]

    @property
    def numbered(self) -> bool:
        """Whether the user's own labels are 0 .. K-1 already, so that answers need no translation."""
        return self.classes == tuple(range(len(self.classes))) and not any(isinstance(k, bool) for k in self.classes)

    def strata(self, labels: Array) -> NDArray[np.int64]:
        """(rows,): the groups of rows that a split keeps in proportion, the classes; a regression has one for all."""
        return labels.astype(np.int64) if self.task == CLASSIFICATION else np.zeros(len(labels), np.int64)


def encode_labels(
    train: Array,
    test: Array,
    task: str = "",
    what: tuple[str, str] = ("y_train", "y_test"),
    names: tuple[str, ...] = (),
) -> tuple[Target, Array, Array]:
    """The target, and the labels of both parts as numbers.

    Labels may be (rows,), (rows, 1), one-hot (rows, K) or (rows, targets). Classes are those of the training part,
    sorted. Labels that are 0 .. K-1 already come back unchanged. `what` names the two parts in messages.

    Raises:
        ConfigError: the labels fit no task, or not the task asked for; the test part has a class of its own.
    """
    train, test = _native(train, what[0]), _native(test, what[1])
    if (
        check_word("task", task, TASKS) != REGRESSION
        and _is_one_hot(train)
        and _is_one_hot(test)
        and train.shape[1] == test.shape[1]
    ):
        train, test = train.argmax(axis=1), test.argmax(axis=1)
    train, test = (y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y for y in (train, test))
    for y, name in ((train, what[0]), (test, what[1])):
        if y.ndim not in (1, 2) or 0 in y.shape:
            raise ConfigError(f"{name} must be one label or number a row, or several, got shape {y.shape}")
    if (train.dtype.kind in "US") != (test.dtype.kind in "US"):
        raise ConfigError(f"{what[0]} and {what[1]} must be of one kind, got {_kind(train)} and {_kind(test)}")
    if (task or infer_task(train)) == CLASSIFICATION:
        return _classes(train, test, what, names)
    return _numbers(train, test, what, names)


def infer_task(labels: Array) -> str:
    """The task of labels that nobody named a task for.

    Labels are classes where they are words, booleans, whole numbers with few different values, or 0 .. K-1 with two
    rows each; all other labels are numbers to predict.
    """
    if labels.ndim == 2:
        return REGRESSION
    if labels.dtype.kind in "USb":
        return CLASSIFICATION
    values, counts = np.unique(labels, return_counts=True)
    if labels.dtype.kind == "f" and (not np.isfinite(values).all() or (values % 1 != 0).any()):
        return REGRESSION
    plain = values[0] == 0 and values[-1] == len(values) - 1 and counts.min() >= 2
    return CLASSIFICATION if len(values) <= FEW or plain else REGRESSION


def _classes(train: Array, test: Array, what: tuple[str, str], names: tuple[str, ...]) -> tuple[Target, Array, Array]:
    if train.ndim == 2:
        raise ConfigError(
            f"{what[0]} has {train.shape[1]} numbers a row, which task: regression would take; a classification has "
            "one label a row"
        )
    for y, name in ((train, what[0]), (test, what[1])):
        if y.dtype.kind == "f" and (not np.isfinite(y).all() or (y % 1 != 0).any()):
            odd = y[~np.isfinite(y) | (y % 1 != 0)][0]
            raise ConfigError(
                f"{name} holds numbers such as {odd:g}, which task: regression would take; classes are words, booleans "
                "or whole numbers"
            )
    values = np.unique(train)
    if len(values) < 2:
        raise ConfigError(f"{what[0]} must have two classes or more, got {_plain(values[0])!r} alone")
    unseen = np.setdiff1d(test, values)
    if len(unseen):
        raise ConfigError(f"{what[1]} must hold labels of {what[0]} only, got {listed(map(_plain, unseen))}")
    target = Target(CLASSIFICATION, tuple(_plain(value) for value in values), names)
    if target.numbered and train.dtype.kind in "iu":
        return target, train, test.astype(train.dtype) if test.dtype.kind not in "iu" else test
    return target, np.searchsorted(values, train), np.searchsorted(values, test)


def _numbers(train: Array, test: Array, what: tuple[str, str], names: tuple[str, ...]) -> tuple[Target, Array, Array]:
    both = []
    for y, name in ((train, what[0]), (test, what[1])):
        if y.dtype.kind in "USb":
            raise ConfigError(
                f"{name} holds {_kind(y)} such as {_plain(y.flat[0])!r}, which task: classification would take; a "
                "regression has numbers"
            )
        numbers = y.astype(np.float64).reshape(len(y), -1)
        if not np.isfinite(numbers).all():
            raise ConfigError(f"{name} must be finite numbers, got {int((~np.isfinite(numbers)).sum())} others")
        both.append(numbers)
    if both[0].shape[1] != both[1].shape[1]:
        raise ConfigError(
            f"{what[0]} and {what[1]} must have as many numbers a row, got {train.shape} and {test.shape}"
        )
    names = names or (() if both[0].shape[1] == 1 else tuple(f"y{k}" for k in range(both[0].shape[1])))
    return Target(REGRESSION, (), names), both[0], both[1]


def _native(labels: Any, what: str) -> Array:
    """Labels as words, booleans, whole numbers or float64, in this machine's byte order."""
    labels = np.asarray(labels)
    if labels.dtype.kind == "O":
        values = labels.ravel().tolist()
        if all(isinstance(value, str) for value in values) or all(isinstance(value, bool) for value in values):
            labels = np.array(values).reshape(labels.shape)
    if labels.dtype.kind == "S":
        labels = np.char.decode(labels, "utf-8", "replace")
    if labels.dtype.kind not in "biufU":
        raise ConfigError(f"{what} must be words, booleans or numbers, all of one kind, got {labels.dtype}")
    if labels.dtype.kind == "f":
        return labels.astype(np.float64)
    return labels if labels.dtype.isnative else labels.astype(labels.dtype.newbyteorder("="))


def _is_one_hot(labels: Array) -> bool:
    if labels.ndim != 2 or labels.shape[1] < 2 or labels.dtype.kind == "U":
        return False
    return bool(((labels == 0) | (labels == 1)).all() and ((labels == 1).sum(axis=1) == 1).all())


def _kind(labels: Array) -> str:
    return {"U": "words", "b": "booleans"}.get(labels.dtype.kind, "numbers")


def _plain(value: Any) -> Label:
    """A class as a value that JSON can hold."""
    own = value.item() if isinstance(value, np.generic) else value
    return int(own) if isinstance(own, float) else own
