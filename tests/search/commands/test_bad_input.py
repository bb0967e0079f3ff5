"""Bad input ends in one line on stderr that names the rule and the value, exit code 2, and makes nothing."""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from models.core.runtime import PROJECT
from search.__main__ import main
from search.stores.databases import check_sqlite

GOOD = {
    "x_train": np.arange(80, dtype=np.uint8).reshape(20, 2, 2),
    "y_train": np.arange(20) % 2,
    "x_test": np.ones((4, 2, 2), np.uint8),
    "y_test": np.arange(4) % 2,
}


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a refused command prints."""
    before = sorted(Path().rglob("*"))
    assert main(list(arguments)) == 2, arguments
    assert sorted(Path().rglob("*")) == before
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    return printed.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--study", "nope"],
            "'nope' is no study: a study is a .yaml file of yours, or one that comes with .* .baseline, batch-norm",
        ),
        (
            ["--study", "digits-randm"],
            "'digits-randm' is no study; did you mean 'digits-random'. a study is a .yaml file",
        ),
        (["--study", "mine/digits"], "'mine/digits': no such file; a study is a .yaml file, or the name of one"),
        (["--study", "."], "'.' is no study: a study is a .yaml file"),
        (["reprot"], r"'reprot' is no command; did you mean 'report'. .commands: confirm, .*--study NAME"),
        (["digits-random"], "'digits-random' is no command .commands: confirm, .*"),
        (["report", "--trails", "3"], "'--trails' is no option .all options: python -m search report --help"),
        (["--seed"], "argument --seed: expected one argument .all options"),
        (["--seed", "1", "2"], "'2' is no option: an option begins with --"),
        (["replay", "--run_di", "1"], "'--run-di' is no option; did you mean '--run-id'"),
        (["replay"], "--run-id ID is missing: the run of a complete trial"),
        (["--zz", "1"], "'--zz' is no option .all options: python -m search --help"),
        (["--trails=3"], "'--trails' is no option; did you mean '--trials'"),
        (["--trials", "0"], "trials must be a whole number, 1 or more, got '0'"),
        (["--trials", "many"], "trials must be a whole number, 1 or more, got 'many'"),
        (["--trials", "1.5"], "trials must be a whole number, 1 or more, got '1.5'"),
        (["--workers", "-1"], "workers must be auto or a whole number, 0 or more, got '-1'"),
        (["--seed", "4294967296"], "seed must be at most 4,294,967,295, got 4294967296"),
        (["--seed", "x"], "seed must be a whole number, 0 or more, got 'x'"),
        (["--models", "best:0"], "models must be all, none or best:K .*, got 'best:0'"),
        (["--models", "some"], "models must be all, none or best:K .*, got 'some'"),
        (["--name", "a/b"], "name must be letters, digits, .*, got 'a/b'"),
        (["--sampler", "grid"], "needs a grid study, got 'digits-random', whose sampler is random"),
        (["--sampler", "cmaes"], "sampler must be one of grid, random, list, tpe, got 'cmaes'"),
        (["--stop-when-gain-below", "2"], "stop_when_gain_below must be a number between 0 and 1, got 2"),
        (["--stop-when-gain-below", "x"], "stop_when_gain_below must be a number, got 'x'"),
        (
            ["--stop-when-gain-below", "0.1", "--pruner", "median"],
            "every trial's full score, got a study with the pruner m",
        ),
        (["--pruner", "best"], "pruner must be one of none, median, halving, got 'best'"),
        (["--timeout", "0"], "timeout must be a number of seconds above 0, got 0"),
        (["--trial-timeout", "-1"], "trial_timeout must be a number of seconds above 0, got -1"),
        (["--trial-timeout", "nan"], "trial_timeout must be a number of seconds above 0, got nan"),
        (["--storage", f"sqlite:///{'x' * 300}/o.db"], "storage must lie in a folder that exists"),
        (["--storage", f"sqlite:///{'x' * 300}"], "storage must be a path that can be"),
        (["--storage", "sqlite:///x\0y"], "storage must be a path that can be"),
        (["--scheduler", "tcp://127.0.0.1"], "must end with a port from 1 to 65535"),
        (["--scheduler", "127.0.0.1:²"], "must end with a port from 1 to 65535"),
        (["--scheduler", "127.0.0.1:99999"], "must end with a port from 1 to 65535"),
        (["--scheduler", "tcp://127.0.0.1:9"], "scheduler must be the address of a dask scheduler that answers"),
        (["--dry-run", "maybe"], "dry_run must be true or false, got 'maybe'"),
        (["--dataset", "nope"], "'nope' is no data set: there are digits, iris, .* .or the path of"),
        (["--dataset", "nope.npz"], "'nope.npz': no such file"),
        (["--storage", "mysqlite://x"], "storage must be an address like sqlite:///optuna.db"),
        (["--storage", "sqlite:////proc/none/optuna.db"], "storage must lie in a folder that .* can be written"),
        (
            ["--storage", "postgresql://me:secret@127.0.0.1:9/optuna"],
            r"storage must be a database that answers, got 'postgresql://\*\*\*@127.0.0.1:9/optuna'",
        ),
        (["--study", "mnist-dropout-width", "--dataset", "digits", "--trials", "26"], "at most the 25 configurations"),
    ],
)
def test_a_bad_option_is_refused(
    workdir: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    line = refused(capsys, *arguments)
    assert re.search(message, line), line
    assert "secret" not in line


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x_test": None}, "dataset must hold x_train, y_train, x_test, y_test, got 'data.npz' without x_test"),
        ({"y_train": np.array([{}] * 20, dtype=object)}, "plain numbers .pickled objects could run code., got 'data"),
        ({"x_train": np.full((20, 2, 2), np.nan), "x_test": np.ones((4, 2, 2))}, "x_train of data must be finite .*80"),
        ({"y_train": np.arange(20) % 2 + 1}, r"y_test of data must hold labels of y_train of data only, got 0"),
        ({"y_train": np.zeros(20, int)}, "y_train of data must have two classes or more, got 0 alone"),
        ({"y_test": np.array([0, 1, 2, 1])}, "y_test of data must hold labels of y_train of data only, got 2"),
        ({"x_test": np.ones((4, 3, 2), np.uint8)}, r"rows of one shape, got \(2, 2\) and \(3, 2\)"),
        ({"y_train": np.arange(19) % 2}, "as many rows, got 20 and 19"),
        ({"y_train": np.array(["a", "b"] * 10)}, "must be of one kind, got words and numbers"),
        ({"x_train": np.array([["a"] * 4] * 20)}, "x_train of data must be rows of numbers"),
    ],
)
def test_a_data_file_that_breaks_a_rule_is_refused(
    workdir: Path, capsys: pytest.CaptureFixture[str], change: dict[str, np.ndarray], message: str
) -> None:
    np.savez("data.npz", **{name: array for name, array in (GOOD | change).items() if array is not None})  # type: ignore[arg-type]
    line = refused(capsys, "--dataset", "data.npz")
    assert re.search(message, line), line


def test_a_data_file_that_is_no_npz_is_refused(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("data.npz").write_text("hello")
    assert "dataset must" in refused(capsys, "--dataset", "data.npz")
    np.save("array.npy", np.arange(3))
    assert "an .npz archive of named arrays" in refused(capsys, "--dataset", "array.npy")


def test_a_damaged_data_file_is_refused(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez_compressed("data.npz", **GOOD)  # type: ignore[arg-type]
    whole = bytearray(Path("data.npz").read_bytes())
    whole[60:100] = bytes(40)
    Path("data.npz").write_bytes(whole)
    assert "dataset must" in refused(capsys, "--dataset", "data.npz")


def test_a_store_that_is_no_database_is_refused(
    workdir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("garbage.db").write_text("hello " * 500)
    assert "storage must be an SQLite database" in refused(capsys, "--storage", "sqlite:///garbage.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///garbage.db")
    assert "the tracking store must be an SQLite database" in refused(capsys, "--workers", "0")


def test_what_a_kill_left_half_written_in_a_store_is_rolled_back(tmp_path: Path) -> None:
    file = tmp_path / "mlflow.db"
    writing = sqlite3.connect(file, isolation_level=None)
    writing.executescript("CREATE TABLE t (a); PRAGMA cache_size = 1; BEGIN; CREATE TABLE half (a)")
    writing.executemany("INSERT INTO half VALUES (?)", [("x" * 5000,)] * 50)  # more than the cache: it is in the file
    left = tmp_path / "left"
    shutil.copytree(tmp_path, left)
    writing.close()
    assert (left / "mlflow.db-journal").stat().st_size
    check_sqlite(left / "mlflow.db", "the tracking store")
    assert not (left / "mlflow.db-journal").exists()


@pytest.mark.parametrize("name", ["models", "analysis"])
def test_a_file_that_hides_the_projects_packages_is_named(workdir: Path, name: str) -> None:
    Path(f"{name}.py").touch()
    command = [sys.executable, "-m", "search", "--help"]
    ended = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(PROJECT)})
    assert ended.returncode == 2
    assert ended.stderr.startswith("error: the working directory must have no package models or analysis")
    assert "Traceback" not in ended.stderr


STUDIES = {
    "{sampler: random, space: {width: []}}": "space.width must have one choice at least",
    "{sampler: random, space: {l2: {low: 0, high: 1, log: true}}}": "whose low must be above 0, got 0",
    "{sampler: random, space: {dropout: [0.5, 1]}}": "dropout must be a number from 0 to below 1, got 1",
    "{sampler: grid, space: {dropout: {low: 0.0, high: 0.5}}}": "a grid needs choices or a step for every range",
    "{sampler: random, space: {width: [8]}, training: {width: 8}}": "either searched or fixed in training, got width",
    "{sampler: random, space: {activation: [rleu]}}": "activation must be one of",
}


@pytest.mark.parametrize("study", STUDIES)
def test_a_study_that_breaks_a_rule_is_refused(workdir: Path, capsys: pytest.CaptureFixture[str], study: str) -> None:
    Path("mine.yaml").write_text(study)
    assert STUDIES[study] in refused(capsys, "--study", "mine.yaml")


def test_a_study_file_that_is_no_yaml_is_refused(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("mine.yaml").write_text("sampler: [random\n")
    assert "a study must be a YAML file, got 'mine.yaml'" in refused(capsys, "--study", "mine.yaml")


def test_a_tracking_server_that_does_not_answer_is_refused(
    workdir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    line = refused(capsys, "--workers", "0")
    assert r"MLFLOW_TRACKING_URI must be a tracking server that answers, got 'http://***@127.0.0.1:9'" in line
    assert "secret" not in line


def test_a_folder_that_cannot_be_written_is_refused(
    workdir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/proc/self")
    assert main(["--storage", f"sqlite:///{workdir}/optuna.db"]) == 2
    assert "what MLflow keeps must lie in a folder that exists and can be written" in capsys.readouterr().err
    assert list(workdir.iterdir()) == []


def test_data_that_cannot_be_downloaded_names_the_file_to_put_where(
    workdir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", "/proc/self/keras")
    line = refused(capsys, "--dataset", "mnist")
    assert "dataset mnist must be in Keras' cache or within reach of a download" in line
    assert "/proc/self/keras/datasets/mnist.npz" in line
