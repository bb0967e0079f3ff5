"""Searches as real processes, killed (kill -9) at seeded random moments and at named points, and resumed."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.faults import trace
from tests.faults.start import KILL, ONCE, POINTS, WRITES
from tests.project import PROJECT, environment

WORKERS = 2
ANYWHERE = ("driver", "driver at its start", "worker", *POINTS)
"""Kills that any search can get; the others need a dask cluster of the user's own."""
OF_A_CLUSTER = ("nanny", "scheduler")
_PATIENCE = 180.0  # seconds that a shared machine may take for what takes seconds
_MOST_LOSSES = 2  # of workers by one trial: a third would count as the trial's own failure


Attempt = tuple[int, int]
"""Number and attempt."""


@dataclass(frozen=True)
class Kill:
    kind: str
    in_flight: frozenset[Attempt]
    """The attempts that it cost: submitted, of the victim, and not in the outbox yet."""
    mid_trial: bool
    """Whether one of them was training."""


def kills_of(entries: Sequence[trace.Entry]) -> list[Kill]:
    """The kills that a trace tells of, with what each cost."""
    found: list[Kill] = []
    flying: set[Attempt] = set()
    training: dict[Attempt, int] = {}
    for entry in entries:
        if entry.what == "kill":
            kind, victim = entry.details
            alone = kind in ("worker", "nanny")
            cost = {each for each in flying if not alone or training.get(each) == victim}
            found.append(Kill(kind, frozenset(cost), any(each in training for each in cost)))
            flying -= cost
            training = {each: pid for each, pid in training.items() if each not in cost}
            continue
        attempt = entry.details[0], entry.details[1]
        if entry.what == "submit":
            flying.add(attempt)
        elif entry.what == "begin" and attempt in flying:
            training[attempt] = entry.pid
        elif entry.what == "end":
            training.pop(attempt, None)
        elif entry.what == "commit":
            flying.discard(attempt)
    return found


def epochs_of(entries: Sequence[trace.Entry]) -> Counter[Attempt]:
    """How many epochs each attempt trained, whether or not anybody kept them."""
    return Counter((entry.details[0], entry.details[1]) for entry in entries if entry.what == "epoch")


class Cluster:
    """A dask scheduler and workers with nannies, started as a user would."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self._folder, self._variables = folder, variables
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
        self.scheduler: subprocess.Popen[bytes] | None = None
        self._nannies: list[subprocess.Popen[bytes]] = []

    def bring_up(self) -> None:
        """Starts what is not there (any more)."""
        if self.scheduler is None or self.scheduler.poll() is not None:
            self.end()  # workers outlive a scheduler by seconds, and would not come back to another
            self.scheduler = self._start(
                "scheduler", "--host", self.address, "--no-dashboard", "--dashboard-address", "127.0.0.1:0"
            )
        self._nannies = [nanny for nanny in self._nannies if nanny.poll() is None]
        while len(self._nannies) < WORKERS:
            self._nannies.append(
                self._start(
                    "worker", self.address, "--nthreads", "1", "--host", "127.0.0.1", "--memory-limit", "0",
                    "--no-dashboard", "--local-directory", str(self._folder), "--preload", "tests.faults.trace",
                )
            )  # fmt: skip

    def end(self) -> None:
        for process in [*self._nannies, *([self.scheduler] if self.scheduler else [])]:
            for each in (*psutil.Process(process.pid).children(recursive=True), process) if _lives(process) else ():
                _kill(each.pid)
            process.wait()
        self._nannies, self.scheduler = [], None

    def _start(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._folder / "cluster.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments],
                cwd=self._folder, env=self._variables, stdout=log, stderr=log,
            )  # fmt: skip


class Disturbed:
    """One command in a folder of its own, whose processes are killed."""

    def __init__(self, folder: Path, command: Sequence[str], seed: int, cluster: bool = False) -> None:
        """`command` is what follows `python -m search`, but for the workers."""
        self.folder, self._command, self._random = folder, command, random.Random(seed)
        self._trace, self._armed = folder / "trace.jsonl", folder / "kill.json"
        self._variables = environment() | {
            "PYTHONPATH": str(PROJECT),
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
            trace.TRACE: str(self._trace),
            KILL: str(self._armed),
        }
        self.cluster = Cluster(folder, self._variables) if cluster else None
        self._driver: subprocess.Popen[bytes] | None = None
        self._since = 0  # the trace's length when the session began
        self.codes: list[int] = []

    @property
    def log(self) -> str:
        """All that was said to the user."""
        return (self.folder / "driver.log").read_text()

    @property
    def entries(self) -> list[trace.Entry]:
        return trace.read(self._trace)

    def run(self, kinds: Sequence[str]) -> None:
        """Kills as `kinds` says, one after the other, and then lets the same command come to its end."""
        try:
            for kind in kinds:
                if not self._kill(kind):
                    break  # the search came to its end before the moment did
            if self._driver is None:
                self._start()
            assert self._driver is not None
            self._armed.unlink(missing_ok=True)
            self.codes.append(self._wait_for_driver())
        finally:
            self.end()

    def end(self) -> None:
        if self._driver is not None and _lives(self._driver):
            self._driver.kill()
            self._driver.wait()
        if self.cluster is not None:
            self.cluster.end()

    def _start(self) -> None:
        workers = ["--workers", str(WORKERS)] if self._command[0] != "doctor" else []
        if self.cluster is not None:
            self.cluster.bring_up()
            workers = ["--scheduler", self.cluster.address]
            _wait(lambda: _answers(self.cluster.address))  # type: ignore[union-attr]
        self._since = len(self.entries)
        command = [sys.executable, "-m", "tests.faults.start", *self._command, *workers]
        with (self.folder / "driver.log").open("ab") as log:
            self._driver = subprocess.Popen(command, cwd=self.folder, env=self._variables, stdout=log, stderr=log)

    def _kill(self, kind: str) -> bool:
        """Whether the kill landed; it does not when the search ends before."""
        if self._driver is None or self._driver.poll() is not None:
            self._start()
        assert self._driver is not None
        if kind in (*POINTS, *ONCE, WRITES):
            calls = 1 if kind in ONCE else self._random.randint(1, 25 if kind == "between MLflow's writes" else 4)
            self._armed.write_text(json.dumps([kind, calls]))
            return self._ended_by_kill()
        if kind == "driver at its start":
            time.sleep(self._random.uniform(0, 4))
        else:
            _wait(lambda: self._training() or not _lives(self._driver))
            time.sleep(self._random.uniform(0, 1))
        if kind in ("worker", "nanny"):
            return self._kill_worker(kind)
        if not _lives(self._driver):
            return False
        if kind == "scheduler":
            assert self.cluster is not None
            assert self.cluster.scheduler is not None
            self._note_kill(kind, self.cluster.scheduler.pid)
            _kill(self.cluster.scheduler.pid)
            self.codes.append(self._wait_for_driver())
            self._driver = None
            return True
        _kill(self._driver.pid)
        self._driver.wait()
        self._note_kill(kind, self._driver.pid)
        self._driver = None
        return True

    def _kill_worker(self, kind: str) -> bool:
        victims: dict[Attempt, int] = {}

        def found() -> bool:
            victims.update(self._training())
            return bool(victims) or not _lives(self._driver)

        _wait(found)
        if not victims:
            return False
        worker = self._random.choice(sorted(victims.items()))[1]
        self._note_kill(kind, worker)  # before, as the driver may write the loss down at once
        _kill(worker if kind == "worker" else psutil.Process(worker).ppid())
        _wait(lambda: not _is_alive(worker))
        if kind == "nanny" and self.cluster is not None:
            self.cluster.bring_up()
        return True

    def _wait_for_driver(self) -> int:
        """The exit code; where all threads of a driver that does not end are goes to its log."""
        assert self._driver is not None
        try:
            return self._driver.wait(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            self._driver.send_signal(signal.SIGUSR1)
            time.sleep(1)
            raise AssertionError(f"no end within {_PATIENCE:g} s: {self.log[-8000:]}") from None

    def _ended_by_kill(self) -> bool:
        assert self._driver is not None
        code = self._wait_for_driver()
        if code != -signal.SIGKILL:
            self.codes.append(code)
            self._armed.unlink(missing_ok=True)
            # Nothing is left to be disturbed, but a last start of the command must bear with that.
        self._driver = None
        return code == -signal.SIGKILL

    def _training(self) -> dict[Attempt, int]:
        """The attempts of this session that are training, by the process that they train in."""
        entries = self.entries
        losses = Counter(
            number for kill in kills_of(entries) if kill.kind in ("worker", *OF_A_CLUSTER)
            for number, _ in kill.in_flight
        )  # fmt: skip
        training: dict[Attempt, int] = {}
        for entry in entries[self._since :]:
            attempt = entry.details[0], entry.details[1]
            if entry.what == "begin" and losses[attempt[0]] < _MOST_LOSSES:
                training[attempt] = entry.pid
            elif entry.what in ("end", "commit"):
                training.pop(attempt, None)
        return {attempt: pid for attempt, pid in training.items() if _is_alive(pid)}

    def _note_kill(self, kind: str, victim: int) -> None:
        os.environ[trace.TRACE] = str(self._trace)
        try:
            trace.note("kill", kind, victim)
        finally:
            del os.environ[trace.TRACE]


def undisturbed(folder: Path, command: Sequence[str], workers: int | None) -> subprocess.Popen[bytes]:
    """The same command in another folder, with another number of workers (None: it has none), left in peace."""
    variables = environment() | {"PYTHONPATH": str(PROJECT), "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db"}
    with (folder / "driver.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "search", *command, *(["--workers", str(workers)] if workers is not None else [])],
            cwd=folder, env=variables, stdout=log, stderr=log,
        )  # fmt: skip


def _wait(condition: Callable[[], object]) -> None:
    until = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < until, f"nothing within {_PATIENCE:g} s"
        time.sleep(0.02)


def _answers(address: str) -> bool:
    host, port = address.removeprefix("tcp://").split(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


def _lives(process: subprocess.Popen[bytes] | None) -> bool:
    return process is not None and process.poll() is None


def _is_alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
