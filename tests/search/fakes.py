"""Trials without training, behind our own engine interface: scores follow from the job's configuration and seed."""

import time
from collections import deque
from collections.abc import Callable

from models.core.clock import now_ms
from models.core.results import LOSSES, EpochReport, TrialResult
from models.core.seeds import derive_seed
from search.workers.engine import Done, Epoch, Event, Lost, Started
from search.workers.job import Job
from search.workers.outcome import Outcome

Behaviour = Callable[[Job], Outcome | str | None]


def score_of(job: Job) -> float:
    return derive_seed(job.config.hash(), job.seed) / 2**31


def complete(job: Job) -> Outcome:
    score, n = score_of(job), job.config.epochs
    start = 1_700_000_000_000 + job.number * 1000
    history = tuple(
        EpochReport(
            epoch,
            {"loss": 2 / epoch, "accuracy": score * 0.8, "val_loss": 1 / epoch, "val_accuracy": score * epoch / n},
            start + epoch,
        )
        for epoch in range(1, n + 1)
    )
    matrix = [[3, 1], [0, 4]]
    per_class = [
        {"class": k, "precision": 0.5, "recall": 0.5, "f1": 0.5, "specificity": 0.5, "support": 4} for k in (0, 1)
    ]
    result = TrialResult(
        history=history,
        best_epoch=n,
        scores={f"{part}_accuracy": score for part in ("val", "test", "train")} | dict.fromkeys(LOSSES, 0.5),
        evidence={part: {"confusion": matrix, "per_class": per_class} for part in ("validation", "test")},
        n_parameters=100 + job.number,
        n_trainable=100,
        seconds=0.01,
        weights_sha256=f"{derive_seed(job.seed, 'weights'):064x}",
        model=b"not a model",
    )
    return Outcome(
        job.number, job.attempt, "complete", job.seed, job.config.hash(), history=history,
        result=result, picture=b"\x89PNG\r\n\x1a\n", environment={"python": "3.11.0", "threads": "1"},
        started_ms=start, ended_ms=start + 10,
    )  # fmt: skip


def stopped(job: Job, reason: str, history: tuple[EpochReport, ...]) -> Outcome:
    ends = ("pruned", "") if reason == "pruned" else ("failed", reason)
    state, why = ends
    identity = job.seed, job.config.hash()
    return Outcome(job.number, job.attempt, state, *identity, why, history=history, started_ms=1, ended_ms=2)  # type: ignore[arg-type]


def fails(reason: str) -> Behaviour:
    def behave(job: Job) -> Outcome:
        identity = job.seed, job.config.hash()
        return Outcome(job.number, job.attempt, "failed", *identity, reason, "because", started_ms=1, ended_ms=2)

    return behave


def hangs(job: Job) -> None:
    """Never ends its first epoch."""


class FakeEngine:
    """Runs jobs an epoch at each look. `behaviour` gives each job's outcome; a text means that its worker was lost."""

    def __init__(self, behaviour: Behaviour = complete, slots: int = 1) -> None:
        self.behaviour, self.slots = behaviour, slots
        self.jobs: list[Job] = []
        self.asked: dict[tuple[int, int], str] = {}
        self.abandoned: list[tuple[int, int]] = []
        self._running: dict[tuple[int, int, int], Job] = {}
        self._started: list[Started] = []
        self._ends: dict[tuple[int, int, int], tuple[deque[EpochReport], Outcome | str | None]] = {}

    def start(self) -> None:
        return

    def free(self) -> int:
        return self.slots - len(self._running)

    def room(self) -> int:
        return self.free()

    def submit(self, job: Job) -> None:
        self.jobs.append(job)
        self._running[job.number, job.attempt, job.fold] = job
        self._started.append(Started(job.number, job.attempt, now_ms()))

    def ask_to_stop(self, number: int, attempt: int, reason: str) -> None:
        self.asked[number, attempt] = reason

    def abandon(self, number: int, attempt: int) -> None:
        self.abandoned.append((number, attempt))
        self._running = {key: job for key, job in self._running.items() if key[:2] != (number, attempt)}

    def events(self, timeout: float) -> list[Event]:
        if self._started:
            started, self._started = self._started, []
            return list(started)
        happened: list[Event] = []
        for key in reversed(list(self._running)):  # the last one first: the order of ending is not that of the plan
            happened += self._step(key)
        if not happened:
            time.sleep(min(timeout, 0.01))
        return happened

    def close(self) -> None:
        return

    def _step(self, key: tuple[int, int, int]) -> list[Event]:
        job = self._running[key]
        if key not in self._ends:
            outcome = self.behaviour(job)
            self._ends[key] = deque(outcome.history if isinstance(outcome, Outcome) else ()), outcome
        epochs, outcome = self._ends[key]
        if outcome is None:
            return []
        if epochs:
            report = epochs.popleft()
            if key[:2] in self.asked and isinstance(outcome, Outcome):
                seen = tuple(each for each in outcome.history if each.epoch <= report.epoch)
                self._ends[key] = deque(), stopped(job, self.asked[key[:2]], seen)
            return [Epoch(*key[:2], report)]
        del self._running[key], self._ends[key]
        return [Lost(*key[:2], outcome) if isinstance(outcome, str) else Done(outcome)]
