"""What runs in a worker process: it holds the data, trains one attempt at a time, and stops one when asked.

Everything here is called by the driver's side, dask_engine.py, through dask, and names no address but that of dask
itself.
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
"""Of the project that this process has imported, whatever becomes of the files later."""
DATA_SETS_KEPT = 2
_SECRETS = ("MLFLOW_", "PG", "OPTUNA_")

_PROCESS = uuid4().hex
_resident: "OrderedDict[str, Split | Prepared]" = OrderedDict()
_asked: dict[tuple[str, int, int], str] = {}
_training = threading.Lock()


class NotTheSame(RuntimeError):
    """The process is not the one that the job was sent to, or holds its data no more."""


@dataclass(frozen=True)
class Greeting:
    """What the driver must know of a process before it sends work."""

    process: str
    """Another one in each process: an address alone may be that of a successor."""
    versions: dict[str, str]
    holds_data: bool
    fixed_hashes: bool
    """Whether a set of words has the same order here as everywhere (models.core.runtime.HASH_SEED)."""
    project: str = ""
    """PROJECT_SHA256 there; empty from a project that does not tell it yet."""


def data_key(split: Split) -> str:
    """SHA-256 of what a trial sees of the data: two searches on the same split share it on a worker."""
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
    """Introduces this process, which from here on knows no secret; `key` is the hash of the data it will need."""
    for name in list(os.environ):
        if name.startswith(_SECRETS):  # a worker only trains: it needs no address and no password
            del os.environ[name]
    fixed_hashes = all(os.environ.get(name) == value for name, value in HASH_SEED.items())
    return Greeting(_PROCESS, versions(), key in _resident, fixed_hashes, PROJECT_SHA256)


def take_data(key: str, split: Split) -> None:
    """Keeps `split`, and of the others the one that was used last."""
    _resident[key] = split
    while len(_resident) > DATA_SETS_KEPT:
        _resident.popitem(last=False)


def warm_up(key: str, gpus: tuple[str, ...] = ()) -> None:
    """Imports TensorFlow, takes one of `gpus` where there are any, and prepares the data, before the first trial comes.

    Raises:
        ConfigError: as models.core.runtime.use_gpu.
    """
    from models.core.runtime import prepare_process, use_gpu

    with _training:
        prepare_process()
        if gpus:
            use_gpu(gpus)
        from analysis.figures import confusion as figures_confusion  # noqa: F401 (Pillow's import, paid here)

        _prepared(key)


def run(job: Job, key: str, process: str, session: str) -> tuple[Outcome, int]:
    """The outcome of a job that was meant for this process, and the bytes that the process holds after it.

    Epochs are told under the topic `session`.

    Raises:
        NotTheSame: dask brought the job to another process, which must not train it a second time.
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

    with _training:  # one at a time, however many threads dask gave the worker
        try:
            return run_job(job, _prepared(key), report), held_bytes()
        finally:
            _asked.pop(attempt, None)


def ask_to_stop(session: str, number: int, attempt: int, reason: str) -> None:
    """The attempt ends with `reason` when its next epoch does."""
    _asked[session, number, attempt] = reason


def kill_worker(dask_worker: Any) -> None:
    """To be run by a nanny, which dask hands over under this name: kills its worker's process at once."""
    os.kill(dask_worker.pid, signal.SIGKILL)


def held_bytes() -> int:
    """The memory that this process holds now."""
    return int(psutil.Process().memory_info().rss)


def _prepared(key: str) -> "Prepared":
    from models.training.trial import prepare

    if key not in _resident:
        raise NotTheSame("its worker dropped the data for that of other searches")
    data = _resident[key]
    if isinstance(data, Split):
        data = _resident[key] = prepare(data)
    _resident.move_to_end(key)
    return data


def _is_unwanted(worker: Any, task: Any) -> bool:
    """Whether the driver has died or given the attempt up: dask then forgets the task, but cannot end its thread."""
    known = worker.state.tasks.get(task)
    return known is None or known.state == "cancelled"
