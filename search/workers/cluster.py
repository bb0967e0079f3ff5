"""dask as a search uses it: its settings, workers on this machine, and the checks of a user's scheduler and workers.

dask's defaults are changed where they break a promise of the search: dask would run a lost worker's task again without
a word (allowed-failures 3), open its dashboard on all interfaces, and give a worker several tasks. On a user's cluster
the scheduler's own settings apply, so dask_engine.py does not rely on these changes.
"""

import asyncio
import logging
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Container, Sequence
from contextlib import suppress
from typing import Any

import dask
from distributed import Client, LocalCluster, Security
from distributed.comm import connect
from distributed.comm.addressing import get_address_host_port

from models.core.errors import ConfigError
from models.core.runtime import HASH_SEED, versions
from models.data.splits import Split
from search.workers import fork_server, worker_process
from search.workers.dask_internals import leave_fork_server_alone, leave_garbage_collection_alone
from search.workers.worker_process import PROJECT_SHA256, Greeting

_DECISIVE = ("tensorflow", "keras", "numpy")  # packages whose versions can change a trial's bits
ANSWERS_WITHIN = 10.0
"""Seconds within which a worker must introduce itself."""
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
    # A search needs no dashboard and no load balancing. What dask does for them took 6% of a core with two idle
    # workers, and takes a quarter of that with these settings.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.active-memory-manager.start": False,
    # Workers on this machine are forked (fork_server.py), without the malloc variables that slow training by a tenth.
    "distributed.worker.multiprocessing-method": "forkserver",
    "distributed.nanny.pre-spawn-environ": {},
}


def configure_dask() -> None:
    """Sets up dask in the driver's process."""
    dask.config.set(_DASK)
    # The driver's thread computes and writes. By default dask's thread would wait 5 ms for it at each message.
    sys.setswitchinterval(0.0005)
    leave_fork_server_alone()
    leave_garbage_collection_alone()
    for noisy in ("", ".client", ".nanny", ".scheduler", ".worker"):  # these print tracebacks when a scheduler is lost
        logging.getLogger(f"distributed{noisy}").setLevel(logging.CRITICAL)


def start_workers(count: int) -> LocalCluster:
    """Starts a scheduler and `count` worker processes of one thread on this machine, which listen on loopback alone."""
    # The driver alone answers Ctrl-C. Processes and threads that this thread starts inherit its signal mask.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    fork_server.start()
    return LocalCluster(
        n_workers=count,
        threads_per_worker=1,
        processes=True,
        host="127.0.0.1",
        dashboard_address="127.0.0.1:0",  # opens a port even without a dashboard, by default 8787
        memory_limit=0,
        silence_logs=logging.CRITICAL,
    )


def kill_workers(cluster: LocalCluster) -> None:
    """Kills the worker processes of a cluster on this machine at once."""
    for nanny in list(cluster.workers.values()):
        pid = getattr(nanny, "pid", None)
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def check_scheduler(address: str, own_code: bool = False) -> None:
    """Checks that a dask scheduler answers, and that the scheduler and one of its workers, if any, can run trials.

    Raises:
        ConfigError: the check fails.
    """
    try:
        port = re.search(r":([0-9]{1,5})$", address)
        if port is None or not 1 <= int(port[1]) <= 65535:
            raise ValueError("the address must end with a port from 1 to 65535, as tcp://10.0.0.5:8786 does")
        socket.create_connection(get_address_host_port(address), timeout=10).close()
        if dask.config.get("distributed.comm.require-encryption") and not address.startswith("tls://"):
            raise ValueError("dask's settings require encryption, so it must begin with tls://")
        configure_dask()
        asyncio.run(_answers(address))
        with Client(address, timeout=10, set_as_default=False) as client:
            client.run_on_scheduler(versions)
            known = client.scheduler_info(n_workers=-1)["workers"]
            found = client.sync(greetings_of, client, "", list(known))
    except ImportError as error:
        raise ConfigError(f"the dask scheduler must be able to import the project, got {address!r}: {error}") from error
    except (OSError, ValueError, TypeError, RuntimeError) as error:  # RuntimeError: TLS is required, or not set up
        reason = " ".join(str(error).split()) or "the address takes connections and does not answer as dask does"
        raise ConfigError(
            f"scheduler must be the address of a dask scheduler that answers, got {address!r}: {reason}"
        ) from error
    problems = [unfit(worker, found[worker], known[worker]["nanny"], own_code) for worker in found]
    if problems and all(problems):
        raise ConfigError(f"a search needs a worker that can run trials, got {problems[0]}")


async def _answers(address: str) -> None:
    """Raises OSError unless a dask scheduler answers. A Client that cannot connect would leave tracebacks instead."""
    arguments = Security().get_connection_args("client")
    comm = await asyncio.wait_for(
        connect(address, timeout=5, **arguments), 8
    )  # dask's own limit ends before the greeting
    await comm.close()


async def greetings_of(client: Client, key: str, workers: Sequence[str]) -> dict[str, Greeting | Exception]:
    """How each worker introduces itself, or the error if it does not. A silent worker keeps no other waiting."""

    async def greeting(address: str) -> Greeting | Exception:
        asked = client.run(worker_process.greet, key, workers=[address], on_error="return")
        try:
            (found,) = (await asyncio.wait_for(asked, ANSWERS_WITHIN)).values()
        except TimeoutError as error:
            return error
        return found

    return dict(zip(workers, await asyncio.gather(*map(greeting, workers)), strict=True))


async def give_data(client: Client, key: str, split: Split, workers: list[str], present: Container[str]) -> None:
    """Sends the data to the workers in one message; ends once all have received them, or one is no longer `present`.

    dask answers only when the last worker has the data, so a worker that falls silent would keep the others waiting.
    """
    take = client.run(worker_process.take_data, key, split, workers=workers, on_error="ignore")
    sending = asyncio.ensure_future(take)
    while not sending.done() and all(worker in present for worker in workers):
        await asyncio.wait([sending], timeout=0.5)
    if sending.done():
        sending.result()  # raises the error, if there was one
    else:
        sending.cancel()


def unfit(address: str, greeting: Greeting | Exception, nanny: str | None, own_code: bool) -> str | None:
    """Why a worker of a user's cluster must not run trials, in one line; None if the worker may.

    `own_code`: trials call functions of the user's own, whose results may depend on the order of sets of strings.
    """
    if isinstance(greeting, OSError):  # the worker is about to leave, not up yet, or silent
        return None
    if isinstance(greeting, Exception):  # of a kind that dask defines; its text contains that of the worker's error
        return f"worker {address}, which cannot import the project: {greeting}"
    if nanny is None:
        return f"worker {address}, which has no nanny: a trial that does not stop could not be ended there"
    if own_code and not greeting.fixed_hashes:
        return f"worker {address}, in which sets of words have another order: dask's nanny sets {HASH_SEED}"
    if greeting.project != PROJECT_SHA256:
        return (
            f"worker {address}, which has other files of this project and may give other bits: "
            f"{greeting.project[:12] or 'an older state'} (here {PROJECT_SHA256[:12]})"
        )
    here, there = versions(), greeting.versions
    differing = [name for name in _DECISIVE if here.get(name) != there.get(name)]
    if differing:
        names = ", ".join(
            f"{name} {there.get(name, 'missing')} (here {here.get(name, 'missing')})" for name in differing
        )
        return f"worker {address}, whose versions would give other bits: {names}"
    return None


class Heartbeats:
    """Tells which workers still send heartbeats. The scheduler's times are compared only with each other."""

    def __init__(self, silent_for: float) -> None:
        self._silent_for = silent_for
        self._last: dict[str, tuple[float, float]] = {}

    def alive(self, found: dict[str, Any]) -> set[str]:
        """The addresses of the workers in `found` that have sent a heartbeat within the last `silent_for` seconds."""
        now, before = time.monotonic(), self._last
        moved = {a: a not in before or before[a][0] != worker["last_seen"] for a, worker in found.items()}
        self._last = {a: (found[a]["last_seen"], now if moved[a] else before[a][1]) for a in found}
        return {address for address, (_, since) in self._last.items() if now - since < self._silent_for}
