"""What a trial's run says of itself."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE

from analysis.reading.mlflow_studies import read_mlflow
from search.driver.driver import Ended
from search.study.settings import StudySettings
from search.tracking import descriptions
from search.tracking.descriptions import description, note_places
from search.tracking.parent_run import ParentRun
from tests.search.fakes import FakeEngine, complete, fails

Search = Callable[..., Ended]


def place_all() -> tuple[ParentRun, dict[str, str]]:
    """Has the study's trials say their places; the parent run, and the descriptions by run, the best first."""
    table = read_mlflow("small")
    parent = ParentRun("small", Path())
    parent.look(str(table.parent_run_id))
    note_places(parent, table)
    return parent, {run_id: note_of(run_id) for run_id in table.ranked["run_id"]}


def note_of(run_id: str) -> str:
    return str(MlflowClient().get_run(run_id).data.tags[MLFLOW_RUN_NOTE])


def test_a_trial_says_its_score_its_place_and_where_its_picture_is(search: Search, settings: StudySettings) -> None:
    search(settings, FakeEngine())
    first = str(read_mlflow("small").ranked["run_id"].iloc[0])
    running = note_of(first)
    assert "Its place: [all trials, the best first](#/experiments/1/runs?viewStateShareKey=" in running
    _, notes = place_all()
    for place, (run_id, note) in enumerate(notes.items(), start=1):
        score = MlflowClient().get_run(run_id).data.metrics["val_accuracy"]
        assert note.startswith(f"Validation accuracy {score:.4f}, test accuracy {score:.4f}.")
        assert f"Place {place} of 6 complete trials: [all trials, the best first](#/experiments/1/runs?view" in note
        assert f"Pictures: [confusion.png](#/experiments/1/runs/{run_id}/artifacts/confusion.png?" in note


def test_places_follow_the_study_as_it_grows_and_are_written_once(
    search: Search, settings: StudySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(descriptions, "PLACED", 2)
    search(replace(settings, trials=3), FakeEngine())
    _, before = place_all()
    assert [note.count("Place ") for note in before.values()] == [1, 1, 0]
    search(settings, FakeEngine())
    _, after = place_all()
    assert [note.count("Place ") for note in after.values()] == [1, 1, 0, 0, 0, 0]
    assert [note.count("of 6 complete trials") for note in after.values()] == [1, 1, 0, 0, 0, 0]
    written: list[str] = []
    monkeypatch.setattr(MlflowClient, "log_batch", lambda self, run_id, **_: written.append(run_id))
    place_all()
    assert written == []


def test_a_trial_that_ran_again_links_the_attempt_before_and_one_that_failed_says_why(
    search: Search, settings: StudySettings
) -> None:
    engine = FakeEngine(lambda job: "lost" if job.number == 1 and not job.attempt else (
        fails("diverged")(job) if job.number == 2 else complete(job)
    ))  # fmt: skip
    search(settings, engine)
    frame = read_mlflow("small").frame
    again, failed = note_of(frame.iloc[1]["run_id"]), note_of(frame.iloc[2]["run_id"])
    assert again.startswith("Runs again what [the attempt before](#/experiments/1/runs/")
    assert failed.startswith("Failed: diverged.")


def test_a_refit_says_what_it_is() -> None:
    tags = {"refit_of": "3", "refit_of_run_id": "abc", "state": "complete", "objective": "val_rmse"}
    said = description(tags, {"val_rmse": 2.5, "test_rmse": 3.0}, "1")
    assert said.split("\n\n") == [
        "Trained on all of the training part: the best of "
        "[the trials](#/experiments/1/runs/abc?workflowType=machine_learning).",
        "Validation RMSE 2.5000, test RMSE 3.0000.",
    ]
