"""Replicated searches by TPE, from the command to the page: the same trials whatever the number of workers."""

import subprocess
import sys
from pathlib import Path

import mlflow
import optuna
import pandas as pd
import pytest

from analysis.reading.mlflow_studies import read_mlflow
from search.__main__ import main
from tests.project import PROJECT, environment

STUDY = """
{sampler: tpe, replicates: 2, trials: 12, seed: 7, data: {validation: 0.2}, training: {epochs: 3, batch_size: 32},
 space: {width: [4, 8, 16], learning_rate: {low: 1.0e-3, high: 1.0e-1, log: true}}}
"""
SAME = ["number", "seed", "config_hash", "state", "val_accuracy", "test_accuracy", "weights_sha256"]


def searched(folder: Path, *arguments: str) -> tuple[pd.DataFrame, str]:
    """The finished study `own` in a folder of its own, and what was printed."""
    folder.mkdir(exist_ok=True)
    (folder / "own.yaml").write_text(STUDY)
    uri = f"sqlite:///{folder.resolve()}/mlflow.db"
    kept = environment() | {"PYTHONPATH": str(PROJECT), "MLFLOW_TRACKING_URI": uri}
    command = [sys.executable, "-P", "-m", "search", "--study", "own.yaml", *arguments]
    ran = subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, timeout=200)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return read_mlflow("own", uri).frame[SAME], ran.stdout


def test_a_search_by_tpe_has_the_same_trials_with_one_worker_and_with_three_and_can_be_extended(tmp_path: Path) -> None:
    one, said = searched(tmp_path / "one", "--workers", "1")
    three, _ = searched(tmp_path / "three", "--workers", "3", "--trials", "11")
    assert one["number"].tolist() == list(range(24))
    pd.testing.assert_frame_equal(three, one[one["number"] < 22].reset_index(drop=True), check_exact=True)
    extended, _ = searched(tmp_path / "three", "--workers", "2")
    pd.testing.assert_frame_equal(extended, one, check_exact=True)
    assert "In 2 independent searches the best of 12 trials by TPE reached a validation accuracy of" in said
    assert "with a probability of at most 1/3" in said
    assert "--trials 24" in said  # twice the trials of each
    assert "on average" not in said


def test_the_doctor_says_when_a_trial_follows_from_a_result_that_is_lost_and_the_search_mends_it(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, _ = searched(workdir, "--workers", "1")
    study = optuna.load_study(study_name="own", storage="sqlite:///optuna.db")
    lost = next(trial.number for trial in study.trials if trial.user_attrs["trial_number"] == 20)
    study.set_user_attr("set_aside", [lost])  # number 20 is the 11th trial of replicate 0: number 22 follows from it
    client = mlflow.MlflowClient()
    table = read_mlflow("own")
    client.delete_run(str(table.frame["run_id"][20]))
    assert main(["doctor", "--study", "own"]) == 1
    assert "follows from a trial of its replicate" in " ".join(capsys.readouterr().out.split())
    after, _ = searched(workdir, "--workers", "1")
    pd.testing.assert_frame_equal(after, before, check_exact=True)
    assert main(["doctor", "--study", "own"]) == 0
