"""Trials without training, behind our own engine interface: scores follow from the job's configuration and seed."""

from collections import deque
from collections.abc import Callable

import numpy as np

from models.results import SCORES, EpochReport, TrialResult
from models.seeds import derive_seed
from search.engine import Done, Epoch, Event, Lost
from search.outcome import Outcome
from search.task import Job

Behaviour = Callable[[Job], Outcome | str]


def score_of(job: Job) -> float:
    return derive_seed(job.config.hash(), job.seed) / 2**31


def complete(job: Job) -> Outcome:
    score = score_of(job)
    start = 1_700_000_000_000 + job.number * 1000
    history = tuple(
        EpochReport(
            epoch,
            {"loss": 2 / epoch, "accuracy": score * 0.8, "val_loss": 1 / epoch, "val_accuracy": score * epoch / 2},
            start + epoch,
        )
        for epoch in (1, 2)
    )
    matrix = np.array([[3, 1], [0, 4]])
    per_class = [
        {"class": k, "precision": 0.5, "recall": 0.5, "f1": 0.5, "specificity": 0.5, "support": 4} for k in (0, 1)
    ]
    result = TrialResult(
        history=history,
        best_epoch=2,
        scores={name: score if "accuracy" in name else 0.5 for name in SCORES},
        confusion={"validation": matrix, "test": matrix},
        per_class={"validation": per_class, "test": per_class},
        n_parameters=100 + job.number,
        n_trainable=100,
        seconds=0.01,
        weights_sha256=f"{derive_seed(job.seed, 'weights'):064x}",
        model=b"not a model",
    )
    return Outcome(
        job.number, job.attempt, "complete", job.seed, job.config.hash(), history=history,
        result=result, picture=b"\x89PNG\r\n\x1a\n",
        started_ms=start, ended_ms=start + 10,
    )  # fmt: skip


def fails(reason: str) -> Behaviour:
    def behave(job: Job) -> Outcome:
        identity = job.seed, job.config.hash()
        return Outcome(job.number, job.attempt, "failed", *identity, reason, "because", started_ms=1, ended_ms=2)

    return behave


class FakeEngine:
    """Runs jobs at once. `behaviour` gives each job's outcome; a text instead means that its worker was lost."""

    def __init__(self, behaviour: Behaviour = complete, slots: int = 1) -> None:
        self.behaviour, self.slots = behaviour, slots
        self.jobs: list[Job] = []
        self._running: deque[Job] = deque()

    def start(self) -> None:
        return

    def free(self) -> int:
        return self.slots - len(self._running)

    def submit(self, job: Job) -> None:
        self.jobs.append(job)
        self._running.append(job)

    def events(self, timeout: float) -> list[Event]:
        if not self._running:
            return []
        job = self._running.pop()  # the last one first: the order of ending is not that of the plan
        outcome = self.behaviour(job)
        if isinstance(outcome, str):
            return [Lost(job.number, job.attempt, outcome)]
        return [*(Epoch(job.number, job.attempt, report) for report in outcome.history), Done(outcome)]

    def close(self) -> None:
        return
