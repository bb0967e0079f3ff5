"""The objective that trials are chosen by: one metric of the validation part, its direction, bounds and worst value."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.core import names
from models.core.errors import ConfigError, shown
from models.core.suggestions import did_you_mean
from models.data.labels import CLASSIFICATION, REGRESSION
from models.tasks.metrics import Direction, Metric, metric_of

DEFAULTS = {CLASSIFICATION: names.ACCURACY}
METRICS_OF = {CLASSIFICATION: names.METRICS_OF_CLASSES, REGRESSION: names.METRICS_OF_NUMBERS}
"""The metrics of each task, the loss first."""
Baselines = Mapping[str, Mapping[str, float]]
"""For each baseline's name, its scores by name, as models.tasks.baselines.baseline gives them."""
CONSTANT, LINEAR = "constant", "linear"
"""The names of the baselines. The constant one stands in for worse trials, as nobody would use these."""


@dataclass(frozen=True)
class Objective:
    """A metric of the validation part, such as `val_macro_f1`."""

    name: str
    foreign: Metric | None = None
    """For a study that another program made: a metric that this project does not have."""
    foreign_test: str = ""
    """The name of that metric on the test part."""

    @property
    def metric(self) -> Metric:
        return self.foreign or metric_of(self.name)

    @property
    def test_name(self) -> str:
        """The name of the same metric on the test part, which is reported and never chosen by."""
        return self.foreign_test or names.TEST + self.metric.name

    @property
    def direction(self) -> Direction:
        return self.metric.direction

    @property
    def sign(self) -> int:
        """1 or -1: a score times this is better where it is higher."""
        return 1 if self.direction == "maximize" else -1

    @property
    def label(self) -> str:
        """The metric's name in sentences and on axes: `macro F1`."""
        return self.metric.label

    @property
    def heading(self) -> str:
        """The label at the beginning of a sentence."""
        return self.label[0].upper() + self.label[1:]

    @property
    def proportion(self) -> bool:
        """Whether a score is a share of rows, as only such scores have a binomial error."""
        return self.metric.name == names.ACCURACY

    @property
    def std_name(self) -> str:
        """For a cross-validated trial: the name of its score's standard deviation over the folds."""
        return f"{self.name}_std"

    def better(self, one: float, other: float) -> bool:
        """Whether the score `one` is better than `other`; equal scores are not."""
        return self.sign * one > self.sign * other

    def place(self, score: float, number: int) -> tuple[float, int]:
        """A trial's sort key, the best trial first; of equal scores, the lower number comes first everywhere."""
        return -self.sign * score, number

    @property
    def bounded(self) -> bool:
        """Whether the metric itself has a worst value; otherwise a baseline gives one."""
        return math.isfinite(self._worst_bound)

    @property
    def from_0_to_1(self) -> bool:
        """Whether scores lie from 0 to 1 and 1 is the best, so that 1 less a score is an error."""
        return (self.direction, self.metric.low, self.metric.high) == ("maximize", 0.0, 1.0)

    def worst(self, baselines: Baselines) -> float:
        """The score of a trial that failed or scored worse: the metric's bound, else the constant baseline's score.

        Raises:
            ValueError: there is neither a bound nor such a score.
        """
        return self._worst(self.name, baselines)

    def worst_test(self, baselines: Baselines) -> float:
        """The test score that goes with `worst`."""
        return self._worst(self.test_name, baselines)

    def bounds(self, baselines: Baselines) -> tuple[float, float]:
        """The lowest and the highest score of trials whose scores are at least as good as `worst`."""
        worst = self.worst(baselines)
        return (worst, self.metric.high) if self.direction == "maximize" else (self.metric.low, worst)

    def censored(self, score: float | None, baselines: Baselines) -> float:
        """`score`; where the score is None, not finite or worse than `worst`, that instead."""
        worst = self.worst(baselines)
        return worst if score is None or not math.isfinite(score) or self.better(worst, score) else score

    def check_targets(self, targets: Sequence[float]) -> None:
        """Checks that the scores to reach are possible values of the metric.

        Raises:
            ConfigError: one of `targets` cannot be reached.
        """
        best = self.metric.high if self.direction == "maximize" else self.metric.low
        for target in targets:
            beyond = self.better(target, best) or (self.bounded and not self.better(target, self._worst_bound))
            if not math.isfinite(target) or beyond:
                low, high = self.metric.low, self.metric.high
                raise ConfigError(f"targets must be values of {self.name}, {low:g} to {high:g}, got {shown(target)}")

    @property
    def _worst_bound(self) -> float:
        return self.metric.low if self.direction == "maximize" else self.metric.high

    def _worst(self, name: str, baselines: Baselines) -> float:
        if self.bounded:
            return self._worst_bound
        if name not in baselines.get(CONSTANT, {}):
            raise ValueError(
                f"an estimate of {self.name}, which has no worst value, needs the constant baseline's score, which "
                "stands for a failed trial: got none"
            )
        return baselines[CONSTANT][name]


def read_objective(written: str, task: str) -> Objective:
    """The objective that `written` names; for an empty text val_accuracy, or for a regression val_rmse.

    Raises:
        ConfigError: the task has no such metric.
    """
    return Objective(_checked("objective", written or names.VAL + DEFAULTS.get(task, names.RMSE), task))


def check_monitor(monitor: str, task: str) -> str:
    """`monitor`, checked to be a metric that early stopping can use on data of `task`.

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
