"""Nothing is recognised by an incidental field such as a time or an order, and each written value is read by a rule."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from mlflow import MlflowClient

from analysis.__main__ import run as analyse
from analysis.reading.mlflow_runs import read_trained
from analysis.reading.mlflow_studies import read_mlflow
from search.__main__ import main
from search.stores.paths import StudyPaths
from search.study.settings import StudySettings
from search.tracking.logged_trials import read_trial
from search.workers.job import Job
from search.workers.outcome import Outcome
from tests.search.doctor.doctoring import Search, examine
from tests.search.fakes import FakeEngine, complete
from tests.search.reading_back import comparable
from tests.search.whole import search_on

pytestmark = pytest.mark.usefixtures("wide")
SPACE = "width: [4, 8, 16], learning_rate: {low: 1e-3, high: 1e-1, log: true}"
SWAPPED = "learning_rate: {low: 1e-3, high: 1e-1, log: true}, width: [4, 8, 16]"


@pytest.fixture
def stores(workdir: Path, empty_stores: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # as the commands set it when they start
    for store in empty_stores:
        shutil.copy(store, workdir)
    return workdir


def refused(capsys: pytest.CaptureFixture[str], act: Callable[[], int]) -> str:
    """The one line with which a command ends."""
    assert act() == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert "Traceback" not in printed.err
    return printed.err


def reopen(run_id: str) -> None:
    """Adds a note to a run as a person does; MLflow then gives the run a new end time."""
    before = MlflowClient().get_run(run_id).info.end_time
    with mlflow.start_run(run_id=run_id):
        mlflow.set_tag("my.note", "x")
        mlflow.log_metric("my.metric", 3.0, step=2)
        mlflow.log_metric("lr", 0.1, step=1)
    assert MlflowClient().get_run(run_id).info.end_time > before


def test_a_run_that_was_reopened_for_a_note_says_what_it_said(
    search: Search, settings: StudySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    search(settings, FakeEngine())
    table = read_mlflow("small")
    run_id = str(table.frame["run_id"][2])
    trial, trained = read_trial(run_id), read_trained(run_id)
    assert trained is not None
    reopen(run_id)
    again, trained_again = read_trial(run_id), read_trained(run_id)
    assert trained_again is not None
    own = {name: value for name, value in again.final.items() if name in trial.final}
    assert replace(again, final=own) == trial
    assert (trained_again.epochs, trained_again.kept) == (trained.epochs, trained.kept)
    pd.testing.assert_frame_equal(read_mlflow("small").frame, table.frame)
    assert examine(capsys)[0] == 0


def test_each_final_score_is_one_value_and_each_series_ends_with_its_last_epoch(
    search: Search, settings: StudySettings
) -> None:
    search(settings, FakeEngine())
    client, run_id = MlflowClient(), str(read_mlflow("small").frame["run_id"][0])
    for name in client.get_run(run_id).data.metrics:
        steps = [metric.step for metric in client.get_metric_history(run_id, name)]
        assert steps == ([1, 2] if name.startswith("epoch/") else [0]), name


def test_a_clock_that_steps_back_before_a_trials_end_changes_no_score(
    search: Search, settings: StudySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    def stepping_back(job: Job) -> Outcome:
        outcome = complete(job)
        return replace(outcome, ended_ms=outcome.ended_ms - 3_600_000)

    search(settings, FakeEngine(stepping_back))
    frame = read_mlflow("small").frame
    in_optuna = comparable()
    assert list(frame["val_accuracy"]) == list(in_optuna["val_accuracy"])
    assert examine(capsys)[0] == 0


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (
            f"{{sampler: random, trials: 4, space: {{{SPACE}}}}}",
            f"{{sampler: random, trials: 6, space: {{{SWAPPED}}}}}",
            "space, the order of its parameters: width, learning_rate -> learning_rate, width",
        ),
        (
            "{sampler: grid, trials: 3, space: {width: [4, 8], dropout: [0.0, 0.1]}}",
            "{sampler: grid, trials: 4, space: {dropout: [0.0, 0.1], width: [4, 8]}}",
            "space, the order of its parameters: width, dropout -> dropout, width",
        ),
        (
            "{sampler: list, trials: 2, configurations: [{width: 4}, {width: 8}]}",
            "{sampler: list, trials: 2, configurations: [{width: 8}, {width: 4}]}",
            "configurations: ",
        ),
    ],
    ids=["random", "grid", "list"],
)
def test_what_the_draw_depends_on_is_part_of_the_study(
    stores: Path, capsys: pytest.CaptureFixture[str], before: str, after: str, words: str
) -> None:
    Path("small.yaml").write_text(before)
    assert search_on(FakeEngine(), "--study", "small.yaml") == 0
    capsys.readouterr()
    Path("small.yaml").write_text(after)
    engine = FakeEngine()
    said = refused(capsys, lambda: search_on(engine, "--study", "small.yaml"))
    assert "a study keeps the settings that decide its trials; start another with a new name, got " in said
    assert words in said
    assert engine.jobs == []


def set_in_optuna(table: str, key: str, value: Any) -> None:
    with sqlite3.connect("optuna.db") as connection:
        connection.execute(f"update {table} set value_json = ? where key = ?", [json.dumps(value), key])
    connection.close()


def test_trials_that_are_not_the_plans_are_refused(stores: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("small.yaml").write_text(f"{{sampler: random, trials: 2, space: {{{SPACE}}}}}")
    assert search_on(FakeEngine(), "--study", "small.yaml") == 0
    capsys.readouterr()
    set_in_optuna("trial_user_attributes", "config_hash", "0123456789abcdef")
    said = refused(capsys, lambda: search_on(FakeEngine(), "--study", "small.yaml", "--trials", "3"))
    assert "a study's trials must be those of its plan" in said
    assert "got trial 0 with seed " in said


def test_a_study_of_an_earlier_version_is_refused_by_all_who_would_read_it(
    stores: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("small.yaml").write_text(f"{{sampler: random, trials: 2, space: {{{SPACE}}}}}")
    assert search_on(FakeEngine(), "--study", "small.yaml") == 0
    capsys.readouterr()
    table = read_mlflow("small")
    run_id, parent = str(table.frame["run_id"][0]), str(table.parent_run_id)
    for each in (run_id, parent):
        MlflowClient().delete_tag(each, "study_format")
    with sqlite3.connect("optuna.db") as connection:
        (settings,) = connection.execute(
            "select value_json from study_user_attributes where key = 'settings'"
        ).fetchone()
    connection.close()
    old = {name: value for name, value in json.loads(settings).items() if name != "study_format"}
    set_in_optuna("study_user_attributes", "settings", old)
    for command in (["--study", "small.yaml"], ["doctor", "--study", "small"], ["replay", "--run-id", run_id]):
        said = refused(capsys, lambda command=command: main([*command]))  # type: ignore[misc]
        assert "study_format 1" in said
    with pytest.raises(ValueError, match=r"study_format 2.*, got run .* with study_format 1"):
        analyse(["--study", "small", "--out", "report"])


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip", b"PK\x05\x06" + b"\0" * 18])
def test_garbage_in_the_outbox_is_named_with_the_way_out(
    stores: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    Path("small.yaml").write_text(f"{{sampler: random, trials: 2, space: {{{SPACE}}}}}")
    assert search_on(FakeEngine(), "--study", "small.yaml") == 0
    capsys.readouterr()
    file = StudyPaths("small").outcome(1, 0)
    file.write_bytes(content)
    said = refused(capsys, lambda: search_on(FakeEngine(), "--study", "small.yaml"))
    assert str(file) in said
    assert "the doctor moves it aside with repair=true" in said
    assert examine(capsys, "--repair", "true")[0] == 0
    assert (StudyPaths("small").aside / file.name).read_bytes() == content
    assert search_on(FakeEngine(), "--study", "small.yaml") == 0


@pytest.mark.parametrize("name", ["trial-x-attempt-y.zip", "trial-0001-attempt-0.zip.bak", "notes.txt"])
def test_files_with_other_names_in_the_outbox_are_left_alone_and_shown_by_the_doctor(
    stores: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    Path("small.yaml").write_text(f"{{sampler: random, trials: 2, space: {{{SPACE}}}}}")
    StudyPaths("small").folder.mkdir(parents=True)
    file = StudyPaths("small").folder / name
    file.write_text("mine")
    assert search_on(FakeEngine(), "--study", "small.yaml") == 0
    capsys.readouterr()
    code, printed = examine(capsys)
    assert (code, f"{name} is no file of the search's outbox moved to aside/" in printed) == (1, True)
    assert examine(capsys, "--repair", "true")[0] == 0
    assert (StudyPaths("small").aside / name).read_text() == "mine"


def test_a_tag_of_words_ends_in_one_line_that_names_it(stores: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("small.yaml").write_text(f"{{sampler: random, trials: 2, space: {{{SPACE}}}}}")
    assert search_on(FakeEngine(), "--study", "small.yaml") == 0
    capsys.readouterr()
    table, client = read_mlflow("small"), MlflowClient()
    run_id = str(table.frame["run_id"][0])
    client.set_tag(run_id, "seed", "words")
    said = refused(capsys, lambda: main(["replay", "--run-id", run_id]))
    assert f"the tag seed must be a whole number, got 'words' on run {run_id[:8]} (trial-0000)" in said
    client.set_tag(run_id, "trial_number", "two")
    for act in (
        lambda: search_on(FakeEngine(), "--study", "small.yaml"),
        lambda: main(["confirm", "--study", "small", "--workers", "0"]),
    ):
        assert "the tag trial_number must be a whole number, got 'two' on run" in refused(capsys, act)
    client.set_tag(run_id, "trial_number", "0")
    client.set_tag(str(table.parent_run_id), "grid_size", "many")
    with pytest.raises(ValueError, match="the tag grid_size must be a whole number, got 'many' on run"):
        analyse(["--study", "small", "--out", "report"])


def test_a_study_file_that_is_gone_from_the_run_is_named_with_the_way_out(
    stores: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("small.yaml").write_text(f"{{sampler: random, trials: 2, space: {{{SPACE}}}}}")
    assert search_on(FakeEngine(), "--study", "small.yaml") == 0
    capsys.readouterr()
    (file,) = Path("mlruns").rglob("study.yaml")
    for content in (None, ": [", "\xff"):
        if content is None:
            file.unlink()
        else:
            file.write_text(content, encoding="latin-1")
        for command in (["doctor", "--study", "small"], ["confirm", "--study", "small", "--workers", "0"]):
            said = refused(capsys, lambda command=command: main([*command]))  # type: ignore[misc]
            assert "study.yaml among its artifacts" in said
    assert search_on(FakeEngine(), "--study", "small.yaml") == 0
    assert examine(capsys)[0] == 0


def test_of_two_parents_of_one_name_the_later_one_is_read_whatever_the_clock_said(
    stores: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("small.yaml").write_text(f"{{sampler: random, trials: 2, space: {{{SPACE}}}}}")
    assert search_on(FakeEngine(), "--study", "small.yaml") == 0
    first = str(read_mlflow("small").parent_run_id)
    with sqlite3.connect("mlflow.db") as connection:  # the clock steps back a day after the study was begun
        connection.execute("update runs set start_time = start_time + 86400000 where run_uuid = ?", [first])
    connection.close()
    Path("optuna.db").unlink()
    assert search_on(FakeEngine(), "--study", "small.yaml", "--seed", "5") == 0
    second = read_mlflow("small")
    assert (second.parent_run_id != first, second.seed) == (True, 5)
    MlflowClient().set_tag(first, "generation", "2")
    with pytest.raises(ValueError, match=r"a study's name must have one newest parent run, got run .* and run"):
        read_mlflow("small")
