"""A dask cluster as a user starts one: its own commands, each a process of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import psutil
from distributed import Client

from search.workers.dask_engine import DaskEngine
from search.workers.engine import Watch
from tests.project import PROJECT, environment
from tests.search.jobs import SPLIT

DASK = str(Path(sys.executable).parent / "dask")


class Cluster:
    """A scheduler; workers join by `worker`. With `host` another than loopback, `prefix` puts a process there."""

    def __init__(
        self,
        folder: Path,
        host: str = "127.0.0.1",
        prefix: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._folder, self._processes = folder, list[subprocess.Popen[bytes]]()
        self._file = folder / "scheduler.json"
        where = ["--host", host, "--port", "0", "--dashboard-address", "127.0.0.1:0"]
        self.scheduler = self._start([*prefix, DASK, "scheduler", *where, "--scheduler-file", str(self._file)], env)
        until = time.monotonic() + 30
        while not self._file.exists() or not self._file.read_text().strip().endswith("}"):
            assert time.monotonic() < until
            assert self.scheduler.poll() is None, self.log
            time.sleep(0.1)
        self.address = str(json.loads(self._file.read_text())["address"])

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    def worker(
        self,
        *options: str,
        host: str = "127.0.0.1",
        prefix: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        where = ["--host", host, "--dashboard-address", f"{host}:0", "--local-directory", str(self._folder)]
        command = [*prefix, DASK, "worker", self.address, "--memory-limit", "0", *where, *options]
        return self._start(command if "--nthreads" in options else [*command, "--nthreads", "1"], env, cwd)

    def client(self) -> Client:
        return Client(self.address, set_as_default=False)

    def wait_for_workers(self, count: int) -> None:
        with self.client() as client:
            client.wait_for_workers(count, timeout=30)

    def close(self) -> None:
        """Kills the processes and those that they started: an orderly end takes dask many seconds."""
        running = [process for process in self._processes if process.poll() is None]
        # Not dask's resource trackers: these end by themselves, and then remove the semaphores that the others left.
        left = [each for process in running for each in _below(process.pid) if "resource_tracker" not in _command(each)]
        for process in self._processes:
            process.kill()
            process.wait()
        for child in left:
            if child.is_running():
                child.kill()

    def _start(
        self, command: list[str], env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> subprocess.Popen[bytes]:
        log = os.open(self._folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        everything = environment() | {"PYTHONPATH": str(PROJECT)} | dict(env or {})
        process = subprocess.Popen(command, cwd=cwd or self._folder, env=everything, stdout=log, stderr=log)
        os.close(log)
        self._processes.append(process)
        return process


def on(cluster: Cluster, engines: list[DaskEngine], watch: Watch | None = None, **changes: object) -> DaskEngine:
    """A started engine on the cluster, put into `engines`; `changes` are those of its data."""
    engine = DaskEngine(replace(SPLIT, **changes), 0, cluster.address, watch)  # type: ignore[arg-type]
    engine.start()
    engines.append(engine)
    return engine


def _below(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def _command(process: psutil.Process) -> str:
    return " ".join(process.cmdline())


def worker_pid(nanny: subprocess.Popen[bytes]) -> int:
    """The process that trains below a `dask worker` command."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for child in _below(nanny.pid):
            if "spawn_main" in _command(child):
                return child.pid
        time.sleep(0.1)
    raise AssertionError("the nanny has no worker")
