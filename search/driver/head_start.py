"""A new study begins to train before its stores are open: making their tables takes longer than bringing up workers.

Nothing is lost by that: results wait in the engine until the driver asks for them, and the outbox is the commit point.
"""

from collections.abc import Sequence

from models.core.clock import now_ms
from search.workers.engine import Engine, Event
from search.workers.job import Job


class HeadStart:
    """The engine as the driver sees it: the places of `jobs`, which have begun, look free until the driver fills them.

    Jobs that the driver does not submit first of all are given up: another driver has run them meanwhile.
    """

    def __init__(self, engine: Engine, jobs: Sequence[Job]) -> None:
        self._engine = engine
        self._begun = {(job.number, job.attempt): (job, engine.submit(job)) for job in jobs}

    def start(self) -> None:
        self._engine.start()

    def free(self) -> int:
        return len(self._begun) or self._engine.free()

    def submit(self, job: Job) -> int:
        begun, since_ms = self._begun.pop((job.number, job.attempt), (None, now_ms()))
        return since_ms if begun == job else self._engine.submit(job)

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
