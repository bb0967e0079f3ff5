"""The interface between the driver and the engine that runs its trials."""

import queue
from dataclasses import dataclass
from typing import Protocol

from models.core.results import EpochReport
from search.workers.job import Job
from search.workers.outcome import Outcome


class EngineError(RuntimeError):
    """There is no worker; the search cannot go on."""


@dataclass(frozen=True)
class Started:
    """A worker has begun an attempt."""

    number: int
    attempt: int
    at_ms: int
    """Milliseconds since 1970."""


@dataclass(frozen=True)
class Epoch:
    """An attempt in flight has finished an epoch."""

    number: int
    attempt: int
    report: EpochReport


@dataclass(frozen=True)
class Done:
    """An attempt has ended in its worker."""

    outcome: Outcome


@dataclass(frozen=True)
class Lost:
    """An attempt has ended because its worker is gone."""

    number: int
    attempt: int
    message: str


Event = Started | Epoch | Done | Lost


@dataclass(frozen=True)
class Watch:
    """How the engine watches its workers; all times are in seconds."""

    look_every: float = 0.5
    """Time between two checks of which workers there are."""
    workers_within: float = 120.0
    """How long a search without any worker waits before it ends."""
    silent_for: float = 25.0
    """How long a worker may send no heartbeat (one comes every 0.5 to 5 s) before the engine gives it up."""


class Engine(Protocol):
    """Runs jobs, at most one per worker. An attempt yields one Started, its Epochs, and exactly one Done or Lost."""

    def start(self) -> None:
        """Begins to start the workers, unless they are starting already, and returns at once."""

    def free(self) -> int:
        """The number of idle workers, less the jobs that wait for a worker."""

    def room(self) -> int:
        """The number of jobs to submit now so that no worker waits for the driver between two jobs."""

    def submit(self, job: Job) -> None:
        """Gives the job to the next free worker."""

    def ask_to_stop(self, number: int, attempt: int, reason: str) -> None:
        """Ends the attempt after its current epoch, for `reason`. An attempt that has ended stays as it is."""

    def abandon(self, number: int, attempt: int) -> None:
        """Drops the job if it waits, else kills its worker, which is replaced. No event of the attempt follows."""

    def events(self, timeout: float) -> list[Event]:
        """The events since the last call, in order; waits up to `timeout` seconds for the first one.

        Raises:
            EngineError: the workers did not start, or all of them are gone.
        """

    def close(self) -> None:
        """Ends all workers within seconds; attempts in flight are lost without an event."""


def drain(events: "queue.Queue[Event]", timeout: float) -> list[Event]:
    """All events of the queue; waits up to `timeout` seconds for the first one."""
    found: list[Event] = []
    try:
        found.append(events.get(timeout=timeout) if timeout > 0 else events.get_nowait())
        while True:
            found.append(events.get_nowait())
    except queue.Empty:
        return found
