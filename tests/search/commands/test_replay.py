"""A trial's run alone says how the trial was trained, and a replay finds and names every bit that differs."""

import math
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from analysis.reading.mlflow_studies import read_mlflow
from models.core.config import TrialConfig
from models.core.errors import ConfigError
from models.core.seeds import derive_seed
from models.data.sources import find_data, load_dataset
from models.data.splits import split_by
from search.commands.preparation import split_study
from search.commands.replay import find_differences, main
from search.driver.driver import Ended
from search.study.draws import make_plan
from search.study.reading import read_settings
from search.study.settings import StudySettings
from search.tracking.logged_trials import read_trial
from search.workers.job import Job
from tests.search.fakes import FakeEngine, complete, fails

Search = Callable[..., Ended]


@pytest.fixture
def runs(search: Search, settings: StudySettings) -> list[str]:
    """The runs of a finished study, by trial number."""
    search(settings, FakeEngine())
    return [str(run_id) for run_id in read_mlflow("small").frame["run_id"]]


def named(run_id: str, settings: StudySettings) -> list[str]:
    """The names of the differences between the run and its replay, which the engine of the study trains here."""
    logged = read_trial(run_id)
    split = split_by(load_dataset("digits"), **logged.split)
    planned = make_plan(settings).trials[logged.number]
    outcome = complete(Job("small", logged.number, 0, planned.config, planned.seed))
    assert outcome.result is not None
    return [each.name for each in find_differences(logged, split, outcome.result)]


def change(run_id: str, key: str, step: int, change: Callable[[float], float]) -> None:
    """Changes a logged value of a metric in the database, which MLflow's client cannot do."""
    with sqlite3.connect("mlflow.db") as connection:
        where = "run_uuid = ? and key = ? and step = ? and timestamp = (select min(timestamp) from metrics where " \
            "run_uuid = ? and key = ? and step = ?)"  # fmt: skip
        place = (run_id, key, step) * 2
        (value,) = connection.execute(f"select value from metrics where {where}", place).fetchone()
        assert connection.execute(f"update metrics set value = ? where {where}", (change(value), *place)).rowcount == 1
    connection.close()


def test_a_run_alone_gives_configuration_seeds_and_split_exactly(runs: list[str], settings: StudySettings) -> None:
    logged, planned = read_trial(runs[2]), make_plan(settings).trials[2]
    assert (logged.config, logged.config_hash, logged.seed) == (planned.config, planned.config.hash(), planned.seed)
    data = find_data(logged.dataset_location, logged.data_sha256, None)
    again = split_by(data, **logged.split)
    first = split_study(settings, load_dataset("digits"))
    for part in first.labels:
        np.testing.assert_array_equal(first.inputs[part], again.inputs[part])
    assert logged.environment == {"python": "3.11.0", "threads": "1"}
    assert [named(run_id, settings) for run_id in runs] == [[]] * 6


def test_a_run_says_how_its_inputs_were_reduced_and_one_from_before_there_were_reductions_that_they_were_not(
    search: Search, settings: StudySettings
) -> None:
    search(replace(settings, reduction="forest:9"), FakeEngine())
    run_id = str(read_mlflow("small").frame["run_id"][0])
    split = split_by(load_dataset("digits"), **read_trial(run_id).split)
    assert (split.reduction, split.seed) == ("forest:9", derive_seed(3, "validation"))
    MlflowClient().delete_tag(run_id, "reduction")
    assert read_trial(run_id).split["reduction"] == "none"


def test_one_bit_of_one_metric_and_one_logged_again_are_found_and_named(
    runs: list[str], settings: StudySettings
) -> None:
    for key, run_id in (("loss", runs[0]), ("val_accuracy", runs[1])):
        change(run_id, f"epoch/{key}", 2, lambda value: math.nextafter(value, 2))
        assert named(run_id, settings) == [key]
    MlflowClient().log_metric(runs[2], "epoch/val_loss", 0.25, step=1)
    assert named(runs[2], settings) == ["val_loss"]
    change(runs[3], "test_accuracy", 0, lambda value: math.nextafter(value, 2))
    assert named(runs[3], settings) == ["test_accuracy"]


def test_a_metric_that_no_network_was_measured_by_when_the_trial_ran_is_no_difference(
    runs: list[str], settings: StudySettings
) -> None:
    with sqlite3.connect("mlflow.db") as connection:
        for run_id, keys in ((runs[0], "%accuracy"), (runs[1], "test_accuracy")):
            connection.execute("delete from metrics where run_uuid = ? and key like ?", (run_id, keys))
            connection.execute("delete from latest_metrics where run_uuid = ? and key like ?", (run_id, keys))
    connection.close()
    assert named(runs[0], settings) == []
    assert named(runs[1], settings) == ["test_accuracy"]


def test_one_changed_tag_is_found_and_named(runs: list[str], settings: StudySettings) -> None:
    client = MlflowClient()
    tags = {"weights_sha256": "0" * 64, "seed": "1", "config_hash": "0", "study_seed": "4"}
    for run_id, (tag, value) in zip(runs, tags.items(), strict=False):
        client.set_tag(run_id, tag, value)
        assert named(run_id, settings) == ["seed" if tag == "study_seed" else tag]
    client.set_tag(runs[5], "validation", "0.3")
    assert named(runs[5], settings) == ["train_rows", "validation_rows"]


@pytest.mark.parametrize(
    "values",
    [
        {"learning_rate": 0.1 + 0.2, "l2": 1e-300, "dropout": "0.30000000000000004-0"},
        {"width": "400-300", "dropout": [1e-05, 0.5], "optimizer": "sgd", "momentum": 1 / 3},
        {"optimizer": "adam", "momentum": 0.9, "width": 7, "depth": 3},
    ],
)
def test_parameters_come_back_exactly_from_text(values: dict[str, object]) -> None:
    config = TrialConfig.from_parameters({**values, **({"width": "8-8"} if "width" not in values else {})})
    again = TrialConfig.from_text({name: str(value) for name, value in config.parameters().items()})
    assert again == config
    assert again.hash() == config.hash()


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a refused command prints; the command must have made no run."""
    client = MlflowClient()
    before = len(client.search_runs(["0", "1"]))
    assert main(arguments) == 2
    assert len(client.search_runs(["0", "1"])) == before
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    return printed.err


def test_what_is_no_complete_trial_is_refused_in_one_line(
    search: Search, settings: StudySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    search(settings, FakeEngine(lambda job: fails("diverged")(job) if job.number == 1 else complete(job)))
    client, table = MlflowClient(), read_mlflow("small")
    runs = table.frame.set_index("number")["run_id"]
    assert "run_id must be that of a run in the tracking store sqlite:" in refused(capsys, "--run_id", "nope")
    parent = refused(capsys, "--run_id", str(table.parent_run_id))
    assert "must be that of a trial, a child run, got the parent run of study 'small'" in parent
    other = client.create_run("0", run_name="mine").info.run_id
    assert "must be that of a trial, got 'mine', a run of something else" in refused(capsys, "--run_id", other)
    assert "got trial-0001 of 'small', which is failed (diverged)" in refused(capsys, "--run_id", runs[1])
    client.update_run(runs[2], status="RUNNING")
    assert "got trial-0002 of 'small', which is not finished" in refused(capsys, "--run_id", runs[2])
    client.delete_tag(runs[3], "split_seed")
    assert f"got '{runs[3]}' without split_seed" in refused(capsys, "--run_id", runs[3])
    assert "'--study' is no option" in refused(capsys, "--run_id", runs[0], "--study", "small")


def test_a_tracking_store_that_is_not_there_is_refused_and_not_made(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--run_id", "nope"]) == 2
    assert "the tracking store must exist, got 'sqlite:///" in capsys.readouterr().err
    assert list(workdir.iterdir()) == []


def test_the_data_is_looked_for_where_it_was_or_where_it_is_said_to_be_and_must_be_the_same(workdir: Path) -> None:
    arrays = {"x": np.arange(80, dtype=np.uint8).reshape(20, 4), "y": np.arange(20) % 2}
    for name, shift in (("first", 0), ("other", 1)):
        parts = {f"{key}_{part}": value for part in ("train", "test") for key, value in arrays.items()}
        np.savez(f"{name}.npz", **parts | {"x_test": arrays["x"] + shift})  # type: ignore[arg-type]
    data = load_dataset("first.npz")
    where = data.location
    assert Path(where) == workdir / "first.npz"
    assert find_data(where, data.sha256, None).sha256 == data.sha256
    Path("first.npz").rename("moved.npz")
    with pytest.raises(ConfigError, match=r"or `dataset` must name its place: .*: no such file"):
        find_data(where, data.sha256, None)
    assert find_data(where, data.sha256, "moved.npz").sha256 == data.sha256
    with pytest.raises(ConfigError, match=rf"sha256 is {data.sha256[:16]}\.\.\., got 'other.npz' with"):
        find_data(where, data.sha256, "other.npz")


def test_momentum_that_plays_no_part_makes_no_other_trial() -> None:
    assert TrialConfig.from_parameters({"momentum": 0.9}) == TrialConfig.from_parameters({})
    assert replace(read_settings({"sampler": "random", "space": {"width": [4]}}, "a"), split_seed=5).split == {
        "validation": 0.1,
        "preprocessing": "rescale",
        "split_seed": 5,
    }
