"""Numbers to predict: chosen by an error that is minimised, in everything that a search does."""

import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import optuna
import pandas as pd
import pytest
from mlflow import pyfunc

from analysis.reading.mlflow_studies import read_mlflow
from models.data.sources import load_dataset
from models.tasks.metrics import rmse
from search.__main__ import main
from tests.search.own_study import everything_else_works, searched


def test_diabetes_is_searched_by_its_rmse_and_everything_follows_its_direction(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = searched("--dataset", "diabetes", "--objective", "val_rmse", "--trials", "6", "--models", "best:2")
    assert (table.task, table.objective.name, table.objective.direction) == ("regression", "val_rmse", "minimize")
    scores = dict(zip(table.frame["number"], table.frame["val_rmse"], strict=True))
    assert table.best is not None
    assert table.best["val_rmse"] == min(scores.values())
    assert (table.frame["params.monitor"] == "val_rmse").all()

    study = optuna.load_study(study_name="own", storage="sqlite:///optuna.db")
    assert (study.direction.name, study.metric_names) == ("MINIMIZE", ["val_rmse"])
    assert {trial.number: trial.value for trial in study.trials} == scores
    assert study.best_trial.user_attrs["test_rmse"] == table.frame["test_rmse"][study.best_trial.number]

    parent = mlflow.get_run(str(table.parent_run_id))
    assert {"task": "regression", "objective": "val_rmse", "direction": "minimize"}.items() <= parent.data.tags.items()
    assert set(table.baselines) == {"constant", "linear"}
    assert "linear regression on the same features" in parent.data.tags["mlflow.note.content"]
    curve = mlflow.MlflowClient().get_metric_history(str(table.parent_run_id), "best_of_n")
    values = [point.value for point in sorted(curve, key=lambda point: point.step)]
    assert values == sorted(values, reverse=True)

    best_two = sorted(scores, key=lambda number: (scores[number], number))[:2]
    logged = mlflow.search_logged_models([parent.info.experiment_id], output_format="list")
    with_models = {str(each.source_run_id) for each in logged}
    assert with_models == set(table.frame.loc[best_two, "run_id"])

    data = load_dataset("diabetes")
    model = pyfunc.load_model(f"runs:/{table.best['run_id']}/model")
    rows = pd.DataFrame(data.x_test, columns=[column.name for column in data.columns])
    answered = model.predict(rows)
    assert list(answered.columns) == ["progression"]
    assert rmse(data.y_test, answered.to_numpy()) == pytest.approx(table.best["test_rmse"], rel=1e-6)
    everything_else_works(table, capsys)
    best, second = (str(table.frame["run_id"][number]) for number in best_two)
    assert main(["inspect", "--run-id", best, "--versus", second]) == 0
    assert main(["inspect", "--run-id", best, "--classes", "0-1"]) == 2
    assert "classes belong to a classification, got '0-1'" in capsys.readouterr().err
    drawn = {file.path for file in mlflow.MlflowClient().list_artifacts(best, "inspect")}
    assert {"inspect/predictions.png", "inspect/number_map.png", "inspect/residual_quantiles_versus.png"} <= drawn

    artifacts = {file.path for file in mlflow.MlflowClient().list_artifacts(str(table.best["run_id"]))}
    assert {"predictions.png", "predictions_test.json", "worst_rows_validation.json"} <= artifacts
    page = Path("report/report.html").read_text()
    assert "validation RMSE" in page
    assert "does not beat" in page or "is better on validation than" in page


def test_several_targets_and_a_second_look_and_folds(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(200, 3))
    frame = pd.DataFrame(x, columns=["a", "b", "c"])
    frame["left"], frame["right"] = 100 * x[:, 0] + 1000, x[:, 1] - x[:, 2]
    frame.to_csv("two.csv", index=False)
    table = searched("--dataset", "two.csv", "--target", "left,right", "--pruner", "median")
    assert table.best is not None
    answered = pyfunc.load_model(f"runs:/{table.best['run_id']}/model").predict(frame.drop(columns=["left", "right"]))
    assert list(answered.columns) == ["left", "right"]
    assert abs(answered["left"].mean() - 1000) < 50
    said = subprocess.run(
        [sys.executable, "-m", "search", "confirm", "--study", "own", "--top", "1", "--repeats", "2"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert said.returncode == 0, said.stdout + said.stderr
    assert read_mlflow("own-confirm").objective.name == "val_rmse"

    Path("folded.yaml").write_text(
        "{sampler: random, trials: 2, task: regression, objective: val_mae, space: {width: [8, 16]},"
        " data: {dataset: two.csv, target: right, leave_out: left, folds: 3}, training: {epochs: 4}}"
    )
    command = [sys.executable, "-m", "search", "--study", "folded.yaml", "--workers", "0"]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    folded = read_mlflow("folded")
    assert folded.refit is not None
    assert folded.baselines["constant"]["val_mae"] > folded.baselines["linear"]["val_mae"]
    assert "MAE over the folds" in ran.stdout


def test_a_trial_that_diverges_stands_at_the_baseline_and_the_stop_rule_minimises(workdir: Path) -> None:
    Path("wild.yaml").write_text(
        "{sampler: list, objective: val_rmse, data: {dataset: diabetes}, training: {epochs: 3, optimizer: sgd},"
        " configurations: [{learning_rate: 0.01}, {learning_rate: 1.0e+30}]}"
    )
    assert subprocess.run([sys.executable, "-m", "search", "--study", "wild.yaml", "--workers", "0"]).returncode == 0
    table = read_mlflow("wild")
    assert table.frame["state"].tolist() == ["complete", "failed"]
    Path("own.yaml").write_text(
        "{sampler: random, trials: 40, data: {dataset: diabetes}, space: {width: [4, 5]}, training: {epochs: 1}}"
    )
    command = ["--study", "own.yaml", "--workers", "1", "--stop-when-gain-below", "60"]
    said = subprocess.run([sys.executable, "-m", "search", *command], capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
    assert read_mlflow("own").stopped_early


def test_a_threshold_no_gain_can_reach_is_refused(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--dataset", "diabetes", "--stop-when-gain-below", "500"]) == 2
    assert "stop_when_gain_below must be a number between 0 and 7" in capsys.readouterr().err
    assert sorted(workdir.iterdir()) == []
