"""What the driver asks of whatever runs the trials."""

import queue
from dataclasses import dataclass
from typing import Protocol

from models.core.results import EpochReport
from search.workers.job import Job
from search.workers.outcome import Outcome


class EngineError(RuntimeError):
    """No worker can be had; the search cannot go on."""


@dataclass(frozen=True)
class Started:
    """A worker has begun with an attempt."""

    number: int
    attempt: int
    at_ms: int
    """Since 1970."""


@dataclass(frozen=True)
class Epoch:
    """A trial in flight has finished an epoch."""

    number: int
    attempt: int
    report: EpochReport


@dataclass(frozen=True)
class Done:
    """An attempt has ended in its worker."""

    outcome: Outcome


@dataclass(frozen=True)
class Lost:
    """An attempt's worker is gone, and the attempt with it."""

    number: int
    attempt: int
    message: str


Event = Started | Epoch | Done | Lost


@dataclass(frozen=True)
class Watch:
    """How the engine watches its workers, in seconds."""

    look_every: float = 0.5
    """Between looks at which workers there are."""
    workers_within: float = 120.0
    """That a search waits while it has no worker at all."""
    silent_for: float = 25.0
    """Without a heartbeat, which comes every 0.5 to 5 s, after which a worker is given up."""


class Engine(Protocol):
    """Runs jobs, at most one a worker. Of an attempt come one Started, its Epochs, and exactly one Done or Lost."""

    def start(self) -> None:
        """Begins to bring workers up, unless that has begun, and returns at once."""

    def free(self) -> int:
        """How many workers have nothing to do, jobs that wait for one apart."""

    def room(self) -> int:
        """How many jobs to submit now, so that no worker waits for the driver between two of them."""

    def submit(self, job: Job) -> None:
        """Has a job run by the next free worker."""

    def ask_to_stop(self, number: int, attempt: int, reason: str) -> None:
        """Ends the attempt at its next epoch's end, which its Done then says; one that has ended stays as it is."""

    def abandon(self, number: int, attempt: int) -> None:
        """Drops a job that waits, or kills the worker that has it; another takes its place. No event of it follows."""

    def events(self, timeout: float) -> list[Event]:
        """What happened since the last call, in order; waits up to `timeout` seconds for something to.

        Raises:
            EngineError: the workers did not come up.
        """

    def close(self) -> None:
        """Ends everything within seconds; attempts in flight are gone."""


def drain(events: "queue.Queue[Event]", timeout: float) -> list[Event]:
    """All events of the queue; waits up to `timeout` seconds for the first."""
    found: list[Event] = []
    try:
        found.append(events.get(timeout=timeout) if timeout > 0 else events.get_nowait())
        while True:
            found.append(events.get_nowait())
    except queue.Empty:
        return found
