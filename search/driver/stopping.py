"""`stop_when_gain_below`: ends a search once doubling its trials would buy too little."""

from analysis.estimates.doubling import SHARE, first_stop
from models.core import states
from models.core.errors import ConfigError
from models.tasks.objective import Baselines, Objective
from search.study.settings import StudySettings


class StopRule:
    """Judges finished trials in the order of the plan, so that the decision does not depend on the workers.

    Raises:
        ConfigError: the threshold is not a gain of the objective, or the study has no next draw to judge.
    """

    def __init__(self, threshold: float, settings: StudySettings, objective: Objective, baselines: Baselines) -> None:
        low, high = objective.bounds(baselines)
        if not 0 < threshold < high - low:
            raise ConfigError(f"stop_when_gain_below must be a number between 0 and {high - low:g}, got {threshold:g}")
        if settings.sampler in ("list", "tpe"):
            raise ConfigError(
                f"stop_when_gain_below needs trials drawn at random, got a study with the sampler {settings.sampler}"
            )
        if settings.pruner != "none":
            raise ConfigError(
                f"stop_when_gain_below needs every trial's full score, got a study with the pruner {settings.pruner}"
            )
        self._threshold, self._objective, self._baselines = threshold, objective, baselines
        self._ahead: dict[int, float] = {}
        self._scores: list[float] = []
        self._looked = 0
        self.stopped_at: int | None = None
        """How many plan numbers count, once the rule has ended the search; None before."""

    def add(self, number: int, state: str, score: float | None) -> None:
        """Counts a finished trial, each number once. A trial without a score counts as the worst score."""
        if number >= len(self._scores):
            found = self._objective.censored(score if state == states.COMPLETE else None, self._baselines)
            self._ahead.setdefault(number, self._objective.sign * found)
        while len(self._scores) in self._ahead:
            self._scores.append(self._ahead.pop(len(self._scores)))
        if self.stopped_at is None and len(self._scores) >= self._looked + SHARE:
            self.stopped_at = first_stop(self._scores, self._threshold, looked=self._looked)
            self._looked = len(self._scores)
