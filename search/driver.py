"""The driver: the only process that writes to Optuna and to MLflow."""

import math
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from models.config import ConfigError
from models.results import EpochReport
from search import outbox
from search.engine import Done, Engine, EngineError, Epoch, Event, Lost
from search.keeping import ModelKeeper
from search.limits import GRACE, Limits
from search.outcome import MAX_ATTEMPTS, Outcome
from search.paths import StudyPaths
from search.plan import Plan, PlannedTrial, distributions
from search.progress import Progress
from search.settings import StudySettings
from search.stopping import StopRule
from search.stores import StoreError, explain
from search.study import StudyStore
from search.task import Job
from search.tracking import Tracking, refuses

_EPOCHS_EVERY = 1.0  # seconds between writes of per-epoch metrics; DESIGN promises them within 2 s
_RETRY_EVERY = 10.0  # seconds between deliveries while a store is away
_LAST_PATIENCE = 30.0  # seconds that a search which has nothing left to train waits for a store to come back
_HOPELESS = 10  # so many first trials failed, and none complete: the study is wrong, not the trials


@dataclass(frozen=True)
class Ended:
    """How a search ended."""

    missing: int
    """Planned trials that are not finished."""
    undelivered: int
    """Finished trials that wait in the outbox for the stores."""
    reason: str = ""
    trained: int = 0
    """Attempts that ended in this session."""
    stopped_at: int | None = None
    """How many plan numbers the stop rule ended the search with; None where it did not."""

    @property
    def complete(self) -> bool:
        return self.missing == 0 and self.undelivered == 0


@dataclass
class _InFlight:
    """An attempt that a worker has."""

    planned: PlannedTrial
    attempt: int
    started_ms: int
    began: float
    """On the monotonic clock, as the next."""
    asked_to_end: float | None = None


class Driver:
    """Runs what the plan holds and is not finished yet; each trial to its end exactly once."""

    def __init__(
        self,
        settings: StudySettings,
        plan: Plan,
        engine: Engine,
        study: StudyStore,
        tracking: Tracking,
        keeper: ModelKeeper,
        paths: StudyPaths,
        progress: Progress,
        ui_url: str,
        rule: StopRule | None = None,
        tags: Mapping[int, Mapping[str, object]] | None = None,
        limits: Limits | None = None,
    ) -> None:
        self._settings, self._plan, self._engine = settings, plan, engine
        self._study, self._tracking, self._keeper = study, tracking, keeper
        self._paths, self._progress, self._ui_url = paths, progress, ui_url
        self._rule, self._tags = rule, tags or {}
        self._limits = limits or Limits()
        self._pending: deque[PlannedTrial] = deque()
        self._next_attempt: dict[int, int] = defaultdict(int)
        self._lost_workers: Counter[int] = Counter()
        self._in_flight: dict[int, _InFlight] = {}
        self._run_ids: dict[tuple[int, int], str] = {}
        self._epochs: dict[tuple[int, int], list[EpochReport]] = defaultdict(list)
        self._epochs_written = 0.0
        self._undelivered: deque[Outcome] = deque()
        self._tracked: set[tuple[int, int]] = set()
        self._away_since: float | None = None
        self._refused = self._uncommitted = ""
        self._closed = False
        self._trained = 0
        self._complete = self._failed = 0

    def run(self, asked_to_stop: Sequence[str] = ()) -> Ended:
        """Delivers, reconciles, trains what is missing; ends early once `asked_to_stop` has a reason."""
        self._recover()
        reason = self._enough()
        while (self._pending or self._in_flight) and not reason:
            self._submit()
            try:
                events = self._engine.events(timeout=0.1)
            except EngineError as error:
                reason = str(error)
                break
            for event in events:
                if not (asked_to_stop and isinstance(event, Lost)):  # Ctrl-C in a terminal reaches the workers too
                    self._handle(event)
            self._end_overdue_trials()
            self._write_epochs()
            self._retry()
            reason = asked_to_stop[0] if asked_to_stop else self._reason_to_end()
        self._interrupt_in_flight()
        patience = time.monotonic() + (0 if asked_to_stop or self._stuck() else _LAST_PATIENCE)
        self._retry(now=True)
        while self._undelivered and time.monotonic() < patience and not (asked_to_stop or self._stuck()):
            time.sleep(1)
            self._retry(now=True)
        if not self._closed:
            self._close_unfinished()
        models_wait = self._keeper.waiting and not self._track(lambda: self._keeper.deliver(self._tracking))
        stopped_at = self._rule.stopped_at if self._rule is not None else None
        wanted = len(self._plan.trials) if stopped_at is None else stopped_at
        missing = sum(trial.number < wanted for trial in self._pending)
        return Ended(missing, len(self._undelivered) + models_wait, reason, self._trained, stopped_at)

    def _recover(self) -> None:
        """What earlier drivers left: outcomes in the outbox first, then attempts that nobody runs any more."""
        over = {(each.number, each.attempt) for each in self._study.attempts() if each.state != "running"}
        for path in self._paths.outcomes():
            outcome = outbox.take(path)
            planned = self._planned(outcome.number)
            if planned is None or (outcome.seed, outcome.config_hash) != (planned.seed, planned.config.hash()):
                raise ConfigError(
                    f"the outbox must hold results of this study alone; move those of another one away, got {path}"
                )
            if (outcome.number, outcome.attempt) in over:
                # Delivered already; or given up by a driver elsewhere, which went on with the number's next attempt.
                outbox.remove(outcome, self._paths)
            else:
                self._deliver(outcome)
        waiting = {(outcome.number, outcome.attempt): outcome for outcome in self._undelivered}
        for attempt in self._study.attempts():
            if attempt.state == "running" and (attempt.number, attempt.attempt) not in waiting:
                # As an outcome like any other, so that both sides tell the same of it, whichever knew of it.
                left = _InFlight(self._plan.trials[attempt.number], attempt.attempt, _now_ms(), time.monotonic())
                lost = self._given_up(left, "driver lost", "")
                outbox.put(lost, self._paths)
                self._deliver(lost)
        self._close_unfinished()
        ended: dict[int, tuple[str, str, float | None]] = {}
        for attempt in self._study.attempts():
            self._next_attempt[attempt.number] = max(self._next_attempt[attempt.number], attempt.attempt + 1)
            self._lost_workers[attempt.number] += attempt.reason == "worker lost"
            if attempt.final:
                ended[attempt.number] = attempt.state, attempt.reason, attempt.value
        for outcome in waiting.values():  # Optuna may know nothing of them yet
            number = outcome.number
            self._next_attempt[number] = max(self._next_attempt[number], outcome.attempt + 1)
            self._lost_workers[number] += outcome.reason == "worker lost"
            if outcome.final:
                ended[outcome.number] = outcome.state, outcome.reason, outcome.score
        trials = self._plan.trials
        self._pending.extend(trial for trial in trials if trial.number not in ended)
        self._progress.begin(total=len(trials), done=len(trials) - len(self._pending))
        for number, (state, reason, score) in sorted(ended.items()):
            if number < len(trials):
                self._count(number, state, reason, score)

    def _close_unfinished(self) -> None:
        self._closed = self._track(lambda: self._tracking.close_unfinished("driver lost"))

    def _submit(self) -> None:
        for _ in range(min(self._engine.free(), len(self._pending))):
            self._progress.training()
            planned = self._pending.popleft()
            attempt = self._next_attempt[planned.number]
            self._next_attempt[planned.number] = attempt + 1
            # The worker starts before the books are written: it needs neither of them.
            self._engine.submit(Job(self._settings.name, planned.number, attempt, planned.config, planned.seed))
            started = _now_ms()
            self._in_flight[planned.number] = _InFlight(planned, attempt, started, time.monotonic())
            self._track(lambda p=planned, a=attempt, s=started: self._begin(p, a, s))  # type: ignore[misc]

    def _begin(self, planned: PlannedTrial, attempt: int, started_ms: int) -> None:
        self._study.ask(planned, attempt, distributions(self._settings, planned.parameters))
        self._open(planned, attempt, started_ms, new=True)

    def _open(self, planned: PlannedTrial, attempt: int, started_ms: int, new: bool = False) -> str:
        run_id = self._tracking.start_trial(planned, attempt, self._child_tags(planned.number), started_ms, new)
        self._study.link(planned.number, attempt, run_id, self._ui_url + self._tracking.link(run_id))
        self._run_ids[planned.number, attempt] = run_id
        return run_id

    def _handle(self, event: Event) -> None:
        if isinstance(event, Epoch):
            self._heard(event)
            return
        number, attempt = _key(event)
        current = self._in_flight.get(number)
        if current is None or current.attempt != attempt:
            return  # a late word from an attempt that was given up
        del self._in_flight[number]
        if isinstance(event, Lost):
            self._finish(self._lost(current, event.message), current.planned)
        else:
            self._finish(event.outcome, current.planned)

    def _heard(self, event: Epoch) -> None:
        current, key = self._in_flight.get(event.number), (event.number, event.attempt)
        if current is None or current.attempt != event.attempt:
            return
        self._epochs[key].append(event.report)
        if self._study.prunes and event.report.epoch < current.planned.config.epochs:
            self._track(lambda: self._prune(*key, event.report))

    def _prune(self, number: int, attempt: int, report: EpochReport) -> None:
        self._study.report(number, attempt, [report])
        if self._study.should_prune(number, attempt):
            self._engine.ask_to_stop(number, attempt, "pruned")

    def _end_overdue_trials(self) -> None:
        now = time.monotonic()
        for number, current in list(self._in_flight.items()):
            if current.asked_to_end is None:
                if now - current.began > self._limits.trial_timeout:
                    current.asked_to_end = now
                    self._engine.ask_to_stop(number, current.attempt, "timeout")
            elif now - current.asked_to_end > GRACE:
                self._engine.abandon(number, current.attempt)
                del self._in_flight[number]
                why = f"the epoch did not end within {GRACE:g} s of trial_timeout, {self._limits.trial_timeout:g} s"
                self._finish(self._given_up(current, "timeout", f"{why}: the worker was restarted"), current.planned)

    def _lost(self, lost: _InFlight, message: str) -> Outcome:
        number = lost.planned.number
        self._lost_workers[number] += 1
        exhausted = self._lost_workers[number] >= MAX_ATTEMPTS
        return self._given_up(lost, "retries exhausted" if exhausted else "worker lost", message)

    def _given_up(self, given_up: _InFlight, reason: str, message: str) -> Outcome:
        planned, attempt = given_up.planned, given_up.attempt
        return Outcome(
            planned.number,
            attempt,
            "failed",
            planned.seed,
            planned.config.hash(),
            reason,
            message,
            history=tuple(self._epochs.get((planned.number, attempt), ())),
            started_ms=given_up.started_ms,
            ended_ms=_now_ms(),
        )

    def _finish(self, outcome: Outcome, planned: PlannedTrial) -> None:
        try:
            outbox.put(outcome, self._paths)
        except OSError as error:
            self._uncommitted = f"results must be kept in {self._paths.folder}, got: {error.strerror}"
            self._pending.appendleft(planned)
            return
        self._trained += 1
        if outcome.final:
            self._count(outcome.number, outcome.state, outcome.reason, outcome.score)
            self._progress.advance()
        else:
            self._pending.appendleft(planned)
        self._submit()
        self._epochs.pop((outcome.number, outcome.attempt), None)
        self._deliver(outcome)

    def _deliver(self, outcome: Outcome) -> bool:
        """Outbox -> MLflow -> Optuna -> gone from the outbox. Each step may be repeated."""
        planned, key = self._plan.trials[outcome.number], (outcome.number, outcome.attempt)

        def log() -> None:
            run_id = self._run_ids.get(key) or self._open(planned, outcome.attempt, outcome.started_ms)
            self._tracking.finish_trial(run_id, outcome, with_model=self._keeper.log_now)
            self._keeper.offer(outcome, run_id)

        def track() -> None:
            if key not in self._tracked:
                if not self._study.has(*key):
                    self._study.ask(planned, outcome.attempt, distributions(self._settings, planned.parameters))
                try:
                    log()
                except StoreError as error:
                    if not refuses(error) or key not in self._run_ids:
                        raise
                    del self._run_ids[key]
                    log()  # on a run of its own again: the user has deleted the one that it had
                self._tracked.add(key)
            self._study.finish(outcome)

        if not self._track(track):
            if outcome not in self._undelivered:
                self._undelivered.append(outcome)
            return False
        outbox.remove(outcome, self._paths)
        self._run_ids.pop(key, None)
        self._tracked.discard(key)
        return True

    def _write_epochs(self) -> None:
        if time.monotonic() - self._epochs_written < _EPOCHS_EVERY:
            return
        self._epochs_written = time.monotonic()
        fresh = {key: reports for key, reports in self._epochs.items() if reports}
        self._epochs.clear()
        by_run = {self._run_ids[key]: reports for key, reports in fresh.items() if key in self._run_ids}
        if by_run:
            self._track(lambda: self._tracking.log_epochs(by_run))
        for key, reports in fresh.items():
            self._track(lambda k=key, r=reports: self._study.report(*k, r))  # type: ignore[misc, call-arg]

    def _track(self, write: Callable[[], Any]) -> bool:
        """Whether `write` got through to MLflow and Optuna. While one of them is away, training goes on."""
        was_away = self._away_since is not None
        if self._away_since is not None and time.monotonic() - self._away_since < _RETRY_EVERY:
            return False
        try:
            if was_away:
                self._study.lock()
            write()
        except StoreError as error:
            if refuses(error):  # it answers, and asking again would not change the answer
                self._refused = explain(error)
                return False
            if not was_away:
                self._progress.say(f"{explain(error)}; results wait in {self._paths.folder}")
            self._away_since = time.monotonic()
            return False
        self._refused = ""
        if was_away:
            self._progress.say("the stores answer again")
            self._away_since = None
        return True

    def _retry(self, now: bool = False) -> None:
        if now and self._away_since is not None:
            self._away_since = -math.inf
        for _ in range(len(self._undelivered)):
            if not self._deliver(self._undelivered[0]):
                return
            self._undelivered.popleft()

    def _interrupt_in_flight(self) -> None:
        for current in list(self._in_flight.values()):
            outcome = self._given_up(current, "interrupted", "")
            self._pending.append(current.planned)
            if not self._uncommitted:
                outbox.put(outcome, self._paths)
                self._deliver(outcome)
        self._in_flight.clear()

    def _reason_to_end(self) -> str:
        return self._enough() or self._hopeless() or self._stuck() or self._limits.out_of_time

    def _stuck(self) -> str:
        """Why going on would lose results, or keep all of them waiting for what the user has to mend."""
        return self._uncommitted or (self._refused if self._undelivered else "")

    def _hopeless(self) -> str:
        if self._failed >= _HOPELESS and not self._complete:
            return f"the first {self._failed} trials failed and none is complete: see state_reason and failure.txt"
        return ""

    def _enough(self) -> str:
        if self._rule is None or self._rule.stopped_at is None:
            return ""
        return f"enough: doubling the {self._rule.stopped_at} trials would buy less than asked for"

    def _count(self, number: int, state: str, reason: str, score: float | None) -> None:
        if self._rule is not None:
            self._rule.add(number, state, score)
        self._complete += state == "complete"
        self._failed += state == "failed"
        self._progress.seen(state, score)

    def _planned(self, number: int) -> PlannedTrial | None:
        return self._plan.trials[number] if number < len(self._plan.trials) else None

    def _child_tags(self, number: int) -> dict[str, object]:
        return {"study_seed": self._settings.seed, "sampler": self._settings.sampler, **self._tags.get(number, {})}


def _key(event: Done | Lost) -> tuple[int, int]:
    if isinstance(event, Lost):
        return event.number, event.attempt
    return event.outcome.number, event.outcome.attempt


def _now_ms() -> int:
    return int(time.time() * 1000)
