"""A small study of a person's own data, searched, and everything that is done with a finished one."""

import subprocess
import sys
from pathlib import Path

import pytest

from analysis.__main__ import run as analyse
from analysis.reading.mlflow_studies import read_mlflow
from analysis.reading.table import TrialTable
from search.__main__ import main
from tests.project import PROJECT, environment

STUDY = """
{sampler: random, trials: 3, data: {validation: 0.2}, space: {width: [8, 16]},
 training: {epochs: 12, learning_rate: 0.02, batch_size: 16}}
"""


def searched(*arguments: str) -> TrialTable:
    """The finished study `own`, searched by a process of its own with one worker."""
    Path("own.yaml").write_text(STUDY)
    command = [sys.executable, "-m", "search", "--study", "own.yaml", "--workers", "1", *arguments]
    kept = environment() | {
        "PYTHONPATH": str(PROJECT),
        "MLFLOW_TRACKING_URI": f"sqlite:///{Path('mlflow.db').resolve()}",
    }
    ran = subprocess.run(command, env=kept, capture_output=True, text=True, timeout=200)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return read_mlflow("own")


def everything_else_works(table: TrialTable, capsys: pytest.CaptureFixture[str]) -> None:
    assert table.best is not None
    run_id = str(table.best["run_id"])
    for command in (["doctor", "--study", table.study], ["inspect", "--run-id", run_id]):
        assert main(command) == 0
    replayed = subprocess.run(
        [sys.executable, "-m", "search", "replay", "--run-id", run_id], capture_output=True, text=True,
    )  # fmt: skip
    assert replayed.returncode == 0, replayed.stdout + replayed.stderr
    assert "bit-equal" in replayed.stdout
    assert Path("report/report.html") in analyse(["--study", table.study, "--out", "report"])
    capsys.readouterr()
