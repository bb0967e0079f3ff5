"""Exactly the planned trials, on real SQLite stores of Optuna and MLflow, without training."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import optuna
import pandas as pd
import pytest
from mlflow import MlflowClient

from analysis.estimates.confirmation import confirm_summary
from analysis.reading.mlflow_studies import attempts_frame, read_mlflow
from models.core.errors import ConfigError
from search.commands.confirm import confirming_study
from search.driver.driver import Ended
from search.stores.paths import StudyPaths
from search.study.draws import make_plan
from search.study.reading import read_settings
from search.study.settings import StudySettings
from search.tracking.logged_studies import read_study
from search.workers.job import Job
from search.workers.outcome import Outcome
from tests.search.fakes import FakeEngine, complete, fails
from tests.search.reading_back import comparable, nothing_is_running, optuna_trials

Search = Callable[..., Ended]


@pytest.mark.parametrize("slots", [1, 3])
def test_every_planned_trial_runs_once_whatever_the_number_of_workers(
    search: Search, settings: StudySettings, slots: int
) -> None:
    engine = FakeEngine(slots=slots)
    ended = search(settings, engine)
    assert ended.complete
    assert sorted(job.number for job in engine.jobs) == [0, 1, 2, 3, 4, 5]
    assert list(read_mlflow("small").frame["number"]) == [0, 1, 2, 3, 4, 5]
    assert sorted(trial.user_attrs["trial_number"] for trial in optuna_trials()) == [0, 1, 2, 3, 4, 5]
    assert StudyPaths("small").outcomes() == []
    assert nothing_is_running()


def test_the_same_again_trains_nothing_and_adds_nothing(search: Search, settings: StudySettings) -> None:
    search(settings, FakeEngine())
    before, again = comparable(), FakeEngine()
    ended = search(settings, again)
    assert ended.complete
    assert ended.trained == 0
    assert again.jobs == []
    pd.testing.assert_frame_equal(before, comparable())
    assert len(optuna_trials()) == 6


def test_more_trials_extend_the_study_and_leave_the_first_ones(search: Search, settings: StudySettings) -> None:
    search(settings, FakeEngine())
    before, engine = comparable(), FakeEngine()
    search(replace(settings, trials=9), engine)
    assert sorted(job.number for job in engine.jobs) == [6, 7, 8]
    pd.testing.assert_frame_equal(before, comparable().head(6))


def test_a_grid_runs_each_cell_once_with_several_workers(search: Search) -> None:
    grid = read_settings({"sampler": "grid", "space": {"width": [4, 8, 16], "dropout": [0.0, 0.1, 0.2, 0.3]}}, "small")
    search(grid, FakeEngine(slots=5))
    assert len({tuple(sorted(trial.params.items())) for trial in optuna_trials()}) == len(optuna_trials()) == 12


def test_a_configurations_own_failure_is_kept_with_its_reason_and_never_run_again(
    search: Search, settings: StudySettings
) -> None:
    def behave(job: Job) -> Outcome | str:
        return fails("diverged")(job) if job.number == 2 else complete(job)

    ended = search(settings, FakeEngine(behave))
    assert ended.complete
    row = read_mlflow("small").frame.set_index("number").loc[2]
    assert (row["state"], row["state_reason"]) == ("failed", "diverged")
    trial = next(trial for trial in optuna_trials() if trial.user_attrs["trial_number"] == 2)
    assert trial.state == optuna.trial.TrialState.FAIL
    assert trial.user_attrs["state_reason"] == "diverged"
    run = MlflowClient().get_run(row["run_id"])
    assert run.info.status == "FAILED"
    assert "failure.txt" in [file.path for file in MlflowClient().list_artifacts(row["run_id"])]
    again = FakeEngine()
    search(settings, again)
    assert again.jobs == []


def test_a_lost_worker_costs_its_attempt_and_the_number_runs_again_with_its_seed(
    search: Search, settings: StudySettings
) -> None:
    engine = FakeEngine(lambda job: "worker died" if job.number == 3 and job.attempt == 0 else complete(job))
    assert search(settings, engine).complete
    attempts = [job for job in engine.jobs if job.number == 3]
    assert [job.attempt for job in attempts] == [0, 1]
    assert attempts[0].seed == attempts[1].seed
    rows = attempts_frame("small")
    lost = rows[rows["number"] == 3].sort_values("attempt")
    assert list(lost["state"]) == ["failed", "complete"]
    assert lost.iloc[0]["state_reason"] == "worker lost"
    assert list(read_mlflow("small").frame["state"]) == ["complete"] * 6


def test_a_trial_that_loses_its_worker_three_times_counts_as_failed(search: Search, settings: StudySettings) -> None:
    engine = FakeEngine(lambda job: "worker died" if job.number == 3 else complete(job))
    assert search(settings, engine).complete
    assert len([job for job in engine.jobs if job.number == 3]) == 3
    row = read_mlflow("small").frame.set_index("number").loc[3]
    assert (row["state"], row["state_reason"]) == ("failed", "retries exhausted")


def test_a_search_whose_first_ten_trials_all_fail_stops_and_says_why(search: Search, settings: StudySettings) -> None:
    engine = FakeEngine(fails("exception"))
    ended = search(replace(settings, trials=30), engine)
    assert not ended.complete
    assert "the first 10 trials failed" in ended.reason
    assert len(engine.jobs) <= 11


def test_best_k_keeps_the_models_of_the_best_k_alone_also_when_extended(
    search: Search, settings: StudySettings
) -> None:
    for trials in (6, 12):
        search(replace(settings, trials=trials), FakeEngine(slots=3), models="best:2")
        table = read_mlflow("small").frame
        best = table.sort_values("val_accuracy", ascending=False).head(2)["run_id"]
        client = MlflowClient()
        experiment = client.get_run(best.iloc[0]).info.experiment_id
        assert {model.source_run_id for model in client.search_logged_models([experiment])} == set(best)
    assert StudyPaths("small").staged.outcomes() == []


def test_the_run_that_mlflow_made_becomes_the_parent_and_a_later_one_an_invocation(
    search: Search, settings: StudySettings, workdir: Path
) -> None:
    client = MlflowClient()
    first, second = (client.create_run("0").info.run_id for _ in range(2))
    search(settings, FakeEngine(), own_run=first)
    search(settings, FakeEngine(), own_run=second)
    children = [run for run in client.search_runs(["0"]) if "trial_number" in run.data.tags]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {first}
    invocation = client.get_run(second).data.tags
    assert (invocation["study"], invocation["parent_run_id"]) == ("small", first)
    assert first in invocation["mlflow.note.content"]


def test_the_stop_rule_ends_at_the_same_trial_whatever_the_workers_and_says_so(
    search: Search, settings: StudySettings
) -> None:
    many = replace(settings, trials=200)
    ended = {
        slots: search(replace(many, name=f"stop{slots}"), FakeEngine(slots=slots), stop_below=0.2) for slots in (1, 4)
    }
    assert ended[1].stopped_at == ended[4].stopped_at is not None
    assert ended[1].complete
    assert ended[4].complete
    tables = {slots: read_mlflow(f"stop{slots}") for slots in (1, 4)}
    assert tables[1].stopped_early
    assert list(tables[1].frame["number"]) == list(range(ended[1].stopped_at))  # type: ignore[arg-type]
    same = ["number", "state", "val_accuracy", "weights_sha256"]
    pd.testing.assert_frame_equal(tables[1].frame[same], tables[4].frame[same])
    assert nothing_is_running("stop4")
    again = FakeEngine()
    assert search(replace(many, name="stop4"), again, stop_below=0.2).stopped_at == ended[1].stopped_at
    assert again.jobs == []


def test_a_gain_that_is_still_large_does_not_stop_the_search(search: Search, settings: StudySettings) -> None:
    ended = search(replace(settings, trials=60), FakeEngine(), stop_below=0.001)
    assert (ended.stopped_at, ended.missing) == (None, 0)


def test_confirming_repeats_the_best_trials_with_fresh_seeds_on_the_same_split(
    search: Search, settings: StudySettings
) -> None:
    search(settings, FakeEngine())
    table = read_mlflow("small")
    logged = read_study(table.parent_run_id or "", "small")
    confirming, numbers = confirming_study(table, logged, top=2, repeats=3)
    best = list(table.frame.sort_values("val_accuracy", ascending=False)["number"].head(2))
    assert numbers == [number for number in best for _ in range(3)]
    engine = FakeEngine()
    search(confirming, engine, tags={place: {"confirms": number} for place, number in enumerate(numbers)})
    searched = make_plan(settings).trials
    repeated = sorted(engine.jobs, key=lambda job: job.number)
    assert [job.config for job in repeated] == [searched[number].config for number in numbers]
    assert not {job.seed for job in engine.jobs} & {trial.seed for trial in searched}
    assert confirming.split_seed == settings.seed
    assert [row.number for row in confirm_summary(table, read_mlflow("small-confirm"))] == best
    assert len(read_mlflow("small").frame) == 6
    with pytest.raises(ConfigError, match="top must be at most the 6 complete trials of small, got 7"):
        confirming_study(table, logged, top=7, repeats=1)


def test_a_study_of_the_same_name_elsewhere_is_left_alone(search: Search, settings: StudySettings) -> None:
    client = MlflowClient()
    parent = client.create_run("0", tags={"study": "small", "plan_hash": "x"}).info.run_id
    tags = {"study": "small", "trial_number": "0", "attempt": "0", "mlflow.parentRunId": parent}
    child = client.create_run("0", tags=tags).info.run_id
    search(settings, FakeEngine())
    search(settings, FakeEngine())
    assert [client.get_run(run).info.status for run in (parent, child)] == ["RUNNING", "RUNNING"]


def test_an_invocation_stays_running_until_it_has_ended(search: Search, settings: StudySettings) -> None:
    search(settings, FakeEngine())
    client, seen = MlflowClient(), []
    invocation = client.create_run("0").info.run_id

    def behave(job: Job) -> Outcome:
        seen.append(client.get_run(invocation).info.status)
        return complete(job)

    search(replace(settings, trials=8), FakeEngine(behave), own_run=invocation)
    assert seen == ["RUNNING", "RUNNING"]


def test_another_tracking_store_is_refused_with_the_store_and_the_way_out(
    search: Search, settings: StudySettings, empty_stores: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    search(settings, FakeEngine())
    shutil.copy(empty_stores[0], "other.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{Path('other.db').resolve()}")
    with pytest.raises(ConfigError, match=r"parent run must be had in the tracking store, .*under another name"):
        search(settings, FakeEngine())


def test_an_attempt_says_which_one_it_follows(search: Search, settings: StudySettings) -> None:
    engine = FakeEngine(lambda job: "gone" if (job.number, job.attempt) == (4, 0) else complete(job))
    assert search(settings, engine).complete
    attempts = attempts_frame("small").set_index(["number", "attempt"])
    second = MlflowClient().get_run(attempts.loc[(4, 1), "run_id"])
    assert second.data.tags["previous_attempt_run_id"] == attempts.loc[(4, 0), "run_id"]
    assert attempts.loc[(4, 0), "run_id"] in second.data.tags["mlflow.note.content"]
