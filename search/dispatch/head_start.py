"""A head start: a new study's first trials begin before its stores are open, since making the tables takes seconds.

Nothing is lost if the driver dies meanwhile: results wait in the engine until the driver asks for them, and a trial is
finished only once its outcome is in the outbox.
"""

from collections.abc import Sequence

from search.dispatch.in_front import InFront
from search.workers.engine import Engine, Event
from search.workers.job import Job


class HeadStart(InFront):
    """Submits `jobs` at once, and counts their workers as free until the driver submits the same jobs.

    Jobs that the driver does not submit before it first asks for events are abandoned: another driver has run them.
    """

    def __init__(self, engine: Engine, jobs: Sequence[Job]) -> None:
        super().__init__(engine)
        self._begun = {(job.number, job.attempt): job for job in jobs}
        for job in jobs:
            engine.submit(job)

    def room(self) -> int:
        return len(self._begun) or super().room()

    def submit(self, job: Job) -> None:
        if self._begun.pop((job.number, job.attempt), None) != job:
            super().submit(job)

    def events(self, timeout: float) -> list[Event]:
        for number, attempt in self._begun:
            self.abandon(number, attempt)
        self._begun.clear()
        return super().events(timeout)
