"""Runs of an MLflow experiment and tables of any program's trials are read as they are, or refused in one line."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient

from tests.analysis.foreign.commands import refused, reported, score
from tests.project import environment as people_s


def experiment(client: MlflowClient, name: str = "theirs", trials: int = 40) -> str:
    """As a loop over plain MLflow code leaves it."""
    id_ = client.create_experiment(name)
    rng = np.random.default_rng(3)
    for number in range(trials):
        made = client.create_run(id_, start_time=1000 * number)
        lr = float(10 ** rng.uniform(-4, -1))
        client.log_param(made.info.run_id, "lr", lr)
        client.log_param(made.info.run_id, "optimizer", "adam")
        value = score(lr, 32, "a") + float(rng.normal(0, 0.02))
        client.log_metric(made.info.run_id, "val_accuracy", value)
        client.log_metric(made.info.run_id, "test_accuracy", value - 0.01)
        client.log_metric(made.info.run_id, "loss", 1 - value)
        client.set_terminated(made.info.run_id, end_time=1000 * number + 900)
    return str(id_)


def test_an_mlflow_experiment_is_read_and_one_with_deleted_runs_is_refused(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = MlflowClient()
    id_ = experiment(client)
    for named in ("theirs", id_):
        found = reported("--mlflow", named, "--sampler", "random", "--rows", "1000", folder=workdir)
        assert found["trials"]["complete"] == 40
        assert found["curves"]["test_of_best"]["1"]["low"] is not None
    assert "lr" in (workdir / "report" / "report.html").read_text()
    assert "--mlflow is an experiment's name or ID" in refused(
        capsys, "--mlflow", "thiers", "--sampler", "random", folder=workdir
    )
    client.delete_run(client.search_runs([id_])[0].info.run_id)
    said = refused(capsys, "--mlflow", "theirs", "--sampler", "random", folder=workdir)
    assert "got an MLflow experiment with 1 deleted or missing of 40" in said


AUTOLOGGED = """
import keras, mlflow, numpy as np
mlflow.set_experiment("autologged")
mlflow.tensorflow.autolog(log_models=False, log_datasets=False)
rng = np.random.default_rng(0)
x, y = rng.normal(size=(60, 4)), np.arange(60) % 2
for units in (2, 4, 8, 3, 5, 9):
    with mlflow.start_run():
        mlflow.log_param("units", units)
        model = keras.Sequential([keras.layers.Dense(units), keras.layers.Dense(2, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, validation_split=0.5, epochs=2, verbose=0)
"""


def test_runs_that_keras_autologging_made_are_read(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    variables = people_s() | {"MLFLOW_TRACKING_URI": f"sqlite:///{workdir}/mlflow.db"}
    made = subprocess.run(
        [sys.executable, "-c", AUTOLOGGED], env=variables, capture_output=True, text=True, timeout=200
    )
    assert made.returncode == 0, made.stderr
    where = ("--mlflow", "autologged", "--sampler", "random")
    said = refused(capsys, *where, folder=workdir)
    assert "--metric is what trials were chosen by, one of accuracy, loss, val_accuracy, val_loss, valid" in said
    found = reported(*where, "--metric", "val_accuracy", folder=workdir)
    assert found["trials"]["complete"] == 6
    assert "units 2 to 9" in (workdir / "report" / "report.html").read_text()


def test_ten_thousand_trials_are_read_in_seconds(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lr, units = 10 ** rng.uniform(-4, -1, 10_000), rng.integers(8, 64, 10_000)
    frame = pd.DataFrame({"config/lr": lr, "config/units": units, "status": "TERMINATED", "trial_id": range(10_000)})
    frame["val_acc"] = [score(a, b, "a") for a, b in zip(lr, units, strict=True)]
    frame.to_csv(tmp_path / "ray.csv", index=False)
    began = time.process_time()
    from analysis.foreign.claims import table_of
    from analysis.foreign.table_file import read_table_file
    from analysis.foreign.trials import Claims

    table = table_of(
        read_table_file(str(tmp_path / "ray.csv"), ["val_acc"]),
        Claims(sampler="random", metric="val_acc", direction="maximize", bounds=(0.0, 1.0)),
    )
    assert time.process_time() - began < 10
    assert table.searched == ("lr", "units")
    assert len(table.frame) == 10_000


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"score": [0.1, 0.2]}, "--sampler says how the trials were drawn"),
        ({"score": [0.1, 0.2], "status": ["done?", "COMPLETE"]}, "a trial's state is one of complete, completed"),
        ({"number": [0, 2], "score": [0.1, 0.2]}, "got a table of trials with 1 deleted or missing of 3"),
        ({"scores": [0.1, 0.2]}, "one of scores, lr, got 'score'; did you mean 'scores'?"),
    ],
    ids=["sampler", "state", "gap", "metric"],
)
def test_tables_that_say_something_else_are_refused(
    columns: dict[str, list[Any]], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pd.DataFrame(columns).assign(lr=[1, 2]).to_csv(tmp_path / "t.csv", index=False)
    sampler = "" if said.startswith("--sampler") else "random"
    arguments = ("--trials", str(tmp_path / "t.csv"), "--sampler", sampler, "--metric", "score")
    assert said in refused(capsys, *arguments, "--direction", "maximize", "--bounds", "0,1", folder=tmp_path)
