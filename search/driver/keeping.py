"""Which trials' models are logged: all, none, or the best K of the study."""

import re
from bisect import insort
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.core.errors import ConfigError, shown
from models.core.results import TrialResult
from models.tasks.objective import Objective
from search.stores import outbox
from search.stores.paths import StudyPaths
from search.workers.outcome import Outcome

if TYPE_CHECKING:  # the command line is read, by ModelPolicy, before Optuna and MLflow are imported
    from search.stores.optuna_attempts import OptunaAttempt
    from search.tracking.trial_runs import TrialRuns


@dataclass(frozen=True)
class ModelPolicy:
    """Which models a search logs: `all`, `none`, or `best:K`."""

    mode: str
    best: int = 0

    def __str__(self) -> str:
        return f"best:{self.best}" if self.mode == "best" else self.mode

    @classmethod
    def read(cls, text: str) -> "ModelPolicy":
        found = re.fullmatch(r"best:([1-9][0-9]{0,8})", text, re.ASCII)
        if found:
            return cls("best", int(found[1]))
        if text not in ("all", "none"):
            raise ConfigError(f"models must be all, none or best:K with K of 1 or more, got {shown(text)}")
        return cls(text)


class ModelKeeper:
    """Logs models as the policy says. With best:K, candidates wait on disk and the best K of all are logged at the end.

    Ties go to the lower trial number, so that the choice does not depend on the order in which trials ended.
    """

    def __init__(
        self, policy: ModelPolicy, paths: StudyPaths, finished: "list[OptunaAttempt]", objective: Objective
    ) -> None:
        self.policy, self._place = policy, objective.place
        self._staged = paths.staged
        self._best: list[tuple[float, int]] = []
        self._logged: set[int] = set()
        self._run_ids: dict[int, str] = {}
        for each in finished:
            self._rank(each.number, each.score, each.run_id)
        self._logged = self._numbers()

    @property
    def log_now(self) -> bool:
        return self.policy.mode == "all"

    def offer(self, outcome: Outcome, run_id: str) -> None:
        """Sets the model aside if its trial is among the best K so far, and drops a model that no longer is."""
        if self.policy.mode != "best" or outcome.score is None:
            return
        self._rank(outcome.number, outcome.score, run_id)
        best = self._numbers()
        if outcome.number in best:
            outbox.put(outcome, self._staged)
        for path in self._staged.outcomes():
            if self._staged.attempt_in(path)[0] not in best:
                path.unlink()

    @property
    def waiting(self) -> bool:
        """Whether there are models to log, or to drop."""
        return bool(self._staged.outcomes() or self._logged - self._numbers())

    def deliver(self, runs: "TrialRuns") -> None:
        """Logs the models that were set aside, and drops logged models that are no longer among the best K."""
        best = self._numbers()
        for path in self._staged.outcomes():
            outcome = outbox.take(path)
            if outcome.number in best and isinstance(outcome.result, TrialResult):
                run_id = self._run_ids.get(outcome.number) or runs.find(outcome.number, outcome.attempt)
                if run_id:
                    runs.add_model(run_id, outcome.result)
            path.unlink()
        for number in self._logged - best:
            runs.drop_model(self._run_ids[number])

    def _rank(self, number: int, score: float | None, run_id: str) -> None:
        """Ranks the trial among the best K, if its score belongs there."""
        if score is None or self._place(score, number) in self._best:
            return
        insort(self._best, self._place(score, number))
        self._run_ids[number] = run_id
        for _, beaten in self._best[self.policy.best :]:
            if beaten not in self._logged:
                del self._run_ids[beaten]
        del self._best[self.policy.best :]

    def _numbers(self) -> set[int]:
        return {number for _, number in self._best}
