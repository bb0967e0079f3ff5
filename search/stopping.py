"""`stop_when_gain_below`: ends a search once doubling its trials would buy too little."""

import pandas as pd

from analysis.stopping import stop_at
from analysis.table import TrialTable
from models.config import ConfigError
from search.settings import StudySettings


class StopRule:
    """Judges the plan's finished beginning in plan order, so that the decision does not depend on the workers.

    Raises:
        ConfigError: the threshold is not a gain of accuracy, or the study has no next draw to judge.
    """

    def __init__(self, threshold: float, settings: StudySettings) -> None:
        if not 0 < threshold < 1:
            raise ConfigError(f"stop_when_gain_below must be a number between 0 and 1, got {threshold:g}")
        if settings.sampler == "list":
            raise ConfigError("stop_when_gain_below needs trials drawn at random, got a study with the sampler list")
        if settings.pruner != "none":
            raise ConfigError(
                f"stop_when_gain_below needs every trial's full score, got a study with the pruner {settings.pruner}"
            )
        self._threshold, self._study, self._sampler = threshold, settings.name, settings.sampler
        self._rows: dict[int, dict[str, object]] = {}
        self._looked = 0
        self.stopped_at: int | None = None
        """The number of plan numbers that the search ends with, once that is decided."""

    def add(self, number: int, state: str, reason: str, score: float | None) -> None:
        """A trial has finished."""
        self._rows[number] = {
            "number": number,
            "state": state,
            "state_reason": reason,
            "val_accuracy": score,
            "test_accuracy": score,  # the rule looks at validation alone
        }
        if self.stopped_at is not None:
            return
        prefix = self._prefix()
        if prefix >= self._looked + 10:
            frame = pd.DataFrame([self._rows[each] for each in range(prefix)])
            table = TrialTable(frame, self._study, self._sampler)
            self.stopped_at = stop_at(table, self._threshold, looked=self._looked)
            self._looked = prefix

    def _prefix(self) -> int:
        prefix = self._looked
        while prefix in self._rows:
            prefix += 1
        return prefix
