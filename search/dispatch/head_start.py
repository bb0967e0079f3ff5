"""A new study begins to train before its stores are open: making their tables takes longer than bringing up workers.

Nothing is lost by that: results wait in the engine until the driver asks for them, and the outbox is the commit point.
"""

from collections.abc import Sequence

from search.workers.engine import Engine, Event
from search.workers.job import Job


class HeadStart:
    """The engine as the driver sees it: the places of `jobs`, which have begun, look free until the driver fills them.

    Jobs that the driver does not submit first of all are given up: another driver has run them meanwhile.
    """

    def __init__(self, engine: Engine, jobs: Sequence[Job]) -> None:
        self._engine = engine
        self._begun = {(job.number, job.attempt): job for job in jobs}
        for job in jobs:
            engine.submit(job)

    def start(self) -> None:
        self._engine.start()

    def free(self) -> int:
        return self._engine.free()

    def room(self) -> int:
        return len(self._begun) or self._engine.room()

    def submit(self, job: Job) -> None:
        if self._begun.pop((job.number, job.attempt), None) != job:
            self._engine.submit(job)

    def ask_to_stop(self, number: int, attempt: int, reason: str) -> None:
        self._engine.ask_to_stop(number, attempt, reason)

    def abandon(self, number: int, attempt: int) -> None:
        self._engine.abandon(number, attempt)

    def events(self, timeout: float) -> list[Event]:
        for number, attempt in self._begun:
            self._engine.abandon(number, attempt)
        self._begun.clear()
        return self._engine.events(timeout)

    def close(self) -> None:
        self._engine.close()
