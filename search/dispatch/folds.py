"""Spreads a cross-validated trial over free workers, one job per fold, and joins the folds to one outcome."""

from collections import deque
from dataclasses import dataclass, field, replace

from models.core import states
from search.dispatch.in_front import InFront
from search.workers.engine import Done, Engine, Epoch, Event, Lost, Started
from search.workers.job import Job
from search.workers.outcome import Outcome

_Key = tuple[int, int]


@dataclass
class _Trial:
    """An attempt whose folds are in training."""

    job: Job
    ended: dict[int, Outcome] = field(default_factory=dict)
    """The outcomes of the folds that have ended, by fold."""
    started_ms: int = 0


class FoldsEngine(InFront):
    """Runs each job as `folds` jobs. To the driver an attempt stays one job with one end.

    An attempt that loses the worker of one fold is lost as a whole. If a fold fails, the trial ends as if the folds had
    run one after another: with the failure of the lowest fold that fails, and the epochs up to there.
    """

    def __init__(self, engine: Engine, folds: int) -> None:
        super().__init__(engine)
        self._folds = folds
        self._waiting: deque[Job] = deque()
        self._trials: dict[_Key, _Trial] = {}
        self._over: set[_Key] = set()
        """Attempts that were given up; events of their other folds are dropped."""

    def room(self) -> int:
        self._feed()
        return int(not self._waiting and super().room() > 0)

    def submit(self, job: Job) -> None:
        if job.refit:  # one whole job, which has the number of a trial that has ended
            self._over.discard((job.number, job.attempt))
            super().submit(job)
            return
        self._trials[job.number, job.attempt] = _Trial(job)
        self._waiting.extend(replace(job, fold=fold) for fold in range(1, self._folds + 1))
        self._feed()

    def ask_to_stop(self, number: int, attempt: int, reason: str) -> None:
        self._drop((number, attempt))
        super().ask_to_stop(number, attempt, reason)

    def abandon(self, number: int, attempt: int) -> None:
        self._forget((number, attempt))
        super().abandon(number, attempt)

    def events(self, timeout: float) -> list[Event]:
        found = [event for one in super().events(timeout) for event in self._told(one)]
        self._feed()
        return found

    def _feed(self) -> None:
        while self._waiting and super().room() > 0:
            super().submit(self._waiting.popleft())

    def _told(self, event: Event) -> list[Event]:
        """The events for the driver that follow from an event of the engine behind."""
        about = event.outcome if isinstance(event, Done) else event
        key = about.number, about.attempt
        trial = self._trials.get(key)
        if trial is None:
            return [] if key in self._over else [event]
        if isinstance(event, Started):
            first, trial.started_ms = not trial.started_ms, trial.started_ms or event.at_ms
            return [event] if first else []
        if isinstance(event, Epoch):
            return [event]
        if isinstance(event, Lost):
            self._give_up(key)
            return [event]
        if not event.outcome.fold:  # the job that joins the folds has ended
            del self._trials[key]
            return [Done(replace(event.outcome, started_ms=trial.started_ms))]
        trial.ended[event.outcome.fold] = event.outcome
        return self._after_fold(key, trial)

    def _after_fold(self, key: _Key, trial: _Trial) -> list[Event]:
        ended = [trial.ended[fold] for fold in sorted(trial.ended)]
        failed = next((outcome for outcome in ended if outcome.state != states.COMPLETE), None)
        if failed is not None:
            stopped = failed.state == states.PRUNED or failed.reason in (states.TIMEOUT, *states.MACHINE_REASONS)
            if not stopped and any(fold not in trial.ended for fold in range(1, failed.fold)):
                return []  # a lower fold may fail as well
            history = tuple(epoch for outcome in ended if outcome.fold <= failed.fold for epoch in outcome.history)
            self._give_up(key)
            return [Done(replace(failed, fold=0, history=history, started_ms=trial.started_ms))]
        if len(ended) == self._folds:
            parts = tuple(outcome.part for outcome in ended if outcome.part is not None)
            self._waiting.appendleft(replace(trial.job, parts=parts))
        return []

    def _give_up(self, key: _Key) -> None:
        """Drops the attempt's folds that wait, and ends those in training after their current epoch."""
        self._forget(key)
        super().ask_to_stop(*key, states.INTERRUPTED)

    def _forget(self, key: _Key) -> None:
        self._drop(key)
        if self._trials.pop(key, None) is not None:
            self._over.add(key)

    def _drop(self, key: _Key) -> None:
        self._waiting = deque(job for job in self._waiting if (job.number, job.attempt) != key)
