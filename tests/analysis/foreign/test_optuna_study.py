"""Studies that Optuna itself made are read as they are, or refused in one line."""

import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from tests.analysis.foreign.commands import refused, reported, score

optuna.logging.set_verbosity(optuna.logging.WARNING)
TRIALS = 60


def objective(trial: optuna.Trial) -> float:
    value = score(
        trial.suggest_float("lr", 1e-4, 1e-1, log=True),
        trial.suggest_int("units", 8, 64),
        trial.suggest_categorical("kind", ["a", "b"]),
    )
    trial.set_user_attr("test_value", value - 0.01)
    return value


def study(folder: Path, sampler: optuna.samplers.BaseSampler, name: str = "s", **more: Any) -> optuna.Study:
    return optuna.create_study(storage=address(folder), study_name=name, sampler=sampler, direction="maximize", **more)


def address(folder: Path, file: str = "theirs") -> str:
    return f"sqlite:///{folder}/{file}.db"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of `made`."""
    return tmp_path_factory.mktemp("theirs")


@pytest.fixture(scope="module")
def made(home: Path) -> optuna.Study:
    """A random study of Optuna's own."""
    found = study(home, optuna.samplers.RandomSampler(seed=1))
    found.optimize(objective, n_trials=TRIALS)
    return found


OPTUNA = ("--study", "s", "--sampler", "random", "--test-metric", "test_value", "--bounds", "0,1")


def test_a_random_study_of_optuna_s_gives_what_a_table_of_its_trials_gives(
    made: optuna.Study, home: Path, tmp_path: Path
) -> None:
    found = reported("--optuna", address(home), *OPTUNA, folder=tmp_path)
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
    told = reported("--optuna", address(tmp_path), *OPTUNA, folder=tmp_path)
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
    make(tmp_path)
    where = ("--optuna", address(tmp_path), "--study", "s", "--sampler", "random", "--bounds", "0,1")
    assert said in refused(capsys, *where, folder=tmp_path)


def test_an_adaptive_search_is_refused_with_what_may_be_said_of_it(
    made: optuna.Study, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adaptive = ("--study", "s", "--sampler", "adaptive", "--test-metric", "test_value", "--bounds", "0,1")
    said = refused(capsys, "--optuna", address(home), *adaptive, folder=tmp_path)
    best = made.best_trial
    assert f"the best of its {TRIALS} trials, trial {best.number}, was observed at value {best.value:g}" in said
    assert f"its test score, {best.user_attrs['test_value']:g}, of this network" in said


def test_a_whole_grid_is_exact(tmp_path: Path) -> None:
    grid(tmp_path)
    whole = ("--optuna", address(tmp_path), "--study", "s", "--sampler", "grid", "--bounds", "0,1")
    found = reported(*whole, folder=tmp_path)
    assert found["curves"]["best_val"]["5"]["method"] == "exact"


@pytest.mark.usefixtures("made")
def test_several_objectives_and_what_is_not_there_are_told(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = optuna.create_study(storage=address(tmp_path, "two"), study_name="two", directions=["minimize"] * 2)
    two.optimize(lambda trial: (trial.suggest_float("a", 0, 1), 1.0), n_trials=3)
    random_ = ("--sampler", "random", "--bounds", "0,1")
    for arguments, said in (
        (("--optuna", address(tmp_path, "two"), *random_), "best-of-N is of one objective, got the study 'two' with 2"),
        (("--optuna", address(tmp_path, "none"), *random_), "--optuna is the address of a storage that exists"),
        (("--optuna", address(home), "--study", "t", *random_), "--study is one of s, got 't'"),
        (("--optuna", address(home)), "--sampler says how the trials were drawn"),
        (("--optuna", address(home), "--sampler", "random"), "--bounds LOW,HIGH are the lowest and the highest value"),
        (("--optuna", address(home), "--metric", "test_value", *random_), "trials are chosen on validation"),
        (("--optuna", address(home), "--metric", "valeu", *random_), "got 'valeu'; did you mean 'value'?"),
        (("--optuna", address(home), "--trials", "a.csv", *random_), "a report is of one of --study, --trials"),
    ):
        if said.startswith("--sampler"):
            arguments = (*arguments, "--bounds", "0,1")
        assert said in refused(capsys, *arguments, folder=tmp_path)
