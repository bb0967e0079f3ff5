"""How commands end: whatever happens, in one line and with the exit code of its kind."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from mlflow import MlflowClient

from search.command_line.exit_codes import run_command
from search.stores import outbox
from search.stores.paths import StudyPaths
from search.study.settings import StudySettings
from tests.project import PROJECT, environment
from tests.search.doctor.doctoring import Search, examine
from tests.search.fakes import FakeEngine, complete, fails
from tests.search.whole import search_on

STUDY = "{sampler: random, trials: 3, space: {width: [4, 8, 16]}, training: {epochs: 2}}"


def test_an_unforeseen_error_is_one_line_and_its_traceback_a_file(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def act() -> int:
        raise RuntimeError("no connection to postgresql://me:secret@h/x")

    assert run_command(act) == 70
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1
    assert "secret" not in printed
    (file,) = workdir.glob("search-error-*.txt")
    assert str(file) in printed
    assert "in act" in file.read_text()


def test_a_search_in_which_every_trial_failed_says_why_and_fails(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("own.yaml").write_text(STUDY)
    assert search_on(FakeEngine(fails("diverged")), "--study", "own.yaml") == 1
    said = " ".join(capsys.readouterr().out.split())
    found = re.search(
        r"all 3 trials failed, with the reason 'diverged'; for instance run (\w{32}), .*: http://127.0.0.1:5000/#/exp",
        said,
    )
    assert found is not None, said
    assert MlflowClient().get_run(found[1]).data.tags["state_reason"] == "diverged"
    assert "extend it" not in said


def test_a_trial_that_loses_its_worker_is_told_at_once(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("own.yaml").write_text(STUDY)
    engine = FakeEngine(lambda job: "its worker left" if (job.number, job.attempt) == (1, 0) else complete(job))
    assert search_on(engine, "--study", "own.yaml") == 0
    assert "trial 1 lost its worker and runs again: its worker left" in capsys.readouterr().out


@pytest.mark.usefixtures("wide")
def test_an_outcome_that_the_stores_have_is_called_superseded(
    search: Search, settings: StudySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = FakeEngine()
    search(settings, engine)
    path = outbox.put(complete(engine.jobs[2]), StudyPaths("small"))
    code, printed = examine(capsys)
    assert (code, "2 0 superseded: the stores have this attempt's end outbox dropped" in printed) == (1, True)
    assert examine(capsys, "--repair", "true")[0] == 0
    assert not path.exists()


def test_a_grids_equal_cells_are_said(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("own.yaml").write_text("{sampler: grid, space: {optimizer: [adam, sgd], momentum: [0.0, 0.9]}}")
    engine = FakeEngine()
    assert search_on(engine, "--study", "own.yaml") == 0
    assert len(engine.jobs) == 3
    said = " ".join(capsys.readouterr().out.split())
    assert "of the grid's 4 cells 1 are the same networks as others: 3 different ones count" in said


def test_a_second_look_that_has_begun_is_told_apart_by_what_the_user_changed(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from search.__main__ import main

    Path("own.yaml").write_text(STUDY)
    assert search_on(FakeEngine(), "--study", "own.yaml", "--models", "none") == 0
    confirm = ["confirm", "--study", "own", "--workers", "0", "--models", "none"]
    assert main([*confirm, "--top", "2", "--repeats", "2"]) == 0
    capsys.readouterr()
    assert main([*confirm, "--top", "1", "--repeats", "2"]) == 2
    said = capsys.readouterr().err
    assert "top and repeats must stay what the second look was begun with, 4 trials in all, got top=1 repeats=2" in said
    assert main([*confirm, "--top", "1", "--repeats", "2", "--name", "another"]) == 0


@pytest.mark.parametrize("arguments", [["ui", "--speed", "3"], ["doctor"], ["replay", "--nope"], ["confirm"]])
def test_usage_errors_are_one_line(workdir: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    from search.__main__ import main

    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)


def free_ports() -> list[int]:
    probes = [socket.socket() for _ in range(2)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def wait(until: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not until():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_the_ui_wants_two_ports_and_leaves_no_server_behind_however_it_ends(
    search: Search, settings: StudySettings, workdir: Path
) -> None:
    search(settings, FakeEngine())
    started = [sys.executable, "-m", "search", "ui"]
    at_home = environment() | {"PYTHONPATH": str(PROJECT)}
    equal = subprocess.run(
        [*started, "--mlflow-port", "5999", "--optuna-port", "5999"], env=at_home, capture_output=True, text=True
    )
    assert (equal.returncode, equal.stderr) == (
        2, "error: mlflow_port and optuna_port must be two ports, got 5999 for both\n",
    )  # fmt: skip
    ports = [str(port) for port in free_ports()]
    tracking = {"MLFLOW_TRACKING_URI": os.environ["MLFLOW_TRACKING_URI"]}
    ui = subprocess.Popen(
        [*started, "--mlflow-port", ports[0], "--optuna-port", ports[1]], env=at_home | tracking,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert ui.stdout is not None
    while "Ctrl-C" not in ui.stdout.readline():
        assert ui.poll() is None
    children = psutil.Process(ui.pid).children(recursive=True)
    assert len(children) >= 3
    ui.send_signal(signal.SIGKILL)
    ui.communicate()
    wait(lambda: not any(child.is_running() and child.status() != "zombie" for child in children), 15)


_NOBODY = """
import os, pwd, sys

def gone(*_):
    raise KeyError("getpwuid(): uid not found")

pwd.getpwuid = pwd.getpwnam = gone
from search.__main__ import main
sys.exit(main(sys.argv[1:]))
"""


def test_a_user_without_a_name_a_home_a_locale_and_a_terminal_can_search(workdir: Path) -> None:
    """As under `docker --user 4711`: no entry in passwd, no USER, no HOME."""
    Path("own.yaml").write_text("{sampler: random, trials: 1, space: {width: [4, 8]}, training: {epochs: 1}}")
    gone = ("HOME", "USER", "LOGNAME", "LNAME", "USERNAME", "LANG", "LC_ALL", "TERM")
    kept = {name: value for name, value in environment().items() if name not in gone}
    ran = subprocess.run(
        [sys.executable, "-c", _NOBODY, "--study", "own.yaml", "--workers", "0"],
        env=kept | {"PYTHONPATH": str(PROJECT)}, capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert "Traceback" not in ran.stdout + ran.stderr
    refused = subprocess.run(
        [sys.executable, "-c", _NOBODY, "--study", "~/own.yaml"], env=kept | {"PYTHONPATH": str(PROJECT)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert (refused.returncode, refused.stderr) == (
        2,
        "error: '~/own.yaml': no such file; a study is a .yaml file, or the name of one\n",
    )
