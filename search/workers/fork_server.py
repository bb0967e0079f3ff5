"""The process that worker processes on this machine are forked from.

It imports what a worker needs once, while the driver imports MLflow and opens the databases. A worker is then there in
0.02 s instead of 4 s of both cores, and shares the memory of what is imported. It is multiprocessing's own fork server;
preloaded.py is what it imports.
"""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver

from models.core.runtime import variables_to_import
from search.workers.multiprocessing_internals import fork_server_died, kill_fork_server


def start() -> None:
    """Starts the fork server if it is not running, and returns at once."""
    multiprocessing.set_forkserver_preload(["search.workers.preloaded"])
    with _importable(), _without_interrupts():
        forkserver.ensure_running()


def watch_over() -> None:
    """Starts another fork server if the one of this process was killed; its workers have gone with it."""
    if fork_server_died():
        start()


def stop() -> None:
    """Ends the fork server, whatever it is doing. The workers that were forked from it have ended before."""
    kill_fork_server()


@contextmanager
def _importable() -> Iterator[None]:
    # Python 3.11's fork server is told the path of its parent and does not take it over.
    # Not the working directory first: a package models in it is the user's.
    needed = variables_to_import() | {"PYTHONSAFEPATH": "1"}
    before = {name: os.environ.get(name) for name in needed}
    os.environ.update(needed)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """What is started meanwhile never hears Ctrl-C: that is the driver's to answer."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
