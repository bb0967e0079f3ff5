"""The worker's side of the engine: a process that holds the data, trains one attempt at a time, and can stop it.

The driver's side, dask_engine.py, calls these functions through dask. A worker knows no address but dask's own.
"""

import hashlib
import os
import signal
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psutil

from models.core import states
from models.core.results import EpochReport, TrialStopped
from models.core.runtime import HASH_SEED, project_sha256, versions
from models.data.splits import PARTS, Split
from search.workers.job import Job, run_job
from search.workers.outcome import Outcome

if TYPE_CHECKING:
    from models.training.resident import Prepared

PROJECT_SHA256 = project_sha256()
"""Identifies the project's files as this process has imported them; the files may change later."""
DATA_SETS_KEPT = 2
_SECRETS = ("MLFLOW_", "PG", "OPTUNA_")

resident: "OrderedDict[str, Split | Prepared]" = OrderedDict()
"""The data that this process holds, by `data_key`, the data used last at the end."""

_PROCESS = uuid4().hex
_asked: dict[tuple[str, int, int], str] = {}
_training = threading.Lock()


class NotTheSame(RuntimeError):
    """The process is not the one that the job was sent to, or no longer holds the job's data."""


@dataclass(frozen=True)
class Greeting:
    """What the driver must know about a worker process before it sends jobs there."""

    process: str
    """Identifies the process: the process that succeeds it may have the same address."""
    versions: dict[str, str]
    holds_data: bool
    fixed_hashes: bool
    """Whether sets of strings have the project's fixed order in the process (models.core.runtime.HASH_SEED)."""
    project: str = ""
    """PROJECT_SHA256 of the process; empty from an older project that does not tell it."""


def data_key(split: Split) -> str:
    """SHA-256 of everything in the data that a trial sees; searches with equal splits share the data on a worker."""
    means = split.data_sha256, split.preprocessing, split.reduction, split.seed, split.target, split.columns
    content = hashlib.sha256(" ".join(map(str, (*means, split.objective))).encode())
    arrays = [(part, values) for part in PARTS for values in (split.inputs[part], split.labels[part])]
    further = {"folds": split.fold_of, "weights": split.weights}
    arrays += [(name, values) for name, values in further.items() if values is not None]
    for name, values in arrays:
        content.update(f"{name} {values.shape} {values.dtype}".encode())
        content.update(values.tobytes())
    return content.hexdigest()


def greet(key: str) -> Greeting:
    """Introduces this process and removes secrets from its environment; `key` is the `data_key` of the search."""
    for name in list(os.environ):
        if name.startswith(_SECRETS):  # a worker only trains, and needs no address and no password
            del os.environ[name]
    fixed_hashes = all(os.environ.get(name) == value for name, value in HASH_SEED.items())
    return Greeting(_PROCESS, versions(), key in resident, fixed_hashes, PROJECT_SHA256)


def take_data(key: str, split: Split) -> None:
    """Keeps `split`, and drops the data that were used longest ago, beyond DATA_SETS_KEPT."""
    resident[key] = split
    while len(resident) > DATA_SETS_KEPT:
        resident.popitem(last=False)


def warm_up(key: str, gpus: tuple[str, ...] = ()) -> None:
    """Imports TensorFlow, takes one of `gpus` if there are any, and prepares the data, before the first trial comes.

    Raises:
        ConfigError: as models.core.runtime.use_gpu.
    """
    from models.core.runtime import prepare_process, use_gpu

    with _training:
        prepare_process()
        if gpus:
            use_gpu(gpus)
        from analysis.figures import confusion as figures_confusion  # noqa: F401 (imports Pillow now)

        _prepared(key)


def run(job: Job, key: str, process: str, session: str) -> tuple[Outcome, int]:
    """Trains a job that was meant for the process `process`, on the data with the hash `key`.

    dask publishes each epoch under the topic `session`.

    Returns:
        The outcome, and the bytes that this process holds afterwards.

    Raises:
        NotTheSame: dask brought the job to another process, which must not train the job a second time.
    """
    from distributed import get_worker

    if process != _PROCESS:
        raise NotTheSame("its worker was restarted")
    worker = get_worker()
    task = worker.get_current_task()
    attempt = session, job.number, job.attempt

    def report(epoch: EpochReport) -> None:
        worker.log_event(session, [job.number, job.attempt, epoch.epoch, epoch.metrics, epoch.timestamp_ms])
        if attempt in _asked:
            raise TrialStopped(_asked[attempt])
        if _is_unwanted(worker, task):
            raise TrialStopped(states.INTERRUPTED)

    with _training:  # one attempt at a time, even where dask gave the worker several threads
        try:
            return run_job(job, _prepared(key), report), held_bytes()
        finally:
            _asked.pop(attempt, None)


def ask_to_stop(session: str, number: int, attempt: int, reason: str) -> None:
    """Ends the attempt after its current epoch, for `reason`."""
    _asked[session, number, attempt] = reason


def kill_worker(dask_worker: Any) -> None:
    """Kills the worker's process at once. A nanny runs this; dask passes the nanny by the name `dask_worker`."""
    os.kill(dask_worker.pid, signal.SIGKILL)


def held_bytes() -> int:
    """The resident memory of this process, in bytes."""
    return int(psutil.Process().memory_info().rss)


def _prepared(key: str) -> "Prepared":
    from models.training.trial import prepare

    if key not in resident:
        raise NotTheSame("its worker dropped the data for that of other searches")
    data = resident[key]
    if isinstance(data, Split):
        data = resident[key] = prepare(data)
    resident.move_to_end(key)
    return data


def _is_unwanted(worker: Any, task: Any) -> bool:
    """Whether the driver has died or given up the attempt: dask then forgets the task, but cannot end its thread."""
    known = worker.state.tasks.get(task)
    return known is None or known.state == "cancelled"
