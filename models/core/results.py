"""The reports and results of a trial. Imports no TensorFlow, because the driver reads results."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.core import names, states

FAILURES = (states.DIVERGED, states.OUT_OF_MEMORY)
SCORED_PARTS = ("validation", "test")
LOSSES = (names.VAL_LOSS, names.TEST_LOSS, names.TRAIN_LOSS)
"""The scores that trials of all tasks have; models.tasks has those of each task."""
OUT_OF_FOLD = "out_of_fold"
"""The part of the data that cross-validation scores: each training row once, by a network not trained on the row."""


class TrialFailed(Exception):
    """The configuration itself cannot be trained; `reason` is one of FAILURES."""

    def __init__(self, reason: str, detail: str = "") -> None:
        if reason not in FAILURES:
            raise ValueError(f"reason must be one of {', '.join(FAILURES)}, got {reason!r}")
        super().__init__(reason, detail)  # the arguments of __init__, so that the exception can be pickled
        self.reason, self.detail = reason, detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


class TrialStopped(Exception):
    """Raised by `report` to end a trial after an epoch; `reason` is the caller's."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class EpochReport:
    """The metrics at the end of one epoch.

    `loss` (with the L2 penalty) and `accuracy` are Keras' running means while training; `val_*`, and with
    train_metrics "each" `train_*` and `test_*`, are measured in inference mode, losses without penalty and weights.
    """

    epoch: int
    """From 1."""
    metrics: dict[str, float]
    timestamp_ms: int
    """Milliseconds since 1970, UTC."""

    def __post_init__(self) -> None:
        if self.epoch < 1:
            raise ValueError(f"epoch must be 1 or more, got {self.epoch}")
        _check_finite("metrics", self.metrics)


@dataclass(frozen=True, eq=False)
class Result:
    """A finished trial: the fields of both kinds, TrialResult and FoldsResult."""

    history: tuple[EpochReport, ...]
    scores: dict[str, float]
    """The metrics of the kept weights in inference mode, by part and metric: `val_loss`, `test_rmse`. Losses are
    cross-entropy in nats, or squared errors of standardised targets, without L2 penalty and weights."""
    evidence: dict[str, dict[str, Any]]
    """For each scored part, the evidence of its task (models.tasks.task.Task.evidence), as plain JSON values."""
    n_parameters: int
    n_trainable: int
    seconds: float
    weights_sha256: str

    def __post_init__(self) -> None:
        _check_finite("scores", self.scores)
        for part, matrix in self.confusion.items():
            if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
                raise ValueError(f"a confusion matrix must be square, got {part} of shape {matrix.shape}")

    @property
    def confusion(self) -> dict[str, NDArray[np.int64]]:
        """For a classification, by part: the matrix (K, K), rows the truth, columns the prediction."""
        return {
            part: np.array(kept["confusion"], np.int64) for part, kept in self.evidence.items() if "confusion" in kept
        }

    @property
    def per_class(self) -> dict[str, list[dict[str, Any]]]:
        """For a classification, by part: a row for each class, with precision, recall, f1, specificity and support."""
        return {part: kept["per_class"] for part, kept in self.evidence.items() if "per_class" in kept}

    @property
    def predictions(self) -> dict[str, dict[str, Any]]:
        """For a regression, by part: the evidence of models.tasks.regression.Regression."""
        return {part: kept for part, kept in self.evidence.items() if "targets" in kept}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Result):
            return NotImplemented
        return self.to_json() == other.to_json()

    @property
    def metrics(self) -> dict[str, float]:
        """All numbers of a finished trial. Names ending in `seconds` are timings; a replay does not reproduce them."""
        return self.scores | {
            names.N_PARAMETERS: self.n_parameters,
            names.N_TRAINABLE: self.n_trainable,
            "seconds": self.seconds,
        }

    def to_json(self) -> str:
        """All fields but the model, as strict JSON; floats come back exactly."""
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "model"}
        values["history"] = [asdict(epoch) for epoch in self.history]
        return json.dumps(values, allow_nan=False)

    def repeatable(self) -> dict[str, Any]:
        """The fields that the same configuration, data and seed reproduce to the last bit."""
        values = json.loads(self.to_json())
        for epoch in values["history"]:
            del epoch["timestamp_ms"]
        return {name: value for name, value in values.items() if not name.endswith("seconds")}


@dataclass(frozen=True, eq=False)
class TrialResult(Result):
    """A configuration trained once: `scores` of all parts, the evidence of "validation" and "test"."""

    best_epoch: int
    """The epoch of the kept weights, from 1."""
    model: bytes = field(repr=False, compare=False)
    """A .keras file that takes the data set's raw inputs; without optimizer state."""
    trained_by: str = ""
    """For a network of the user's own: "one graph", or "Model.fit" with the reason; empty for the built-in one."""

    def __post_init__(self) -> None:
        if not 1 <= self.best_epoch <= len(self.history):
            raise ValueError(f"best_epoch must be one of the {len(self.history)} epochs, got {self.best_epoch}")
        if not set(LOSSES) <= set(self.scores):
            raise ValueError(f"scores must have {', '.join(LOSSES)}, got {', '.join(self.scores)}")
        super().__post_init__()

    @property
    def metrics(self) -> dict[str, float]:
        return super().metrics | {names.BEST_EPOCH: self.best_epoch}

    @classmethod
    def from_json(cls, text: str, model: bytes) -> "TrialResult":
        """The result that `to_json` wrote, with its model put back."""
        return cls(**_read(text), model=model)


@dataclass(frozen=True)
class FoldResult:
    """One fold of a cross-validated trial, before it is joined with the others."""

    result: TrialResult
    """Without a model. Its test part is the fold."""
    answers: NDArray[Any]
    """(rows of the fold, outputs): the network's answers to the fold, in the user's units."""
    seconds: float
    """The time of training, with scaling and scoring."""


@dataclass(frozen=True, eq=False)
class FoldsResult(Result):
    """A configuration trained once for each fold, and scored on the rows left out of that training.

    The names of an epoch's metrics begin with the fold: `fold_1_val_loss`. Among `scores`, `fold_1_score` is the
    objective on fold 1; `val_accuracy` and the like are means over the folds; `val_accuracy_std`, for the objective
    alone, is the standard deviation over the folds, with their number as divisor as in scikit-learn; `train_accuracy`,
    for the objective alone, is the mean over the networks, each on its own training rows. The one evidence,
    OUT_OF_FOLD, has every training row once. There is no model, and no score of the test part.
    """

    fold_seconds: tuple[float, ...]
    """The time of each fold's training, with scaling and scoring."""

    @property
    def metrics(self) -> dict[str, float]:
        each = {f"fold_{number}_seconds": seconds for number, seconds in enumerate(self.fold_seconds, start=1)}
        return super().metrics | each

    @classmethod
    def from_json(cls, text: str) -> "FoldsResult":
        """The result that `to_json` wrote."""
        values = _read(text)
        return cls(**values | {"fold_seconds": tuple(values["fold_seconds"])})


def _read(text: str) -> dict[str, Any]:
    values = json.loads(text)
    values["history"] = tuple(EpochReport(**epoch) for epoch in values["history"])
    return dict(values)


def _check_finite(what: str, values: Mapping[str, float]) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise ValueError(f"{what} must be finite, got {name} = {value}")
