"""The engine with worker processes, on this machine or on a user's dask cluster."""

import logging
import queue
import threading
import time
from collections import deque
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from distributed import Client, Future, KilledWorker, LocalCluster
from distributed.core import Status

from models.core.clock import now_ms
from models.core.errors import ConfigError
from models.core.results import EpochReport
from models.data.splits import Split
from search.workers import fork_server, worker_process
from search.workers.cluster import (
    Heartbeats,
    configure_dask,
    give_data,
    greetings_of,
    kill_workers,
    start_workers,
    unfit,
)
from search.workers.engine import Done, EngineError, Epoch, Event, Lost, Started, Watch, drain
from search.workers.job import Job
from search.workers.recycling import recycle_above
from search.workers.worker_process import Greeting

_log = logging.getLogger("search")


@dataclass
class _Slot:
    """A worker and its job, as the driver sees them."""

    process: str = ""
    ready: bool = False
    """Whether the worker is warmed up and its process is not about to be replaced."""
    accepting: bool = True
    """Whether dask reports the worker as running: neither paused nor about to leave."""
    job: Job | None = None
    future: Future | None = field(default=None, repr=False)


class DaskEngine:
    """Runs one job per worker, a process with one thread. The driver alone decides whether an attempt is repeated.

    Args:
        split: the data, which each worker receives once.
        workers: the number of worker processes on this machine; without meaning where there is a `scheduler`.
        scheduler: the address of the scheduler of a dask cluster that the user started.
        watch: how the workers are watched.
        gpus: the GPUs of this machine, one for each worker; empty for training on the CPU.
        own_code: whether trials build networks of the user's own.
    """

    def __init__(
        self,
        split: Split,
        workers: int,
        scheduler: str | None = None,
        watch: Watch | None = None,
        gpus: tuple[str, ...] = (),
        own_code: bool = False,
    ) -> None:
        self._split, self.workers, self._scheduler, self._gpus = split, workers, scheduler, gpus
        self._own_code, self._key = own_code, ""
        self._timing = watch or Watch()
        self._recycle_above = recycle_above(split)
        self._session = f"epochs-{uuid4().hex}"
        self._events: queue.Queue[Event] = queue.Queue()
        self._waiting: deque[Job] = deque()
        self._slots: dict[str, _Slot] = {}
        self._refused: dict[str, str] = {}
        self._heartbeats = Heartbeats(self._timing.silent_for)
        self._guard = threading.RLock()
        self._closing = threading.Event()
        self._error: EngineError | None = None
        self._cluster: LocalCluster | None = None
        self._client: Client = None  # set by _bring_up, before there is a slot
        self._watcher = threading.Thread(target=self._watch, name="workers", daemon=True)

    def start(self) -> None:
        if self._watcher.ident is None:
            self._watcher.start()

    def free(self) -> int:
        with self._guard:
            return max(len(self._idle()) - len(self._waiting), 0)

    def room(self) -> int:
        with self._guard:
            ready = sum(slot.ready and slot.accepting for slot in self._slots.values())
            return max(len(self._idle()) + ready - len(self._waiting), 0)

    def submit(self, job: Job) -> None:
        self._waiting.append(job)
        self._assign()

    def ask_to_stop(self, number: int, attempt: int, reason: str) -> None:
        with self._guard:
            self._drop_waiting(number, attempt)
            for address, _ in self._running(number, attempt):
                ask, where = (self._session, number, attempt, reason), [address]
                self._client.loop.add_callback(
                    self._client.run, worker_process.ask_to_stop, *ask, workers=where, on_error="ignore"
                )

    def abandon(self, number: int, attempt: int) -> None:
        with self._guard:
            self._drop_waiting(number, attempt)
            for address, slot in self._running(number, attempt):
                slot.job, slot.ready = None, False
                self._client.loop.add_callback(self._replace, address, slot)

    def events(self, timeout: float) -> list[Event]:
        found = drain(self._events, 0 if self._error is not None else timeout)
        if self._error is not None and not found:
            raise self._error
        return found

    def close(self) -> None:
        self._closing.set()
        if self._watcher.is_alive():
            self._watcher.join(timeout=10)
        if self._cluster is not None:
            kill_workers(self._cluster)
        for part in (self._client, self._cluster):
            if part is not None:
                with suppress(TimeoutError):  # on a busy machine; the processes are gone already
                    part.close(timeout=5)

    def _assign(self) -> None:
        """Gives jobs to idle workers."""
        with self._guard:
            for address, slot in self._idle()[: len(self._waiting)]:
                slot.job = self._waiting.popleft()
                self._events.put(Started(slot.job.number, slot.job.attempt, now_ms()))
                self._client.loop.add_callback(self._attend, address, slot, slot.job)

    def _idle(self) -> list[tuple[str, _Slot]]:
        return [(a, slot) for a, slot in self._slots.items() if slot.ready and slot.accepting and slot.job is None]

    def _running(self, number: int, attempt: int) -> list[tuple[str, _Slot]]:
        """The slots that run the attempt: several slots where the attempt's folds are separate jobs."""
        key = number, attempt
        return [(a, s) for a, s in self._slots.items() if s.job and (s.job.number, s.job.attempt) == key]

    def _drop_waiting(self, number: int, attempt: int) -> None:
        self._waiting = deque(job for job in self._waiting if (job.number, job.attempt) != (number, attempt))

    def _fail(self, error: BaseException) -> None:
        """Ends the search for `error`, unless the search is over or ends for another error already."""
        if self._closing.is_set() or self._error is not None:
            return
        if isinstance(error, EngineError):
            self._error = error
        elif self._scheduler is not None and isinstance(error, OSError | CancelledError):
            self._error = EngineError(
                f"the dask scheduler must answer until the search ends, {self._scheduler} did not"
            )
        else:
            self._error = EngineError(f"workers must come up, got {error!r}")

    def _watch(self) -> None:
        try:
            self._bring_up()
            had_some = time.monotonic()
            while not self._closing.wait(self._timing.look_every):
                self._look()
                had_some = time.monotonic() if self._slots else had_some
                if time.monotonic() - had_some > self._timing.workers_within:
                    others = "".join(f"; refused {problem}" for problem in self._refused.values())
                    raise EngineError(f"there must be a worker, got none for {self._timing.workers_within:g} s{others}")
        except BaseException as error:
            self._fail(error)

    def _bring_up(self) -> None:
        configure_dask()
        self._key = worker_process.data_key(self._split)
        if self._scheduler is None:
            self._cluster = start_workers(self.workers)
        self._client = Client(self._cluster or self._scheduler, set_as_default=False)
        self._client.subscribe_topic(self._session, self._hear)
        self._look()

    def _hear(self, event: tuple[float, Any]) -> None:
        number, attempt, epoch, metrics, timestamp_ms = event[1]
        self._events.put(Epoch(number, attempt, EpochReport(epoch, metrics, timestamp_ms)))

    def _look(self) -> None:
        """Takes workers into use that have joined, and gives up the jobs of workers that have left or fallen silent."""
        if self._scheduler is None:
            fork_server.watch_over()
        # Client.scheduler_info would answer from a copy that the client empties every two seconds.
        found = self._client.sync(self._client.scheduler.identity, n_workers=-1)["workers"]
        present = self._heartbeats.alive(found)
        with self._guard:
            self._refused = {address: why for address, why in self._refused.items() if address in found}
            for address, slot in self._slots.items():
                slot.accepting = address in found and found[address]["status"] == Status.running.name
            joined = [
                a for a in present - set(self._slots) - set(self._refused) if found[a]["status"] == Status.running.name
            ]
            for address in joined:
                self._slots[address] = _Slot()
            gone = [(address, self._slots.pop(address)) for address in set(self._slots) - present]
        for address, slot in gone:
            why = "its worker fell silent" if address in found else "its worker left"
            future = slot.future
            if slot.job is not None:
                self._end(slot, slot.job, Lost(slot.job.number, slot.job.attempt, why))
            if future is not None:  # so that a silent worker that comes back stops training
                future.cancel()
        self._assign()  # a worker may accept jobs again
        if joined:
            self._client.loop.add_callback(self._welcome, joined, {a: found[a]["nanny"] for a in joined})

    async def _welcome(self, joined: list[str], nannies: dict[str, str | None]) -> None:
        """Refuses workers that must not run trials; sends the data to the others where missing, and warms them up."""
        try:
            greetings: dict[str, Greeting] = {}
            for address, greeting in (await greetings_of(self._client, self._key, joined)).items():
                problem = unfit(address, greeting, nannies[address], self._own_code)
                if isinstance(greeting, Greeting) and problem is None:
                    greetings[address] = greeting
                    continue
                if problem is not None:
                    _log.warning("refused %s", problem)
                    self._refused[address] = problem
                self._drop(address)
            without = [address for address, greeting in greetings.items() if not greeting.holds_data]
            if without:
                await give_data(self._client, self._key, self._split, without, self._slots)
        except Exception as error:
            self._fail(error)
            return
        for address, greeting in greetings.items():
            self._client.loop.add_callback(self._warm_up, address, greeting.process)

    async def _warm_up(self, address: str, process: str) -> None:
        try:
            await self._client.submit(worker_process.warm_up, self._key, self._gpus, **_only(address))
        except (KilledWorker, CancelledError, worker_process.NotTheSame):  # the worker is gone; if not, it joins again
            self._drop(address)
        except Exception as error:
            if isinstance(error, ConfigError):  # a fresh process could not train either
                self._fail(EngineError(str(error)))
            problem = f"worker {address}, which cannot train: {type(error).__name__}: {error}"
            _log.warning("refused %s", problem)
            self._refused[address] = problem
            self._drop(address)
        else:
            with self._guard:
                if address in self._slots:
                    self._slots[address].process = process
                    self._slots[address].ready = True
            self._assign()

    def _drop(self, address: str) -> None:
        with self._guard:
            self._slots.pop(address, None)

    async def _attend(self, address: str, slot: _Slot, job: Job) -> None:
        """Has the worker run the job, and queues the event of its end."""
        task = worker_process.run, job, self._key, slot.process, self._session
        try:
            slot.future = self._client.submit(*task, **_only(address))
            outcome, held = await slot.future
        except Exception as error:
            if getattr(error, "reason", "") == "scheduler-connection-lost":
                self._fail(error)
                return
            died = isinstance(error, KilledWorker | CancelledError)
            why = "its worker left" if died else f"{type(error).__name__}: {error}"
            self._drop(address)
            self._end(slot, job, Lost(job.number, job.attempt, why))
            return
        recycle = held > self._recycle_above
        self._end(slot, job, Done(outcome), ready=not recycle)
        if recycle:
            await self._replace(address, slot)

    def _end(self, slot: _Slot, job: Job, event: Event, ready: bool = False) -> None:
        """Queues the event that ends the job's attempt, unless the attempt has ended already or was abandoned."""
        with self._guard:
            if slot.job is not job or self._closing.is_set():
                return
            slot.job = slot.future = None
            slot.ready = ready
            self._assign()
        self._events.put(event)

    async def _replace(self, address: str, slot: _Slot) -> None:
        """Kills the worker's process. Its nanny starts a fresh process, which joins like any other worker."""
        try:
            if slot.future is not None:
                await self._client.cancel([slot.future])
            await self._client.run(worker_process.kill_worker, workers=[address], nanny=True, on_error="ignore")
        except (KeyError, OSError) as error:  # the worker or the scheduler is gone already, which _look notices
            _log.debug("worker %s could not be killed: %r", address, error)
        with self._guard:
            if self._slots.get(address) is slot:
                del self._slots[address]


def _only(address: str) -> dict[str, Any]:
    """The arguments of Client.submit for a task that runs once, and on this worker alone."""
    return {"workers": [address], "pure": False, "retries": 0, "allow_other_workers": False}
