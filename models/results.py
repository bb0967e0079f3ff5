"""What a trial reports and returns. Imports no TensorFlow: the driver reads these."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

FAILURES = ("diverged", "out of memory")
SCORES = ("val_accuracy", "val_loss", "test_accuracy", "test_loss", "train_accuracy", "train_loss")
SCORED_PARTS = ("validation", "test")


class TrialFailed(Exception):
    """The configuration itself cannot be trained; `reason` is one of FAILURES."""

    def __init__(self, reason: str, detail: str = "") -> None:
        if reason not in FAILURES:
            raise ValueError(f"reason must be one of {', '.join(FAILURES)}, got {reason!r}")
        super().__init__(reason, detail)  # the arguments of __init__, so that it survives a pickle
        self.reason, self.detail = reason, detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}" if self.detail else self.reason


class TrialStopped(Exception):
    """Raised by `report` to end a trial after an epoch; `reason` says why, in the caller's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class EpochReport:
    """The metrics at the end of one epoch.

    `loss` (with the L2 penalty) and `accuracy` are Keras' running means while training; `val_*`, and with
    train_metrics "each" `train_*` and `test_*`, are measured in inference mode, losses as cross-entropy alone.
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


@dataclass(frozen=True)
class TrialResult:
    """A finished trial."""

    history: tuple[EpochReport, ...]
    best_epoch: int
    """Of the kept weights, from 1."""
    scores: dict[str, float]
    """SCORES, in inference mode on the kept weights; losses are cross-entropy without the L2 penalty, in nats."""
    confusion: dict[str, NDArray[np.int64]]
    """For "validation" and "test": (n_classes, n_classes), rows the truth, columns the prediction."""
    per_class: dict[str, list[dict[str, Any]]]
    """For "validation" and "test", a row a class: class, precision, recall, f1, specificity, support."""
    n_parameters: int
    n_trainable: int
    seconds: float
    weights_sha256: str
    model: bytes = field(repr=False, compare=False)
    """A .keras file that takes the data set's raw inputs; without optimizer state."""

    def __post_init__(self) -> None:
        if not 1 <= self.best_epoch <= len(self.history):
            raise ValueError(f"best_epoch must be one of the {len(self.history)} epochs, got {self.best_epoch}")
        if set(self.scores) != set(SCORES):
            raise ValueError(f"scores must be {', '.join(SCORES)}, got {', '.join(self.scores)}")
        _check_finite("scores", self.scores)
        for part in SCORED_PARTS:
            matrix = self.confusion[part]
            if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
                raise ValueError(f"a confusion matrix must be square, got {part} of shape {matrix.shape}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TrialResult):
            return NotImplemented
        return self.to_json() == other.to_json()

    def to_json(self) -> str:
        """Everything but the model, as strict JSON; floats come back exactly."""
        values = {item.name: getattr(self, item.name) for item in fields(self) if item.name != "model"}
        values["history"] = [asdict(epoch) for epoch in self.history]
        values["confusion"] = {part: matrix.tolist() for part, matrix in self.confusion.items()}
        return json.dumps(values, allow_nan=False)

    def repeatable(self) -> dict[str, Any]:
        """What must come out again, to the last bit, for the same configuration, data and seed."""
        values = json.loads(self.to_json())
        del values["seconds"]
        for epoch in values["history"]:
            del epoch["timestamp_ms"]
        return dict(values)

    @classmethod
    def from_json(cls, text: str, model: bytes) -> "TrialResult":
        """The result that `to_json` wrote, with its model put back."""
        values = json.loads(text)
        values["history"] = tuple(EpochReport(**epoch) for epoch in values["history"])
        values["confusion"] = {part: np.array(rows, np.int64) for part, rows in values["confusion"].items()}
        return cls(**values, model=model)


def _check_finite(what: str, values: Mapping[str, float]) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise ValueError(f"{what} must be finite, got {name} = {value}")
