"""Worker processes on this machine or on a user's dask cluster.

dask's defaults are changed where they break the promises: a lost worker's task would be run again without a word
(allowed-failures 3), the dashboard would listen on all interfaces, and a worker could hold several tasks.
"""

import logging
import os
import queue
import signal
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import dask
import psutil
from distributed import Client, Future, LocalCluster, WorkerPlugin, get_worker
from distributed.comm.addressing import get_address_host_port

from models.config import ConfigError
from models.results import EpochReport
from models.splits import Split
from search.engine import Done, EngineError, Epoch, Event, Lost, drain
from search.outcome import Outcome
from search.task import Job, run_job

_TOPIC = "epochs"
_LOOK_EVERY = 0.5  # seconds between looks at which workers there are
_FIRST_WORKER_WITHIN = 120.0  # seconds
_RECYCLE_ABOVE = 2 * 1024**3  # bytes beside the data: several times what a trial on MNIST needs
_DASK = {
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.worker.memory.terminate": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.target": False,
    "distributed.admin.log-format": "%(message)s",
    "distributed.diagnostics.nvml": False,
    "distributed.comm.timeouts.connect": "10s",
}
_SECRETS = ("MLFLOW_", "PG", "OPTUNA_")

# The data set that trials of this worker process train on; only ever set once a process and study.
_resident: dict[str, Any] = {}


def check_scheduler(address: str) -> None:
    """Raises ConfigError unless something answers at a scheduler's address."""
    try:
        socket.create_connection(get_address_host_port(address), timeout=10).close()
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"scheduler must be the address of a dask scheduler that answers, got {address!r}: {error}"
        ) from error


class _Data(WorkerPlugin):
    """Brings the data to every worker once, those that join late included."""

    def __init__(self, split: Split, key: str) -> None:
        self.name = f"data-{key}"
        self._split, self._key = split, key

    def setup(self, worker: Any) -> None:
        for name in list(os.environ):
            if name.startswith(_SECRETS):  # a worker only trains: it needs no address and no password
                del os.environ[name]
        _resident[self._key] = self._split
        del self._split  # the worker keeps the plugin for as long as it lives


def _warm_up(key: str) -> int:
    """Imports TensorFlow and makes the data resident before the first trial comes; returns the process ID."""
    from models.runtime import prepare_process

    prepare_process()
    from analysis import figures_confusion  # noqa: F401 (matplotlib's import, paid here)
    from models.trial import prepare

    if isinstance(_resident[key], Split):
        _resident[key] = prepare(_resident[key])
    return os.getpid()


def _run(job: Job, key: str, topic: str) -> tuple[Outcome, int]:
    worker = get_worker()

    def report(epoch: EpochReport) -> None:
        worker.log_event(topic, [job.number, job.attempt, epoch.epoch, epoch.metrics, epoch.timestamp_ms])

    _warm_up(key)
    return run_job(job, _resident[key], report), _held_bytes()


def _held_bytes() -> int:
    """The memory that this process holds now."""
    return int(psutil.Process().memory_info().rss)


@dataclass
class _Slot:
    """A worker as the driver sees it."""

    ready: bool = False
    job: Job | None = None
    future: Future | None = field(default=None, repr=False)


class DaskEngine:
    """One job a worker, each in a process of its own with one thread; the driver alone decides on second attempts.

    `scheduler` is the address of a cluster that the user started; without it, `workers` processes on this machine.
    """

    def __init__(self, split: Split, workers: int, scheduler: str | None = None) -> None:
        self._split, self._workers, self._scheduler = split, workers, scheduler
        self._recycle_above = _RECYCLE_ABOVE + 8 * sum(part.nbytes for part in split.inputs.values())
        self._key = f"{split.data_sha256}-{id(split):x}-{os.getpid()}"
        self._topic = f"{_TOPIC}-{self._key}"
        self._events: queue.Queue[Event] = queue.Queue()
        self._slots: dict[str, _Slot] = {}
        self._guard = threading.RLock()
        self._closing = threading.Event()
        self._error: BaseException | None = None
        self._cluster: LocalCluster | None = None
        self._client: Client | None = None
        self._watcher = threading.Thread(target=self._watch, name="workers", daemon=True)

    def start(self) -> None:
        self._watcher.start()

    def free(self) -> int:
        with self._guard:
            return sum(slot.ready and slot.job is None for slot in self._slots.values())

    def submit(self, job: Job) -> None:
        with self._guard:
            address, slot = next((a, s) for a, s in self._slots.items() if s.ready and s.job is None)
            assert self._client is not None
            slot.job = job
            slot.future = self._client.submit(
                _run, job, self._key, self._topic, workers=[address], pure=False, retries=0, allow_other_workers=False
            )
        slot.future.add_done_callback(lambda future: self._finished(address, job, future))

    def events(self, timeout: float) -> list[Event]:
        if self._error is not None:
            raise EngineError(f"workers must come up, got {self._error}") from self._error
        return drain(self._events, timeout)

    def close(self) -> None:
        self._closing.set()
        if self._watcher.is_alive():
            self._watcher.join(timeout=10)
        if self._cluster is not None:
            for nanny in list(self._cluster.workers.values()):
                pid = getattr(nanny, "pid", None)
                if pid:
                    _end_process(pid)
        for part in (self._client, self._cluster):
            if part is not None:
                part.close(timeout=5)

    def _watch(self) -> None:
        try:
            self._bring_up()
            began = time.monotonic()
            while not self._closing.wait(_LOOK_EVERY):
                self._look()
                if not self._slots and time.monotonic() - began > _FIRST_WORKER_WITHIN:
                    raise EngineError(f"none within {_FIRST_WORKER_WITHIN:g} s")
        except BaseException as error:
            if not self._closing.is_set():
                self._error = error

    def _bring_up(self) -> None:
        dask.config.set(_DASK)
        for noisy in ("distributed", "distributed.nanny", "distributed.worker", "distributed.scheduler"):
            logging.getLogger(noisy).setLevel(logging.CRITICAL)
        if self._scheduler is None:
            # Ctrl-C is the driver's to answer. The processes and threads that this thread starts inherit its mask.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            self._cluster = LocalCluster(
                n_workers=self._workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                dashboard_address="127.0.0.1:0",  # its port is opened even without a dashboard, else on 8787
                memory_limit=0,
                silence_logs=logging.CRITICAL,
            )
        self._client = Client(self._cluster or self._scheduler, set_as_default=False)
        self._client.register_plugin(_Data(self._split, self._key))
        self._client.subscribe_topic(self._topic, self._hear)
        self._look()

    def _hear(self, event: tuple[float, Any]) -> None:
        number, attempt, epoch, metrics, timestamp_ms = event[1]
        self._events.put(Epoch(number, attempt, EpochReport(epoch, metrics, timestamp_ms)))

    def _look(self) -> None:
        """Takes workers that joined into use, and gives up the jobs of those that left."""
        assert self._client is not None
        present = set(self._client.scheduler_info(n_workers=-1)["workers"])
        with self._guard:
            joined = present - set(self._slots)
            left = set(self._slots) - present
            for address in joined:
                self._slots[address] = _Slot()
            gone = [self._slots.pop(address) for address in left]
        for address in joined:
            warm = self._client.submit(_warm_up, self._key, workers=[address], pure=False, allow_other_workers=False)
            warm.add_done_callback(lambda future, address=address: self._warmed(address, future))
        for slot in gone:
            if slot.job is not None and slot.future is not None:
                slot.future.cancel()

    def _warmed(self, address: str, future: Future) -> None:
        if future.status == "finished":
            with self._guard:
                if address in self._slots:
                    self._slots[address].ready = True
        elif future.status == "error" and not self._closing.is_set() and not _is_loss(future.exception()):
            self._error = future.exception()

    def _finished(self, address: str, job: Job, future: Future) -> None:
        if self._closing.is_set():
            return
        if future.status == "finished":
            outcome, held = future.result()
            event: Event = Done(outcome)
            recycle = held > self._recycle_above
        else:
            reason = "its worker left" if future.status == "cancelled" else str(future.exception())
            event, recycle = Lost(job.number, job.attempt, reason), False
        with self._guard:
            slot = self._slots.get(address)
            if slot is not None:
                slot.job = slot.future = None
                slot.ready = future.status == "finished" and not recycle
                if not slot.ready:
                    del self._slots[address]
        if recycle and self._client is not None:
            self._client.restart_workers([address], timeout=30, raise_for_error=False)
        self._events.put(event)


def _is_loss(error: BaseException | None) -> bool:
    return type(error).__name__ == "KilledWorker"


def _end_process(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return
