"""Inspecting a trial's network: refused input, models that contradict the logged scores, and replaced folders."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient

from analysis.reading.mlflow_studies import read_mlflow
from models.core.errors import ConfigError
from models.data.sources import load_dataset
from models.data.splits import split_by
from models.networks.logged_network import Inspection
from models.tasks.metrics import rmse
from search.commands.inspect import main
from search.commands.network_pictures import contradictions
from search.driver.driver import Ended
from search.study.settings import StudySettings
from search.tracking.logged_trials import read_trial
from search.tracking.mlflow_internals import replace_folder
from tests.search.fakes import FakeEngine

Search = Callable[..., Ended]
PARTS = {"val": "validation", "test": "test"}


@pytest.fixture
def runs(search: Search, settings: StudySettings) -> list[str]:
    """The runs of a finished study, by trial number; the files that they logged as models are not models."""
    search(settings, FakeEngine())
    return [str(run_id) for run_id in read_mlflow("small").frame["run_id"]]


def everything() -> set[str]:
    """All runs and their artifacts' folders."""
    client = MlflowClient()
    runs = client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])
    return {f"{run.info.run_id}/{file.path}" for run in runs for file in client.list_artifacts(run.info.run_id)}


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a refused command prints; the command must have made nothing."""
    before = everything()
    assert main(arguments) == 2
    assert everything() == before
    printed = capsys.readouterr()
    assert (printed.out, printed.err.count("\n")) == ("", 1)
    return printed.err


def test_bad_input_is_refused_in_one_line(runs: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = ["--run_id", runs[0]]
    assert "run_id must be that of a run in the tracking store" in refused(capsys, "--run_id", "nope")
    parent = str(read_mlflow("small").parent_run_id)
    assert "must be that of a trial, a child run" in refused(capsys, "--run_id", parent)
    assert "part must be one of validation, test, got 'train'" in refused(capsys, *first, "--part", "train")
    for pair in ("3-3", "3-10", "-1-2"):
        said = refused(capsys, *first, f"--classes={pair}")
        assert f"classes must be two different ones of 0 to 9, as in 0-1, got '{pair}'" in said
    client = MlflowClient()
    client.set_tag(runs[1], "data_sha256", "f" * 64)
    assert f"got trial 1 of small on {'f' * 16}..." in refused(capsys, *first, "--versus", runs[1])
    elsewhere = str(tmp_path / "nowhere.npz")
    assert f"'{elsewhere}': no such file" in refused(capsys, *first, "--dataset", elsewhere)
    client.set_tag(runs[2], "dataset_location", elsewhere)
    assert "the run's data must be where it was" in refused(capsys, "--run_id", runs[2])


def test_a_cross_validated_trial_has_no_network_and_its_refit_has_one(
    runs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    client = MlflowClient()
    client.set_tag(runs[3], "folds", "3")
    assert "got trial 3 of small, which is cross-validated" in refused(capsys, "--run_id", runs[3])
    for tag in ("trial_number", "attempt"):
        client.delete_tag(runs[4], tag)
    client.set_tag(runs[4], "refit_of", "1")
    assert read_trial(runs[4], refits=True).title == "refit of trial 1 of small"
    with pytest.raises(ConfigError, match="must be that of a trial, got 'trial-0004', a run of something else"):
        read_trial(runs[4])


def test_a_trial_without_a_model_is_refused_with_the_reason(
    search: Search, settings: StudySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    search(settings, FakeEngine(), models="none")
    run_id = str(read_mlflow("small").frame["run_id"][0])
    said = refused(capsys, "--run_id", run_id)
    rule = "run_id must be that of a trial whose model was logged"
    assert said == f"error: {rule}, got trial 0 of small, searched with models=none\n"


def test_a_file_that_is_no_model_is_said_and_leaves_nothing(
    runs: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = everything()
    assert main(["--run_id", runs[0]]) == 1
    assert "the logged model of trial 0 of small cannot be run: " in capsys.readouterr().out
    assert everything() == before


def test_a_model_that_gives_other_accuracies_than_were_logged_is_named(runs: list[str]) -> None:
    trial = read_trial(runs[0])
    split = split_by(load_dataset("digits"), **trial.split)
    split = replace(split, labels=dict.fromkeys(split.labels, np.array([0, 1, 2, 0])))
    found = Inspection({"validation": np.eye(4), "test": np.eye(4)}, np.array([], np.int64), (), ())
    assert contradictions(trial, found, split) == [
        f"val_accuracy 0.75 where {trial.final['val_accuracy']} was logged",
        f"test_accuracy 0.75 where {trial.final['test_accuracy']} was logged",
    ]
    trial.final.update(val_accuracy=0.75, test_accuracy=0.75)  # type: ignore[attr-defined]
    assert contradictions(trial, found, split) == []


def test_errors_of_numbers_agree_but_for_rounding(runs: list[str]) -> None:
    trial = read_trial(runs[0])
    split = split_by(load_dataset("diabetes"), 0.2, "", 0)
    outputs = {part: np.full_like(split.labels[part], 150.0) for part in ("validation", "test")}
    found = Inspection(outputs, np.array([], np.int64), (), ())
    own = {f"{prefix}_rmse": rmse(split.labels[part], outputs[part]) for prefix, part in PARTS.items()}
    assert contradictions(trial, found, split) == [
        f"{name} {value!r} where None was logged" for name, value in own.items()
    ]
    trial.final.update({name: value * (1 + 9e-6) for name, value in own.items()})  # type: ignore[attr-defined]
    assert contradictions(trial, found, split) == []
    trial.final.update(test_rmse=own["test_rmse"] * (1 + 2e-5))  # type: ignore[attr-defined]
    assert [each.split()[0] for each in contradictions(trial, found, split)] == ["test_rmse"]


def test_a_folder_of_artifacts_is_replaced_whole(runs: list[str]) -> None:
    client = MlflowClient()
    before = client.get_run(runs[0])
    replace_folder(runs[0], "inspect", {"old.png": b"1", "page.html": b"1"})
    replace_folder(runs[0], "inspect", {"new.png": b"2", "page.html": b"2"})
    assert [file.path for file in client.list_artifacts(runs[0], "inspect")] == ["inspect/new.png", "inspect/page.html"]
    assert Path(client.download_artifacts(runs[0], "inspect/page.html")).read_bytes() == b"2"
    after = client.get_run(runs[0])
    assert (after.info.status, after.info.end_time) == (before.info.status, before.info.end_time)
    assert after.data.tags == before.data.tags
