"""The doctor after a driver died, while one lives, and where there is no study."""

import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

from analysis.reading.mlflow_studies import read_mlflow
from search.doctor.command import main
from search.doctor.repair import Doctor
from search.stores.lock import DriverLock
from search.stores.optuna_study import StudyStore
from search.stores.paths import StudyPaths
from search.study.settings import StudySettings
from search.tracking.trial_runs import TrialRuns
from tests.search.conftest import STORAGE
from tests.search.doctor.doctoring import Died, Search, dies_in_trial_2, examine
from tests.search.fakes import FakeEngine
from tests.search.reading_back import comparable, nothing_is_running, optuna_trials

pytestmark = pytest.mark.usefixtures("wide")


def test_what_a_dead_driver_left_is_closed_and_the_next_one_runs_it_again(
    search: Search, settings: StudySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Died):
        search(settings, FakeEngine(dies_in_trial_2))
    code, printed = examine(capsys)
    assert code == 1
    assert "2 0 running without a driver Optuna and MLflow closed: driver lost" in printed
    assert "missing: 2-5" in printed
    code, printed = examine(capsys, "--repair", "true")
    assert code == 0
    assert "missing: 2-5; the search's own command, run again, trains them" in printed
    assert nothing_is_running()
    engine = FakeEngine()
    assert search(settings, engine).complete
    assert {(job.number, job.attempt) for job in engine.jobs} == {(2, 1), (3, 0), (4, 0), (5, 0)}


def test_a_repair_that_died_before_its_tables_were_written_is_seen_and_finished_by_the_next(
    search: Search, settings: StudySettings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(Died):
        search(settings, FakeEngine(dies_in_trial_2))

    def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as dying:
        dying.setattr(Doctor, "conclude", die)
        with pytest.raises(Died):
            main(["--study", "small", "--repair", "true"])
    capsys.readouterr()
    code, printed = examine(capsys)
    assert code == 1
    assert "the parent run is running without a driver" in printed
    assert examine(capsys, "--repair", "true")[0] == 0
    table = read_mlflow("small")
    written = Path(MlflowClient().download_artifacts(str(table.parent_run_id), "trials.csv")).read_text()
    assert written == table.frame.to_csv(index=False)
    assert nothing_is_running()


@pytest.mark.parametrize("owner", [TrialRuns, StudyStore])
def test_results_in_the_outbox_are_delivered_once(
    search: Search,
    settings: StudySettings,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    owner: type,
) -> None:
    def die(*_: object, **__: object) -> None:
        raise Died

    whole = owner.finish
    monkeypatch.setattr(owner, "finish", die)
    with pytest.raises(Died):
        search(settings, FakeEngine())
    monkeypatch.setattr(owner, "finish", whole)
    code, printed = examine(capsys)
    assert code == 1
    assert "0 0 finished, not delivered outbox delivered" in printed
    assert examine(capsys, "--repair", "true")[0] == 0
    assert StudyPaths("small").outcomes() == []
    assert read_mlflow("small").frame["state"][0] == "complete"
    history = MlflowClient().get_metric_history(read_mlflow("small").frame["run_id"][0], "epoch/loss")
    assert [(metric.step, metric.value) for metric in history] == [(1, 2.0), (2, 1.0)]
    engine = FakeEngine()
    assert search(settings, engine).complete
    assert 0 not in {job.number for job in engine.jobs}


def test_models_that_wait_are_logged(
    search: Search, settings: StudySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Died):
        search(settings, FakeEngine(dies_in_trial_2), models="best:1")
    code, printed = examine(capsys)
    assert code == 1
    assert "waits to be logged" in printed
    assert examine(capsys, "--repair", "true")[0] == 0
    client = MlflowClient()
    best = read_mlflow("small").frame.sort_values("val_accuracy", ascending=False).iloc[0]["run_id"]
    experiment = client.get_run(best).info.experiment_id
    assert [model.source_run_id for model in client.search_logged_models([experiment])] == [best]


def test_an_older_optuna_database_gets_what_mlflow_has(
    search: Search, settings: StudySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    search(replace(settings, trials=4), FakeEngine())
    with sqlite3.connect("optuna.db") as now, sqlite3.connect("old.db") as old:
        now.backup(old)
    search(settings, FakeEngine())
    table = comparable()
    with sqlite3.connect("optuna.db") as now, sqlite3.connect("old.db") as old:
        old.backup(now)
    for connection in (now, old):
        connection.close()
    code, printed = examine(capsys)
    assert code == 1
    for words in ("another plan's hash Optuna", "in MLflow, unknown to Optuna Optuna Optuna follows MLflow"):
        assert words in printed
    assert examine(capsys, "--repair", "true")[0] == 0
    attempts = {trial.user_attrs["trial_number"]: trial for trial in optuna_trials()}
    scores = read_mlflow("small").frame.set_index("number")["val_accuracy"]
    assert {number: trial.value for number, trial in attempts.items()} == dict(scores)
    assert attempts[5].intermediate_values == {1: scores[5] / 2, 2: scores[5]}
    engine = FakeEngine()
    assert search(settings, engine).complete
    assert engine.jobs == []
    pd.testing.assert_frame_equal(table, comparable())


def test_while_a_driver_holds_the_study_it_is_refused_in_one_line_that_names_it(
    search: Search, settings: StudySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    search(settings, FakeEngine())
    lock = DriverLock(StudyPaths("small"), STORAGE)
    code, printed = examine(capsys)
    lock.release()
    assert code == 2
    assert re.fullmatch(
        r"error: a study must have one driver at a time, got 'small' held by process \d+ on \S+", printed
    )
    assert examine(capsys)[0] == 0


def test_a_study_that_was_never_started_is_refused_and_nothing_is_made(
    search: Search, settings: StudySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    search(settings, FakeEngine())
    before = sorted(Path().rglob("*"))
    assert main(["--study", "nope"]) == 2
    assert "study must be one that was started in sqlite:///optuna.db (small), got 'nope'" in capsys.readouterr().err
    assert main(["--study", "nope", "--storage", "sqlite:///none.db"]) == 2
    assert "(none), got 'nope'" in capsys.readouterr().err
    assert main(["--study", "small", "--repair", "maybe"]) == 2
    assert "repair must be true or false, got 'maybe'" in capsys.readouterr().err
    assert sorted(Path().rglob("*")) == before


def test_after_kill_9_the_doctor_closes_what_ran(
    workdir: Path, empty_stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for store in empty_stores:
        shutil.copy(store, workdir)
    study = "{sampler: list, configurations: [{width: 4, epochs: 2}, {width: 6, epochs: 100000}, {width: 8}]}"
    Path("small.yaml").write_text(study)
    command = [sys.executable, "-m", "search", "--study", "small.yaml", "--workers", "0"]
    driver = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    client, until = MlflowClient(), time.monotonic() + 120
    while not [
        run
        for found in [client.get_experiment_by_name("small")]
        if found is not None
        for run in client.search_runs([found.experiment_id], "tags.trial_number = '1'")
        if "epoch/loss" in run.data.metrics
    ]:
        assert time.monotonic() < until
        assert driver.poll() is None
        time.sleep(0.2)
    code, printed = examine(capsys)
    assert code == 2
    assert f"held by process {driver.pid} on " in printed
    driver.send_signal(signal.SIGKILL)
    driver.wait()

    code, printed = examine(capsys)
    assert code == 1
    for words in ("the parent run is running without a driver", "1 0 running without a driver Optuna and MLflow"):
        assert words in printed
    assert not nothing_is_running()
    assert examine(capsys, "--repair", "true")[0] == 0
    code, printed = examine(capsys)
    assert code == 0
    assert "3 trials planned, 1 finished missing: 1-2" in printed
    assert nothing_is_running()
    parent = client.get_run(str(read_mlflow("small").parent_run_id))
    assert parent.info.status == "FAILED"
    assert "trials.csv" in [file.path for file in client.list_artifacts(parent.info.run_id)]
