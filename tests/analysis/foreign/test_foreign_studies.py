"""Studies that Optuna, MLflow and other programs made themselves are read as they are, or refused in one line."""

import json
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from mlflow import MlflowClient

from analysis.__main__ import main, run
from tests.project import environment as people_s

optuna.logging.set_verbosity(optuna.logging.WARNING)
TRIALS = 60


def score(lr: float, units: int, kind: str) -> float:
    """Of an accuracy's kind, best in the middle of the rates."""
    return 0.95 - 0.1 * abs(np.log10(lr) + 2) ** 1.5 - 1 / units - 0.01 * (kind == "b")


def objective(trial: optuna.Trial) -> float:
    value = score(
        trial.suggest_float("lr", 1e-4, 1e-1, log=True),
        trial.suggest_int("units", 8, 64),
        trial.suggest_categorical("kind", ["a", "b"]),
    )
    trial.set_user_attr("test_value", value - 0.01)
    return value


def study(folder: Path, sampler: optuna.samplers.BaseSampler, name: str = "s", **more: Any) -> optuna.Study:
    return optuna.create_study(
        storage=f"sqlite:///{folder}/theirs.db", study_name=name, sampler=sampler, direction="maximize", **more
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> optuna.Study:
    """A random study of Optuna's own."""
    found = study(tmp_path_factory.mktemp("theirs"), optuna.samplers.RandomSampler(seed=1))
    found.optimize(objective, n_trials=TRIALS)
    return found


def address(found: optuna.Study) -> str:
    return str(found._storage._backend.url)  # type: ignore[attr-defined]


def reported(*arguments: str, folder: Path) -> dict[str, Any]:
    """What best_of_n.json holds of a study that is read."""
    run([*arguments, "--out", str(folder / "report")])
    assert (folder / "report" / "report.html").is_file()
    return dict(json.loads((folder / "report" / "best_of_n.json").read_text()))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str, folder: Path) -> str:
    capsys.readouterr()
    assert main([*arguments, "--out", str(folder / "none")]) == 2
    assert not (folder / "none").exists()
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


OPTUNA = ("--study", "s", "--sampler", "random", "--test-metric", "test_value", "--bounds", "0,1")


def test_a_random_study_of_optuna_s_gives_what_a_table_of_its_trials_gives(made: optuna.Study, tmp_path: Path) -> None:
    found = reported("--optuna", address(made), *OPTUNA, folder=tmp_path)
    assert found["trials"]["complete"] == TRIALS
    frame = made.trials_dataframe()
    frame["test_value"] = frame["user_attrs_test_value"]
    frame[["number", "value", "test_value", "params_lr", "params_units", "params_kind", "state"]].to_csv(
        tmp_path / "t.csv", index=False
    )
    named = ("--metric", "value", "--test-metric", "test_value", "--direction", "maximize", "--bounds", "0,1")
    same = reported("--trials", str(tmp_path / "t.csv"), "--sampler", "random", *named, folder=tmp_path)
    assert found["curves"] == same["curves"]
    frame.to_parquet(tmp_path / "t.parquet")
    assert (
        reported("--trials", str(tmp_path / "t.parquet"), "--sampler", "random", *named, folder=tmp_path)["curves"]
        == (found["curves"])
    )
    values = np.sort(frame["value"].to_numpy())
    expected = float(np.mean([values[random.Random(i).sample(range(TRIALS), 10)].max() for i in range(2000)]))
    assert abs(found["curves"]["best_val"]["10"]["value"] - expected) < 0.003


def test_failed_and_pruned_trials_count_and_running_ones_cut_the_plan(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def ragged(trial: optuna.Trial) -> float:
        value = objective(trial)
        if trial.number % 10 == 3:
            raise ValueError("theirs")
        if trial.number % 10 == 6:
            raise optuna.TrialPruned
        return value

    found = study(tmp_path, optuna.samplers.RandomSampler(seed=2))
    found.optimize(ragged, n_trials=30, catch=ValueError)
    found.ask()
    found.optimize(ragged, n_trials=5, catch=ValueError)
    told = reported("--optuna", address(found), *OPTUNA, folder=tmp_path)
    assert told["trials"] | {"complete": 24, "failed": 3, "pruned": 3, "left_out": 5} == told["trials"]
    page = (tmp_path / "report" / "report.html").read_text()
    assert "1 trials were still running" in page
    said = re.search(
        r"4 trials failed without a reason: .* the best of N = 7 reaches (\S+) with them and (\S+) wit", page
    )
    assert said is not None
    assert float(said[1]) < float(said[2])


Make = Callable[[Path], optuna.Study]


def tpe(folder: Path) -> optuna.Study:
    found = study(folder, optuna.samplers.TPESampler(seed=5, n_startup_trials=5))
    found.optimize(objective, n_trials=80)
    return found


def enqueued(folder: Path) -> optuna.Study:
    found = study(folder, optuna.samplers.RandomSampler(seed=1))
    found.enqueue_trial({"lr": 0.01, "units": 64, "kind": "a"})
    found.optimize(objective, n_trials=10)
    return found


def added(folder: Path) -> optuna.Study:
    def slowly(trial: optuna.Trial) -> float:
        time.sleep(0.12)
        return objective(trial)

    found = study(folder, optuna.samplers.RandomSampler(seed=1))
    found.optimize(slowly, n_trials=4)
    found.add_trial(optuna.trial.create_trial(value=0.99))
    return found


def two_spaces(folder: Path) -> optuna.Study:
    found = study(folder, optuna.samplers.RandomSampler(seed=1))
    found.optimize(lambda trial: trial.suggest_float("lr", 0.0, 1.0), n_trials=3)
    found.optimize(lambda trial: trial.suggest_float("lr", 0.0, 0.5), n_trials=3)
    return found


def grid(folder: Path) -> optuna.Study:
    space = {"lr": [1e-3, 1e-2], "units": [8, 16, 32]}
    found = study(folder, optuna.samplers.GridSampler(space, seed=1))
    found.optimize(
        lambda trial: score(trial.suggest_float("lr", 1e-3, 1e-2), trial.suggest_int("units", 8, 32), "a"), n_trials=6
    )
    return found


def failed(folder: Path) -> optuna.Study:
    found = study(folder, optuna.samplers.RandomSampler(seed=1))
    found.optimize(lambda trial: 1 / 0, n_trials=3, catch=ZeroDivisionError)
    return found


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (tpe, "trials drawn at random have no trend of score against number"),
        (enqueued, "got parameters that somebody chose (enqueued, or added whole) in 1 of 10, for instance trial 0"),
        (added, "got parameters that somebody chose (enqueued, or added whole) in 1 of 5, for instance trial 4"),
        (two_spaces, "a study draws from one space, got lr from FloatDistribution(high=1.0"),
        (grid, "--sampler is what an Optuna study shows, grid, got random"),
        (failed, "a study has trials with scores, got none in 's'"),
    ],
    ids=["tpe", "enqueued", "added", "two spaces", "grid", "failed"],
)
def test_what_is_not_drawn_at_random_is_refused(
    make: Make, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = make(tmp_path)
    where = ("--optuna", address(found), "--study", "s", "--sampler", "random", "--bounds", "0,1")
    assert said in refused(capsys, *where, folder=tmp_path)


def test_an_adaptive_search_is_refused_with_what_may_be_said_of_it(
    made: optuna.Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adaptive = ("--study", "s", "--sampler", "adaptive", "--test-metric", "test_value", "--bounds", "0,1")
    said = refused(capsys, "--optuna", address(made), *adaptive, folder=tmp_path)
    best = made.best_trial
    assert f"the best of its {TRIALS} trials, trial {best.number}, was observed at value {best.value:g}" in said
    assert f"its test score, {best.user_attrs['test_value']:g}, of this network" in said


def test_a_whole_grid_is_exact(tmp_path: Path) -> None:
    found = reported(
        "--optuna", address(grid(tmp_path)), "--study", "s", "--sampler", "grid", "--bounds", "0,1", folder=tmp_path
    )
    assert found["curves"]["best_val"]["5"]["method"] == "exact"


def test_several_objectives_and_what_is_not_there_are_told(
    made: optuna.Study, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = optuna.create_study(storage=f"sqlite:///{tmp_path}/two.db", study_name="two", directions=["minimize"] * 2)
    two.optimize(lambda trial: (trial.suggest_float("a", 0, 1), 1.0), n_trials=3)
    random_ = ("--sampler", "random", "--bounds", "0,1")
    for arguments, said in (
        (("--optuna", address(two), *random_), "best-of-N is of one objective, got the study 'two' with 2"),
        (("--optuna", f"sqlite:///{tmp_path}/none.db", *random_), "--optuna is the address of a storage that exists"),
        (("--optuna", address(made), "--study", "t", *random_), "--study is one of s, got 't'"),
        (("--optuna", address(made)), "--sampler says how the trials were drawn"),
        (("--optuna", address(made), "--sampler", "random"), "--bounds LOW,HIGH are the lowest and the highest value"),
        (("--optuna", address(made), "--metric", "test_value", *random_), "trials are chosen on validation"),
        (("--optuna", address(made), "--metric", "valeu", *random_), "got 'valeu'; did you mean 'value'?"),
        (("--optuna", address(made), "--trials", "a.csv", *random_), "a report is of one of --study, --trials"),
    ):
        if said.startswith("--sampler"):
            arguments = (*arguments, "--bounds", "0,1")
        assert said in refused(capsys, *arguments, folder=tmp_path)


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


def test_random_claimed_for_tpe_studies_is_flagged_or_refused_in_most(tmp_path: Path) -> None:
    """Forty trials each; the share grows with their number."""
    from analysis.estimates.refusals import TREND_FLAGGED, trend_of

    caught = 0
    for seed in range(40):
        found = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
        found.optimize(objective, n_trials=40)
        caught += trend_of(np.array([trial.value for trial in found.trials])).p < TREND_FLAGGED
    assert caught >= 30  # of 120 studies 85%
