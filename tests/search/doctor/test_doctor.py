"""Whatever the four disagree about is found, and mended when asked for; mended, it stays so, and nothing is lost."""

import json
import re
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

from analysis.reading.mlflow_studies import read_mlflow
from models.core.config import TrialConfig
from models.core.errors import ConfigError
from search.stores import outbox
from search.stores.paths import StudyPaths
from search.study.settings import StudySettings
from search.workers.job import Job
from search.workers.outcome import Outcome
from tests.search.doctor.doctoring import Search, examine, in_optuna
from tests.search.fakes import FakeEngine, complete, fails
from tests.search.reading_back import comparable, nothing_is_running, optuna_trials

pytestmark = pytest.mark.usefixtures("wide")


# Each breaks something of a finished study by the stores' own means, most of them one trial's.
def _child_runs(client: MlflowClient, run_id: str, parent: str) -> None:
    client.update_run(run_id, status="RUNNING")


def _no_state(client: MlflowClient, run_id: str, parent: str) -> None:
    client.delete_tag(run_id, "state")


def _said_to_have_failed(client: MlflowClient, run_id: str, parent: str) -> None:
    for key, value in {"state": "failed", "state_reason": "exception"}.items():
        client.set_tag(run_id, key, value)
    client.set_terminated(run_id, "FAILED")


def _no_result(client: MlflowClient, run_id: str, parent: str) -> None:
    client.delete_tag(run_id, "weights_sha256")


def _two_runs(client: MlflowClient, run_id: str, parent: str) -> None:
    first = client.get_run(run_id)
    client.set_terminated(client.create_run(first.info.experiment_id, tags=first.data.tags).info.run_id)


def _two_trials(client: MlflowClient, run_id: str, parent: str) -> None:
    in_optuna().add_trial(next(trial for trial in optuna_trials() if trial.user_attrs["run_id"] == run_id))


def _deleted(client: MlflowClient, run_id: str, parent: str) -> None:
    client.delete_run(run_id)


def _gone(client: MlflowClient, run_id: str, parent: str) -> None:
    client.delete_run(run_id)
    with sqlite3.connect("mlflow.db") as connection:
        for table in ("tags", "params", "metrics", "latest_metrics", "runs"):
            connection.execute(f"delete from {table} where run_uuid = ?", [run_id])
    connection.close()


def _another_reason(client: MlflowClient, run_id: str, parent: str) -> None:
    client.set_tag(run_id, "state_reason", "exception")


def _another_score(client: MlflowClient, run_id: str, parent: str) -> None:
    client.log_metric(run_id, "val_accuracy", 0.5, step=2)


def _strangers(client: MlflowClient, run_id: str, parent: str) -> None:
    in_optuna().ask()
    in_optuna().enqueue_trial({"width": 4})


def _continuation_runs(client: MlflowClient, run_id: str, parent: str) -> None:
    client.create_run("0", tags={"parent_run_id": parent})


def _parent_runs(client: MlflowClient, run_id: str, parent: str) -> None:
    client.update_run(parent, status="RUNNING")


def _parent_deleted(client: MlflowClient, run_id: str, parent: str) -> None:
    client.delete_run(parent)


def _half_written(client: MlflowClient, run_id: str, parent: str) -> None:
    Path("outbox/small/trial-0003-attempt-0.partial").write_bytes(b"PK")


def _unreadable(client: MlflowClient, run_id: str, parent: str) -> None:
    Path("outbox/small/trial-0003-attempt-0.zip").write_bytes(b"PK")


def _of_another_study(client: MlflowClient, run_id: str, parent: str) -> None:
    job = Job("small", 0, 0, TrialConfig.from_parameters({}), seed=99)
    outbox.put(complete(job), StudyPaths("small"))


Break = Callable[[MlflowClient, str, str], None]
TRIALS: list[tuple[Break, str]] = [
    (_another_reason, r"failed \(diverged\) in Optuna, failed \(exception\) in MLflow"),
    (_child_runs, r"complete 0.\d+ in Optuna, running in MLflow"),
    (_no_state, r"complete 0.\d+ in Optuna, without a state with status FINISHED in MLflow"),
    (_said_to_have_failed, r"complete 0.\d+ in Optuna, failed \(exception\) in MLflow"),
    (_two_runs, "a duplicate MLflow"),
    (_two_trials, "a duplicate Optuna"),
    (_deleted, "its run is in MLflow's trash MLflow"),
    (_another_score, "val_accuracy in MLflow: not what the trial's own epochs say"),
    (_no_result, r"complete 0.\d+ in Optuna, complete 0.\d+ with status FINISHED in MLflow"),
    (_gone, r"complete 0.\d+, its run \w{8} is gone MLflow"),
]
"""What is broken of the trial whose number is the place in this list, and how it is said."""
RUN_AGAIN = {8, 9}
OTHER_SINCE = [0]  # MLflow's word is taken
STUDY: list[tuple[Break, str]] = [
    (_strangers, r"Optuna's trial \d+ is not in the plan Optuna"),
    (_continuation_runs, r"run \w{8} only continued the study, and is running without a driver MLflow"),
    (_parent_runs, "the parent run is running without a driver MLflow"),
    (_half_written, r"trial-0003-attempt-0\.partial was never finished outbox"),
    (_unreadable, r"trial-0003-attempt-0\.zip is no result of this study's, or cannot be read outbox"),
    (_of_another_study, r"trial-0000-attempt-0\.zip is no result of this study's, or cannot be read outbox"),
    (_parent_deleted, "the parent run is in MLflow's trash MLflow"),
]


@pytest.mark.parametrize("broken", [TRIALS, STUDY[:-1], STUDY[-1:]], ids=["trials", "study", "parent"])
def test_what_differs_is_found_and_mended(
    search: Search, settings: StudySettings, capsys: pytest.CaptureFixture[str], broken: list[tuple[Break, str]]
) -> None:
    def behave(job: Job) -> Outcome:
        return fails("diverged")(job) if job.number == 0 else complete(job)

    whole = replace(settings, trials=len(TRIALS))
    search(whole, FakeEngine(behave))
    before, table = comparable(), read_mlflow("small")
    agree = "plan, outbox, Optuna and MLflow agree 10 trials planned, 10 finished"
    assert examine(capsys) == (0, agree)
    for (break_it, _), run_id in zip(broken, table.frame["run_id"], strict=False):
        break_it(MlflowClient(), run_id, str(table.parent_run_id))
    code, printed = examine(capsys)
    assert code == 1
    for number, (_, words) in enumerate(broken):
        assert re.search(f"{number} 0 {words}" if broken is TRIALS else words, printed), (words, printed)
    assert "repair=true mends what has a repair" in printed
    assert examine(capsys) == (code, printed), "looking mends nothing"

    code, printed = examine(capsys, "--repair", "true")
    assert code == 0, printed
    assert "found, none left" in printed
    assert nothing_is_running()
    assert StudyPaths("small").outcomes() == []
    code, printed = examine(capsys)
    assert code == 0, printed
    engine = FakeEngine(behave)
    assert search(whole, engine).complete
    assert {job.number for job in engine.jobs} == (RUN_AGAIN if broken is TRIALS else set())
    other = OTHER_SINCE if broken is TRIALS else []
    pd.testing.assert_frame_equal(before.drop(index=other), comparable().drop(index=other))
    assert examine(capsys) == (0, agree)


def test_a_trial_of_another_seed_is_no_business_of_a_repair(
    search: Search, settings: StudySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    search(settings, FakeEngine())
    run_id = read_mlflow("small").frame["run_id"][2]
    MlflowClient().set_tag(run_id, "seed", "1")
    in_optuna_too = {"seed": 1, "run_id": "another"}
    (trial,) = [each for each in optuna_trials() if each.user_attrs["trial_number"] == 2]
    with sqlite3.connect("optuna.db") as connection:
        for key, value in in_optuna_too.items():
            words = (
                "update trial_user_attributes set value_json = ? "
                "where trial_id = (select trial_id from trials where number = ?) and key = ?"
            )
            connection.execute(words, [json.dumps(value), trial.number, key])
    connection.close()
    for arguments in ([], ["--repair", "true"]):
        code, printed = examine(capsys, *arguments)
        assert code == 1
        assert re.search(r"2 0 seed 1 or configuration \w{16} is not the planned one Optuna by hand", printed)


@pytest.mark.parametrize("tag", ["seed", "trial_number", "config_hash", "attempt"])
def test_a_tag_of_words_where_optuna_knows_better_is_written_again(
    search: Search, settings: StudySettings, capsys: pytest.CaptureFixture[str], tag: str
) -> None:
    search(settings, FakeEngine())
    before = comparable()
    MlflowClient().set_tag(read_mlflow("small").frame["run_id"][2], tag, "words")
    code, printed = examine(capsys)
    assert code == 1
    assert "MLflow tags written again" in printed
    assert examine(capsys, "--repair", "true")[0] == 0
    pd.testing.assert_frame_equal(before, comparable())


def test_a_deleted_experiment_is_named_and_restored(
    search: Search, settings: StudySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    search(settings, FakeEngine())
    before, client = comparable(), MlflowClient()
    client.delete_experiment(client.get_experiment_by_name("small").experiment_id)
    with pytest.raises(ConfigError, match="its experiment 1 is in MLflow's trash: `mlflow experiments restore"):
        search(settings, FakeEngine())
    code, printed = examine(capsys)
    assert (code, "the study's experiment is in MLflow's trash MLflow restored" in printed) == (1, True)
    code, printed = examine(capsys, "--repair", "true")
    assert (code, "none left" in printed) == (0, True)
    pd.testing.assert_frame_equal(before, comparable())
