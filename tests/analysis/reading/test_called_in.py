"""Results go to the folder that a command was typed in, wherever `mlflow run` has its process work."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import PROJECT

_ASK = "from analysis.reading.called_in import called_in; print(called_in())"
# As MLflow: a process without the run's ID, which has a shell begin the project's command in the project's folder.
_MLFLOW = """
import os, subprocess, sys
_, folder, command, *variables = sys.argv
subprocess.run(["bash", "-c", command], cwd=folder, env=os.environ | dict(each.split("=", 1) for each in variables))
"""


def told(working: Path, **variables: str) -> str:
    """What a command that was typed in this process' folder, and works in another one, takes for its folder."""
    ask = f'"{sys.executable}" -c "{_ASK}"; true'
    command = [sys.executable, "-c", _MLFLOW, str(working), ask, *(f"{key}={text}" for key, text in variables.items())]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder beside the folder that the user works in."""
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name in ("project", "user"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "user")
    return tmp_path / "project"


def test_a_command_typed_by_hand_keeps_its_results_in_its_working_directory(project: Path) -> None:
    assert told(project) == "."


def test_under_mlflow_run_results_lie_beside_mlflows_file(project: Path, tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    assert told(project, MLFLOW_RUN_ID="0" * 32, MLFLOW_TRACKING_URI=uri) == str(tmp_path)


def test_with_an_mlflow_server_results_lie_where_mlflow_run_was_typed(project: Path, tmp_path: Path) -> None:
    server = {"MLFLOW_RUN_ID": "0" * 32, "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    assert told(project, **server) == str(tmp_path / "user")
    assert told(tmp_path / "user", **server) == "."
