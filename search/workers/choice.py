"""Chooses the engine of a search: this process, processes of this machine, or a user's dask cluster."""

import math
import os
from pathlib import Path

import psutil

from models.core.errors import ConfigError
from models.core.memory import free_bytes, readable_size
from models.core.runtime import gpus
from models.data.splits import Split
from search.workers.engine import Engine
from search.workers.in_process import InProcessEngine
from search.workers.recycling import data_bytes, prepared_bytes

_WORKER = 10**9  # bytes that a worker needs to train, without the data
CPU_SHARE = "/sys/fs/cgroup/cpu.max"
"""Where Linux says how much of the processor a container may use."""


def make_engine(
    workers: int, scheduler: str | None, split: Split, device: str = "cpu", own_code: bool = False
) -> Engine:
    """An engine with `workers` processes, or this process where `workers` is 0, or the workers of a dask scheduler.

    Args:
        scheduler: the address of the dask scheduler; None for workers on this machine.
        device: `cpu` or `gpu`; each worker has a GPU of its own, so there are at most as many workers as GPUs.
        own_code: whether trials build networks of the user's own.

    Raises:
        ConfigError: the scheduler does not answer, none of its workers can run trials, or there is no GPU.
    """
    found = _gpus_for(workers, scheduler) if device == "gpu" else ()
    if workers == 0 and scheduler is None:
        return InProcessEngine(split)
    from search.workers.dask_engine import DaskEngine

    if scheduler is not None:
        from search.workers.cluster import check_scheduler

        check_scheduler(scheduler, own_code)
    most = min(workers, len(found)) if found else workers
    return DaskEngine(split, most, scheduler, gpus=found, own_code=own_code)


def _gpus_for(workers: int, scheduler: str | None) -> tuple[str, ...]:
    if scheduler is not None or workers == 0:
        got = "a dask scheduler" if scheduler is not None else "workers 0"
        raise ConfigError(f"device gpu is for worker processes on this machine, one a GPU, got {got}")
    found = gpus()
    if not found:
        raise ConfigError("device gpu needs a GPU that nvidia-smi lists and CUDA_VISIBLE_DEVICES allows, got none")
    return found


def workers_for(split: Split, device: str = "cpu") -> tuple[int, str]:
    """How many workers this machine has room for, and why.

    There is one worker per GPU; without GPUs, one worker per core, fewer where memory is short.
    """
    if device == "gpu":
        return max(len(gpus()), 1), "one a GPU"
    cores, free = cores_here(), free_bytes()
    fit = max(1, free // (_WORKER + prepared_bytes(split)))
    cores_said = f"{cores} core{'s' * (cores != 1)}"
    data_said = f"{readable_size(data_bytes(split))} of data"
    return min(cores, fit), f"{cores_said}, {readable_size(free)} of memory free, {data_said}"


def cores_here() -> int:
    """The number of physical cores that this process may use, within a container's share of the processor."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = min(allowed, psutil.cpu_count(logical=False) or math.inf)
    try:
        quota, period = Path(CPU_SHARE).read_text().split()
        share = math.inf if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):  # no container of this kind
        share = math.inf
    return max(1, int(min(cores, share)))
