"""A copy of the project to run as a user would, so that a test leaves nothing behind in the checkout."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
_PARTS = ("models", "search", "analysis", "examples", "MLproject", "conda.yaml")

_COMMIT = ("commit", "-q", "--allow-empty", "-m", "a copy")


def copy_project(folder: Path) -> Path:
    for part in _PARTS:
        source = PROJECT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    for command in (["init", "-q"], ["-c", "user.name=test", "-c", "user.email=test@localhost", *_COMMIT]):
        subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True)
    return folder


def work_in(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has this process work in `folder`, with a store of its own there and nothing of the run that runs the tests."""
    for name in list(os.environ):
        if name.startswith(("MLFLOW_", "OPTUNA_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))


def environment() -> dict[str, str]:
    """For another process: this interpreter's programs first on the PATH, no tracking server of the person who runs the
    tests, and nothing of what this process was set up with to train.
    """
    left_out = ("MLFLOW_", "OPTUNA_", "TF_", "KERAS_", "CUDA_", "GRPC_", "OMP_", "PYTHONPATH")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def mlflow_run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`mlflow run .` in `folder`, in the environment that the tests run in."""
    command = [sys.executable, "-m", "mlflow", "run", ".", "--env-manager", "local", *arguments]
    return subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=300)
