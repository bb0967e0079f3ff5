"""Which engine a search runs on: this process, processes of this machine, or a user's dask cluster."""

from models.core.errors import ConfigError
from models.core.runtime import gpus
from models.data.splits import Split
from search.workers.engine import Engine
from search.workers.in_process import InProcessEngine


def make_engine(
    workers: int, scheduler: str | None, split: Split, device: str = "cpu", own_code: bool = False
) -> Engine:
    """An engine with so many workers, 0 for this process, or with those of the scheduler at an address.

    On GPUs it has at most as many workers as there are GPUs, one a worker. `own_code`: trials build networks of the
    user's own.

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
