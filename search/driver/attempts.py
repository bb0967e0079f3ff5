"""Attempts in flight, and the retry rule: the number of the next attempt, and how many lost workers fail a trial."""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass

from models.core import states
from search.study.plan import PlannedTrial

MAX_ATTEMPTS = 3


@dataclass
class InFlight:
    """An attempt that was submitted to the engine and has not ended."""

    planned: PlannedTrial
    attempt: int
    started_ms: int = 0
    """0 while the attempt waits for a worker: no store knows of the attempt yet."""
    began: float = math.inf
    """When a worker began, in seconds on the monotonic clock."""
    asked_to_end: float | None = None
    """When the worker was asked to end the attempt, on the same clock."""


class Retries:
    """How the attempts of each number ended. The driver alone decides whether a number gets another attempt."""

    def __init__(self) -> None:
        self._next: dict[int, int] = defaultdict(int)
        self._lost_workers: Counter[int] = Counter()

    def note(self, number: int, attempt: int, reason: str) -> None:
        """Takes an attempt of an earlier driver into account."""
        self._next[number] = max(self._next[number], attempt + 1)
        self._lost_workers[number] += reason == states.WORKER_LOST

    def begin(self, number: int) -> int:
        """Counts a further attempt of the number and returns its place, from 0."""
        attempt = self._next[number]
        self._next[number] = attempt + 1
        return attempt

    def worker_lost(self, number: int) -> str:
        """The reason of an attempt that lost its worker: the trial runs again, unless this was its third loss."""
        self._lost_workers[number] += 1
        return states.RETRIES_EXHAUSTED if self._lost_workers[number] >= MAX_ATTEMPTS else states.WORKER_LOST
