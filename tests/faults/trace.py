"""What a search really did, in one file that every process of it appends to: the oracle of the fault-injection tests.

Imported into the driver by start.py, and into the workers of a dask cluster as `dask worker --preload`; the product
itself has no hook. A line is written by one call, so the order of the lines is that of the events.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

TRACE = "FAULTS_TRACE"
"""The environment variable that names the file."""


def note(what: str, *details: object) -> None:
    line = json.dumps([what, os.getpid(), *details]) + "\n"
    file = os.open(os.environ[TRACE], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


@dataclass(frozen=True)
class Entry:
    """One line: `what` happened in process `pid`."""

    what: str
    pid: int
    details: tuple[Any, ...]


def read(file: Path) -> list[Entry]:
    if not file.exists():
        return []
    lines = (json.loads(line) for line in file.read_text().splitlines())
    return [Entry(what, pid, tuple(details)) for what, pid, *details in lines]


def _traced_job(run_job: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(run_job)
    def run(job: Any, data: Any, report: Callable[[Any], Any], *others: Any) -> Any:
        def tell(epoch: Any) -> Any:
            note("epoch", job.number, job.attempt, epoch.epoch)
            return report(epoch)

        note("begin", job.number, job.attempt)
        outcome = run_job(job, data, tell, *others)
        note("end", job.number, job.attempt)
        return outcome

    return run


def _traced_submit(submit: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(submit)
    def traced(engine: Any, job: Any) -> Any:
        note("submit", job.number, job.attempt)
        return submit(engine, job)

    return traced


def _traced_put(put: Callable[..., Path]) -> Callable[..., Path]:
    @wraps(put)
    def traced(outcome: Any, paths: Any) -> Path:
        target = put(outcome, paths)
        note("commit", outcome.number, outcome.attempt, outcome.state)
        return target

    return traced


def install() -> None:
    """Wraps what a worker and the driver call. At import, so that the processes that dask starts are wrapped too."""
    from search.stores import outbox
    from search.workers import dask_engine as workers
    from search.workers import worker_process

    worker_process.run_job = _traced_job(worker_process.run_job)
    workers.DaskEngine.submit = _traced_submit(workers.DaskEngine.submit)  # type: ignore[method-assign]
    outbox.put = _traced_put(outbox.put)


if TRACE in os.environ:
    install()
