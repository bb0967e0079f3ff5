"""A study in PostgreSQL and a tracking server on PostgreSQL, real ones: restarts, one driver, no password anywhere."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES

from search.commands.ui import commands
from search.stores.lock import DriverLock, Taken
from search.stores.paths import StudyPaths
from search.workers.job import Job
from search.workers.outcome import Outcome
from tests.faults.conftest import TRIALS, Command, assert_complete_and_once, said_without_traceback
from tests.postgresql import PASSWORD, PostgreSQL
from tests.project import PROJECT, environment
from tests.search.fakes import complete


class TrackingServer:
    """`mlflow server` on a database, with artifacts of its own."""

    def __init__(self, folder: Path, database: str) -> None:
        self.folder, self._database = folder, database
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self.start()

    def start(self) -> None:
        variables = environment() | {
            "MLFLOW_BACKEND_STORE_URI": self._database,  # as an argument, everybody on the machine could read it
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        }
        arguments = ["--host", "127.0.0.1", "--port", str(self._port), "--workers", "1"]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mlflow", "server", *arguments, "--artifacts-destination", "artifacts"],
                cwd=self.folder, env=variables, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + 120
        while not self._answers():
            assert self._process.poll() is None, (self.folder / "server.log").read_text()[-2000:]
            assert time.monotonic() < until
            time.sleep(0.2)

    def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _answers(self) -> bool:
        try:
            return bool(urllib.request.urlopen(f"{self.url}/health", timeout=5).status == 200)
        except (urllib.error.URLError, OSError):
            return False


@dataclass(frozen=True)
class Services:
    postgresql: PostgreSQL
    tracking: TrackingServer


@pytest.fixture(scope="module")
def services(postgresql: PostgreSQL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    tracking = TrackingServer(tmp_path_factory.mktemp("server"), postgresql.create("mlflow"))
    yield Services(postgresql, tracking)
    tracking.kill()


@pytest.fixture
def storage(services: Services, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, workdir: Path) -> str:
    """An empty database for Optuna; MLflow's address is that of the tracking server."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", services.tracking.url)
    monkeypatch.setenv(MLFLOW_HTTP_REQUEST_MAX_RETRIES.name, "0")
    return services.postgresql.create(request.node.name[:60])


def test_a_search_outlives_its_servers(
    services: Services, command: Command, storage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    postgresql, tracking = services.postgresql, services.tracking
    faults = deque([postgresql.stop, postgresql.start, tracking.kill, tracking.start])
    outbox = StudyPaths("small", Path())

    def behave(job: Job) -> Outcome:
        # The second server goes only when everything got through again to the first: how soon differs.
        over = faults and faults[0] == tracking.kill and outbox.outcomes()
        if job.number and faults and not over:
            faults.popleft()()
        time.sleep(0.3)  # longer than it waits between deliveries
        return complete(job)

    assert command("--storage", storage, "--trials", "20", behave=behave, patience=60.0) == 0
    assert not faults
    said = said_without_traceback(capsys)
    # A server's first word after a restart may be of a connection that it lost: then it is away twice.
    assert said.count("does not answer") == said.count("the stores answer again") >= 2, said
    assert PASSWORD not in said
    assert sorted(command.trained) == list(range(20))  # type: ignore[attr-defined]
    assert_complete_and_once(storage=storage, trials=20)


@pytest.mark.slow
def test_what_a_server_that_stays_away_did_not_get_is_delivered_by_the_next_command(
    services: Services, command: Command, storage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def behave(job: Job) -> Outcome:
        if job.number == 2:
            services.tracking.kill()
        return complete(job)

    assert command("--storage", storage, behave=behave) == 1
    said = said_without_traceback(capsys)
    assert f"the tracking store {services.tracking.url} does not answer: " in " ".join(said.split())
    assert re.search("0 trials are missing, [3-6] wait in the outbox", said), said
    services.tracking.start()
    assert command("--storage", storage) == 0
    assert "nothing was trained" in said_without_traceback(capsys)
    assert sorted(command.trained) == list(range(TRIALS))  # type: ignore[attr-defined]
    assert_complete_and_once(storage=storage)


def test_a_second_driver_elsewhere_is_refused_by_name_and_kill_9_frees_the_study(
    postgresql: PostgreSQL, tmp_path: Path
) -> None:
    url = postgresql.create("lock")
    program = (
        "import sys, time; from pathlib import Path\n"
        "from search.stores.lock import DriverLock; from search.stores.paths import StudyPaths\n"
        "lock = DriverLock(StudyPaths('small', Path(sys.argv[1])), sys.stdin.readline().strip())\n"
        "print('held', flush=True); time.sleep(600)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "here")],
        env=environment() | {"PYTHONPATH": str(PROJECT)}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdin.write(url + "\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "held\n"
        elsewhere = StudyPaths("small", tmp_path / "there")
        with pytest.raises(Taken, match=rf"one driver at a time, got 'small' held by .*process {holder.pid} on "):
            DriverLock(elsewhere, url)
        DriverLock(StudyPaths("other", tmp_path / "there"), url).release()
    finally:
        holder.kill()
        holder.communicate()
    until = time.monotonic() + 5
    while True:
        try:
            DriverLock(elsewhere, url).release()
            return
        except Taken:
            assert time.monotonic() < until


def test_a_driver_whose_study_another_took_while_the_database_was_away_writes_nothing_more(
    services: Services, command: Command, storage: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken: list[DriverLock] = []

    def behave(job: Job) -> Outcome:
        if job.number == 2:
            services.postgresql.restart()
            taken.append(DriverLock(StudyPaths("small", tmp_path / "there"), storage))
        return complete(job)

    assert command("--storage", storage, behave=behave) == 1
    assert "a study must have one driver at a time, got 'small' held by search: process" in said_without_traceback(
        capsys
    )
    taken[0].release()
    assert command("--storage", storage) == 0
    assert_complete_and_once(storage=storage)


def arguments_of_children(pid: int) -> set[str]:
    try:
        return {" ".join(child.cmdline()) for child in psutil.Process(pid).children(recursive=True)}
    except psutil.NoSuchProcess:  # one has ended meanwhile
        return set()


def test_no_password_of_an_address_is_written_shown_or_given_to_a_worker(
    services: Services, command: Command, storage: str, workdir: Path
) -> None:
    arguments = ["--study", "small.yaml", "--trials", "2", "--workers", "1", "--storage", storage]
    driver = subprocess.Popen(
        [sys.executable, "-m", "search", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    seen: set[str] = set()
    while driver.poll() is None:
        seen |= arguments_of_children(driver.pid)
        time.sleep(0.1)
    printed, _ = driver.communicate()
    assert driver.returncode == 0, printed
    dry = subprocess.run([sys.executable, "-m", "search", *arguments, "--dry-run"], capture_output=True, text=True)
    assert dry.returncode == 0, dry.stderr
    assert len(seen) >= 2
    assert "--storage postgresql://***@127.0.0.1" in printed.replace("'", "")
    leaks = {"printed": printed, "dry run": dry.stdout + dry.stderr, "processes": "\n".join(seen)}
    leaks["interfaces"] = str(commands(1, 2, storage))
    for database in ("mlflow", storage.rsplit("/", 1)[1]):
        tables = services.postgresql.query(database, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in tables:
            rows = services.postgresql.query(database, f'SELECT t::text FROM "{table}" t')
            leaks[f"{database}.{table}"] = str(rows)
    assert "small" in leaks["mlflow.tags"]
    for file in [*workdir.rglob("*"), *services.tracking.folder.rglob("*")]:
        if file.is_file():
            leaks[str(file)] = file.read_bytes().decode(errors="replace")
    assert [where for where, text in leaks.items() if PASSWORD in text] == []
