"""What dask must be for a search: its settings here, and whether a user's scheduler and workers can run trials.

dask's defaults are changed where they break the promises: a lost worker's task would be run again without a word
(allowed-failures 3), the dashboard would listen on all interfaces, and a worker could hold several tasks. On a user's
cluster the scheduler's own settings stand, so dask_engine.py does not rely on them.
"""

import asyncio
import logging
import re
import socket
import sys
import time
from collections.abc import Container, Sequence
from typing import Any

import dask
from distributed import Client, Security
from distributed.comm import connect
from distributed.comm.addressing import get_address_host_port

from models.core.errors import ConfigError
from models.core.runtime import HASH_SEED, versions
from models.data.splits import Split
from search.workers import worker_process
from search.workers.dask_internals import leave_fork_server_alone, leave_garbage_collection_alone
from search.workers.worker_process import PROJECT_SHA256, Greeting

_DECISIVE = ("tensorflow", "keras", "numpy")  # packages whose versions decide on a trial's bits
_ANSWERS_WITHIN = 10.0  # seconds that a worker has to introduce itself
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
    # What watches the cluster for dashboards and for balancing its load, of which there is none here, took 6% of a core
    # with two idle workers; this leaves a quarter of that.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.active-memory-manager.start": False,
    # Own workers: forked (fork_server.py), and without the variables of malloc that slow training down by a tenth.
    "distributed.worker.multiprocessing-method": "forkserver",
    "distributed.nanny.pre-spawn-environ": {},
}


def configure_dask() -> None:
    dask.config.set(_DASK)
    # The driver imports, makes tables and writes books: what speaks with workers would wait 5 ms for it at each word.
    sys.setswitchinterval(0.0005)
    leave_fork_server_alone()
    leave_garbage_collection_alone()
    for noisy in ("", ".client", ".nanny", ".scheduler", ".worker"):  # a lost scheduler makes them print tracebacks
        logging.getLogger(f"distributed{noisy}").setLevel(logging.CRITICAL)


def check_scheduler(address: str, own_code: bool = False) -> None:
    """Raises ConfigError unless a dask scheduler answers, and it and a worker, if it has any, can run trials."""
    try:
        port = re.search(r":([0-9]{1,5})$", address)
        if port is None or not 1 <= int(port[1]) <= 65535:
            raise ValueError("it must end with a port from 1 to 65535, as tcp://10.0.0.5:8786 does")
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
    except (OSError, ValueError, TypeError, RuntimeError) as error:  # the last: TLS is required, or not set up
        reason = " ".join(str(error).split()) or "it takes connections, and does not greet as dask does"
        raise ConfigError(
            f"scheduler must be the address of a dask scheduler that answers, got {address!r}: {reason}"
        ) from error
    problems = [unfit(worker, found[worker], known[worker]["nanny"], own_code) for worker in found]
    if problems and all(problems):
        raise ConfigError(f"a search needs a worker that can run trials, got {problems[0]}")


async def _answers(address: str) -> None:
    """Raises OSError unless a dask scheduler speaks there: of a client that never got to it, dask tells tracebacks."""
    arguments = Security().get_connection_args("client")
    comm = await asyncio.wait_for(
        connect(address, timeout=5, **arguments), 8
    )  # dask's own limit ends before the greeting
    await comm.close()


async def greetings_of(client: Client, key: str, workers: Sequence[str]) -> dict[str, Greeting | Exception]:
    """How each worker introduces itself, or why it does not: one that is silent keeps no other waiting."""

    async def greeting(address: str) -> Greeting | Exception:
        asked = client.run(worker_process.greet, key, workers=[address], on_error="return")
        try:
            (found,) = (await asyncio.wait_for(asked, _ANSWERS_WITHIN)).values()
        except TimeoutError as error:
            return error
        return found

    return dict(zip(workers, await asyncio.gather(*map(greeting, workers)), strict=True))


async def give_data(client: Client, key: str, split: Split, workers: list[str], present: Container[str]) -> None:
    """Sends the data to the workers in one message; ends once they have it, or one of them is no longer `present`.

    dask tells only when the last one has it: a worker that falls silent meanwhile would keep the others waiting.
    """
    take = client.run(worker_process.take_data, key, split, workers=workers, on_error="ignore")
    sending = asyncio.ensure_future(take)
    while not sending.done() and all(worker in present for worker in workers):
        await asyncio.wait([sending], timeout=0.5)
    if sending.done():
        sending.result()  # which raises what went wrong
    else:
        sending.cancel()


def unfit(address: str, greeting: Greeting | Exception, nanny: str | None, own_code: bool) -> str | None:
    """Why a worker of a user's cluster must not run trials, in one line; None when it may.

    `own_code`: they run a function of the user's own, which a set of words must have one order for.
    """
    if isinstance(greeting, OSError):  # it is about to leave, not up yet, or silent
        return None
    if isinstance(greeting, Exception):  # dask's own kind: the real one's words are in it
        return f"worker {address}, which cannot import the project: {greeting}"
    if nanny is None:
        return f"worker {address}, which has no nanny: a trial that does not stop could not be ended there"
    if own_code and not greeting.fixed_hashes:
        return f"worker {address}, in which sets of words have another order: dask's nanny gives it {HASH_SEED}"
    if greeting.project != PROJECT_SHA256:
        return (
            f"worker {address}, which has other files of this project, whose bits may differ: "
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
    """Which workers are heard of. The scheduler's clock is compared with itself alone."""

    def __init__(self, silent_for: float) -> None:
        self._silent_for = silent_for
        self._last: dict[str, tuple[float, float]] = {}

    def alive(self, found: dict[str, Any]) -> set[str]:
        """Of the scheduler's workers by address, those whose heartbeat has moved within the last `silent_for` s."""
        now, before = time.monotonic(), self._last
        moved = {a: a not in before or before[a][0] != worker["last_seen"] for a, worker in found.items()}
        self._last = {a: (found[a]["last_seen"], now if moved[a] else before[a][1]) for a in found}
        return {address for address, (_, since) in self._last.items() if now - since < self._silent_for}
