"""Which engine a search runs on: this process, processes of this machine, or a user's dask cluster."""

from models.data.splits import Split
from search.workers.engine import Engine
from search.workers.in_process import InProcessEngine


def make_engine(workers: int, scheduler: str | None, split: Split) -> Engine:
    """An engine with so many workers, 0 for this process, or with those of the scheduler at an address.

    Raises:
        ConfigError: the scheduler does not answer, or none of its workers can run trials.
    """
    if workers == 0 and scheduler is None:
        return InProcessEngine(split)
    from search.workers.dask_engine import DaskEngine

    if scheduler is not None:
        from search.workers.cluster import check_scheduler

        check_scheduler(scheduler)
    return DaskEngine(split, workers, scheduler)
