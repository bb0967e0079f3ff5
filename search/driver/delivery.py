"""The way of a finished trial: outbox -> MLflow -> Optuna -> gone from the outbox. Each step may be repeated."""

import math
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.core import names, states
from models.core.results import EpochReport
from search.driver.keeping import ModelKeeper
from search.driver.limits import Limits
from search.driver.progress import Progress
from search.driver.store_errors import StoreError, explain
from search.stores import outbox
from search.stores.optuna_study import StudyStore
from search.stores.paths import StudyPaths
from search.study.distributions import distributions
from search.study.plan import Plan, PlannedTrial
from search.study.settings import StudySettings
from search.tracking.tracking_store import refuses
from search.tracking.trial_runs import TrialRuns
from search.workers.outcome import Outcome


@dataclass(frozen=True)
class Stores:
    """The places that a study's attempts are written to, in this order."""

    paths: StudyPaths
    """Where the outbox lies."""
    runs: TrialRuns
    study: StudyStore
    ui_url: str
    """The address at which links into the MLflow UI begin."""

    def link(self, run_id: str) -> str:
        """The address of a run in the MLflow UI."""
        return f"{self.ui_url}/{self.runs.link(run_id)}"


class Delivery:
    """Writes attempts, from their start to their end, to MLflow and Optuna.

    While one of them is away, results wait in the outbox. `further_tags` are tags of a plan number's child runs beside
    the usual ones.
    """

    def __init__(
        self,
        settings: StudySettings,
        plan: Plan,
        stores: Stores,
        keeper: ModelKeeper,
        progress: Progress,
        further_tags: Mapping[int, Mapping[str, object]] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.settings, self.progress, self.limits = settings, progress, limits or Limits()
        self.paths, self.runs, self.study = stores.paths, stores.runs, stores.study
        self._plan, self._link, self._keeper, self._further_tags = plan, stores.link, keeper, further_tags or {}
        self._run_ids: dict[tuple[int, int], str] = {}
        self._epochs: dict[tuple[int, int], list[EpochReport]] = defaultdict(list)
        self._epochs_written = 0.0
        self._tracked: set[tuple[int, int]] = set()
        self._away_since: float | None = None
        self._refused = self._uncommitted = ""
        self._closed = False
        self.undelivered: deque[Outcome] = deque()
        """Finished attempts that wait in the outbox."""

    @property
    def stuck(self) -> str:
        """Why the search must end, or empty: results can be kept nowhere, or a store refuses them."""
        return self._uncommitted or (self._refused if self.undelivered else "")

    def grow(self, plan: Plan) -> None:
        """Takes over a plan that has more trials than before."""
        self._plan = plan

    def begin(self, planned: PlannedTrial, attempt: int, started_ms: int) -> None:
        """Writes to both stores that a worker has begun an attempt."""

        def write() -> None:
            self.study.ask(planned, attempt, distributions(self.settings, planned))
            self._open(planned, attempt, started_ms, new=True)

        self.through(write)

    def heard(self, number: int, attempt: int, report: EpochReport) -> None:
        """Keeps an epoch for `write_epochs`, and for an attempt that ends without a result."""
        self._epochs[number, attempt].append(report)

    def should_prune(self, number: int, attempt: int, report: EpochReport) -> bool:
        """Whether the study's pruner would end the attempt after this epoch."""
        behind = False

        def judge() -> None:
            nonlocal behind
            self.study.report(number, attempt, [report])
            behind = self.study.should_prune(number, attempt)

        return self.study.prunes and self.through(judge) and behind

    def epochs_of(self, number: int, attempt: int) -> tuple[EpochReport, ...]:
        """The epochs of an attempt that were heard and are not written yet."""
        return tuple(self._epochs.get((number, attempt), ()))

    def write_epochs(self) -> None:
        """Writes the epochs that were heard, every `limits.epochs_every` seconds."""
        if time.monotonic() - self._epochs_written < self.limits.epochs_every:
            return
        self._epochs_written = time.monotonic()
        fresh = {key: reports for key, reports in self._epochs.items() if reports}
        self._epochs.clear()
        by_run = {self._run_ids[key]: reports for key, reports in fresh.items() if key in self._run_ids}
        if by_run:
            self.through(lambda: self.runs.log_epochs(by_run))
        for (number, attempt), reports in fresh.items():
            self.through(lambda n=number, a=attempt, r=reports: self.study.report(n, a, r))  # type: ignore[misc]

    def commit(self, outcome: Outcome) -> bool:
        """Whether the outcome lies in the outbox: from here on the attempt is finished, whatever dies."""
        if self._uncommitted:
            return False
        try:
            outbox.put(outcome, self.paths)
        except OSError as error:
            self._uncommitted = f"results must be kept in {self.paths.folder}, got: {error.strerror}"
            return False
        self._epochs.pop((outcome.number, outcome.attempt), None)
        return True

    def deliver(self, outcome: Outcome) -> bool:
        """Whether both stores have the committed outcome; else it waits for `retry`."""
        planned, key = self._plan.get(outcome.number), (outcome.number, outcome.attempt)
        assert planned is not None  # the driver takes outcomes of planned trials alone

        def log() -> None:
            run_id = self._run_ids.get(key) or self._open(planned, outcome.attempt, outcome.started_ms)
            self.runs.finish(run_id, outcome, with_model=self._keeper.log_now)
            self._keeper.offer(outcome, run_id)

        def write() -> None:
            if key not in self._tracked:
                if not self.study.has(*key):
                    self.study.ask(planned, outcome.attempt, distributions(self.settings, planned))
                try:
                    log()
                except StoreError as error:
                    if not refuses(error) or key not in self._run_ids:
                        raise
                    del self._run_ids[key]
                    log()  # on a new run: the user has deleted the attempt's own
                self._tracked.add(key)
            self.study.finish(outcome)

        if not self.through(write):
            if outcome not in self.undelivered:
                self.undelivered.append(outcome)
            return False
        outbox.remove(outcome, self.paths)
        self._run_ids.pop(key, None)
        self._tracked.discard(key)
        return True

    def retry(self, now: bool = False) -> None:
        """Delivers the outcomes that wait. With `now`, a store that was away a moment ago is tried again at once."""
        if now and self._away_since is not None:
            self._away_since = -math.inf
        for _ in range(len(self.undelivered)):
            if not self.deliver(self.undelivered[0]):
                return
            self.undelivered.popleft()

    def close_unfinished(self) -> None:
        """Ends the runs that earlier drivers left RUNNING."""
        self._closed = self.through(lambda: self.runs.close_unfinished(states.DRIVER_LOST))

    def finish(self, asked_to_stop: Sequence[str]) -> int:
        """Delivers the outcomes that wait. Waits a while for stores that are away, unless the user asked to stop.

        Returns:
            How many finished attempts still wait in the outbox, plus 1 where models wait to be logged.
        """
        until = time.monotonic() + self.limits.last_patience
        self.retry(now=True)
        while self.undelivered and time.monotonic() < until and not (asked_to_stop or self.stuck):
            time.sleep(1)
            self.retry(now=True)
        if not self._closed:
            self.close_unfinished()
        models_wait = self._keeper.waiting and not self.through(lambda: self._keeper.deliver(self.runs))
        return len(self.undelivered) + models_wait

    def child_tags(self, number: int) -> dict[str, object]:
        own = {
            names.STUDY_SEED: self.settings.seed,
            names.SAMPLER: self.settings.sampler,
            names.MODELS: self._keeper.policy,
        }
        if self._plan.replicates:
            own[names.REPLICATE] = number % self._plan.replicates
        own |= self.settings.split | {names.OBJECTIVE: self.study.objective.name} | self.settings.network_tags
        return own | dict(self._further_tags.get(number, {}))

    def _open(self, planned: PlannedTrial, attempt: int, started_ms: int, new: bool = False) -> str:
        run_id = self.runs.start(planned, attempt, self.child_tags(planned.number), started_ms, new)
        self.study.link(planned.number, attempt, run_id, self._link(run_id))
        self._run_ids[planned.number, attempt] = run_id
        return run_id

    def through(self, write: Callable[[], Any]) -> bool:
        """Whether `write` reached MLflow and Optuna. While one of them is away, training goes on."""
        was_away = self._away_since is not None
        if self._away_since is not None and time.monotonic() - self._away_since < self.limits.retry_every:
            return False
        try:
            self.study.lock()
            write()
        except StoreError as error:
            if refuses(error):  # the store answers, and would give the same answer again
                self._refused = explain(error)
                return False
            if not was_away:
                self.progress.say(f"{explain(error)}; results wait in {self.paths.folder}")
            self._away_since = time.monotonic()
            return False
        self._refused = ""
        if was_away:
            self.progress.say("the stores answer again")
            self._away_since = None
        return True
