"""What engines in front of another engine share."""

from search.workers.engine import Engine, Event
from search.workers.job import Job


class InFront:
    """An engine that passes every call on to `engine`, and every event back; a subclass changes some of them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def start(self) -> None:
        self._engine.start()

    def free(self) -> int:
        return self._engine.free()

    def room(self) -> int:
        return self._engine.room()

    def submit(self, job: Job) -> None:
        self._engine.submit(job)

    def ask_to_stop(self, number: int, attempt: int, reason: str) -> None:
        self._engine.ask_to_stop(number, attempt, reason)

    def abandon(self, number: int, attempt: int) -> None:
        self._engine.abandon(number, attempt)

    def events(self, timeout: float) -> list[Event]:
        return self._engine.events(timeout)

    def close(self) -> None:
        self._engine.close()
