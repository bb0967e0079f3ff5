"""Engines without worker processes: one trains in this process, one trains nothing."""

import queue
import threading
from typing import TYPE_CHECKING

from models.core import states
from models.core.clock import now_ms
from models.core.results import EpochReport, TrialStopped
from models.data.splits import Split
from search.workers.engine import Done, EngineError, Epoch, Event, Started, drain
from search.workers.job import Job, run_job

if TYPE_CHECKING:
    from models.training.resident import Prepared


class InProcessEngine:
    """Trains one trial at a time in a thread of this process: for `workers=0`, and as the tests' twin of DaskEngine.

    A thread cannot be killed, so an abandoned trial occupies the engine until its current epoch ends.
    """

    def __init__(self, split: Split) -> None:
        self._split = split
        self._data: Prepared | None = None
        self._events: queue.Queue[Event] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._stops: dict[tuple[int, int], str] = {}
        self._abandoned: set[tuple[int, int]] = set()
        self._closing = False
        self._error: BaseException | None = None

    def start(self) -> None:
        from models.core.runtime import prepare_process

        # First of all: prepare_process hides modules while it imports TensorFlow, and no other import may miss them.
        prepare_process()

    def free(self) -> int:
        return 0 if self._thread is not None and self._thread.is_alive() else 1

    def room(self) -> int:
        return self.free()

    def submit(self, job: Job) -> None:
        self._events.put(Started(job.number, job.attempt, now_ms()))
        self._thread = threading.Thread(target=self._run, args=(job,), name=job.title, daemon=True)
        self._thread.start()

    def ask_to_stop(self, number: int, attempt: int, reason: str) -> None:
        self._stops[number, attempt] = reason

    def abandon(self, number: int, attempt: int) -> None:
        self._abandoned.add((number, attempt))
        self.ask_to_stop(number, attempt, states.TIMEOUT)

    def events(self, timeout: float) -> list[Event]:
        if self._error is not None:
            raise EngineError(f"this process must be able to train, got {self._error}") from self._error
        return drain(self._events, timeout)

    def close(self) -> None:
        self._closing = True
        if self._thread is not None:
            self._thread.join()

    def _run(self, job: Job) -> None:
        def report(epoch: EpochReport) -> None:
            self._events.put(Epoch(job.number, job.attempt, epoch))
            reason = states.INTERRUPTED if self._closing else self._stops.get((job.number, job.attempt))
            if reason:
                raise TrialStopped(reason)

        try:
            if self._data is None:
                from models.training.trial import prepare

                self._data = prepare(self._split)
            outcome = run_job(job, self._data, report)
        except BaseException as error:
            self._error = error
            return
        self._thread = None  # free before the driver hears of the end, so that the driver can submit the next job
        if (job.number, job.attempt) not in self._abandoned:
            self._events.put(Done(outcome))


class NoEngine:
    """Trains nothing: for a driver that only delivers outcomes and closes runs that earlier drivers left."""

    def start(self) -> None:
        return

    def free(self) -> int:
        return 0

    def room(self) -> int:
        return 0

    def submit(self, job: Job) -> None:
        raise RuntimeError(f"an engine without workers takes no job, got {job.title}")

    def ask_to_stop(self, number: int, attempt: int, reason: str) -> None:
        return

    def abandon(self, number: int, attempt: int) -> None:
        return

    def events(self, timeout: float) -> list[Event]:
        return []

    def close(self) -> None:
        return
