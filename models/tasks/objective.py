"""What trials are chosen by: one metric of the validation part, its direction, its bounds and its worst value."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from models.core import names
from models.core.errors import ConfigError
from models.core.suggestions import did_you_mean
from models.data.labels import CLASSIFICATION
from models.tasks.metrics import Metric, metric_of

DEFAULTS = {CLASSIFICATION: names.ACCURACY}
METRICS_OF = {
    CLASSIFICATION: (names.LOSS, names.ACCURACY, names.BALANCED_ACCURACY, names.MACRO_F1, names.AUC),
    "regression": (names.LOSS, names.RMSE, names.MAE, names.R2),
}
"""The metrics of each task, the loss first."""

Item = TypeVar("Item")


@dataclass(frozen=True)
class Objective:
    """A metric of the validation part, as `val_macro_f1`."""

    name: str

    @property
    def metric(self) -> Metric:
        return metric_of(self.name)

    @property
    def test_name(self) -> str:
        """The same metric of the test part: reported, never chosen by."""
        return names.TEST + self.metric.name

    @property
    def direction(self) -> str:
        """ "maximize" or "minimize", as Optuna says it."""
        return self.metric.direction

    @property
    def sign(self) -> int:
        """What a score is multiplied by so that more is better."""
        return 1 if self.direction == "maximize" else -1

    def better(self, one: float, other: float) -> bool:
        """Whether `one` is better than `other`; equal ones are not."""
        return self.sign * one > self.sign * other

    def best(self, items: Sequence[Item], scores: Sequence[float]) -> Item:
        """The item of the best score, the first one on ties."""
        place = max(range(len(items)), key=lambda k: (self.sign * scores[k], -k))
        return items[place]

    @property
    def bounded(self) -> bool:
        return math.isfinite(self.metric.low) and math.isfinite(self.metric.high)

    def worst(self, baselines: Mapping[str, Mapping[str, float]]) -> float:
        """The score of a trial that failed, or found only worse: the bound, else the baseline's score.

        Whoever finds only worse would use the baseline: the most frequent class, or the mean.
        """
        bound = self.metric.low if self.direction == "maximize" else self.metric.high
        return bound if math.isfinite(bound) else baselines["constant"][self.name]

    def bounds(self, baselines: Mapping[str, Mapping[str, float]]) -> tuple[float, float]:
        """Between what a trial's score lies once it is no worse than `worst`."""
        worst = self.worst(baselines)
        return (worst, self.metric.high) if self.direction == "maximize" else (self.metric.low, worst)

    def censored(self, score: float | None, baselines: Mapping[str, Mapping[str, float]]) -> float:
        """`score`, or `worst` where there is none or a worse one."""
        worst = self.worst(baselines)
        return worst if score is None or not math.isfinite(score) or self.better(worst, score) else score


def read_objective(written: str, task: str) -> Objective:
    """The objective that `written` names; empty: val_accuracy, or of a regression val_rmse.

    Raises:
        ConfigError: the task has no such metric.
    """
    return Objective(_checked("objective", written or names.VAL + DEFAULTS.get(task, names.RMSE), task))


def check_monitor(monitor: str, task: str) -> str:
    """That early stopping can look at `monitor` on data of `task`.

    Raises:
        ConfigError: the task has no such metric.
    """
    return _checked("monitor", monitor, task)


def _checked(what: str, written: str, task: str) -> str:
    known = [names.VAL + metric for metric in METRICS_OF[task]]
    if written not in known:
        other = next((t for t, metrics in METRICS_OF.items() if written.removeprefix(names.VAL) in metrics), "")
        why = (
            f", which is one of a {other}" if other and written.startswith(names.VAL) else did_you_mean(written, known)
        )
        raise ConfigError(f"{what} of a {task} must be one of {', '.join(known)}, got {written!r}{why}")
    return written
