"""Attempts in flight, and the retry rule: which one of a number is next, when a lost worker is the trial's fault."""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass

from models.core import states
from search.study.plan import PlannedTrial

MAX_ATTEMPTS = 3


@dataclass
class InFlight:
    """An attempt that the engine has."""

    planned: PlannedTrial
    attempt: int
    started_ms: int = 0
    """0 while it waits for a worker: nothing is written of it yet."""
    began: float = math.inf
    """On the monotonic clock, as the next."""
    asked_to_end: float | None = None


class Retries:
    """What has become of each number's attempts. The driver alone decides on another one."""

    def __init__(self) -> None:
        self._next: dict[int, int] = defaultdict(int)
        self._lost_workers: Counter[int] = Counter()

    def note(self, number: int, attempt: int, reason: str) -> None:
        """Takes an attempt of an earlier driver into account."""
        self._next[number] = max(self._next[number], attempt + 1)
        self._lost_workers[number] += reason == states.WORKER_LOST

    def begin(self, number: int) -> int:
        """The attempt that runs now."""
        attempt = self._next[number]
        self._next[number] = attempt + 1
        return attempt

    def worker_lost(self, number: int) -> str:
        """Why the attempt failed: "worker lost", which runs again, or what ends a trial that took its third worker."""
        self._lost_workers[number] += 1
        return states.RETRIES_EXHAUSTED if self._lost_workers[number] >= MAX_ATTEMPTS else states.WORKER_LOST
