"""What ends a trial, or a session, before its time: timeouts and pruners."""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from analysis.estimates.best_of_n import best_of_n
from analysis.reading.mlflow_studies import attempts_frame, read_mlflow
from models.core.errors import ConfigError
from search.driver.driver import Ended
from search.driver.limits import Limits
from search.study.reading import read_settings
from search.study.settings import StudySettings
from search.workers.job import Job
from search.workers.outcome import Outcome
from tests.search.conftest import SMALL
from tests.search.fakes import FakeEngine, complete, hangs, score_of
from tests.search.reading_back import failure_text, nothing_is_running, optuna_trials

Search = Callable[..., Ended]


def test_a_trial_that_outlasts_its_timeout_ends_after_its_epoch_and_is_not_run_again(
    search: Search, settings: StudySettings
) -> None:
    def slow(job: Job) -> Outcome:
        time.sleep(2.5 if job.number == 2 else 0)
        return complete(job)

    engine = FakeEngine(slow)
    assert search(settings, engine, limits=Limits(trial_timeout=2)).complete
    assert engine.asked == {(2, 0): "timeout"}
    assert engine.abandoned == []
    row = read_mlflow("small").frame.set_index("number").loc[2]
    assert (row["state"], row["state_reason"], row["attempt"]) == ("failed", "timeout", 0)


def test_a_trial_that_does_not_stop_when_asked_loses_its_worker_and_fails_with_timeout(
    search: Search, settings: StudySettings
) -> None:
    engine = FakeEngine(lambda job: hangs(job) if job.number == 3 else complete(job), slots=2)
    assert search(settings, engine, limits=Limits(trial_timeout=2, grace=0.05)).complete
    assert engine.abandoned == [(3, 0)]
    row = read_mlflow("small").frame.set_index("number").loc[3]
    assert (row["state"], row["state_reason"]) == ("failed", "timeout")
    assert "the worker was restarted" in failure_text(row["run_id"])
    assert [job.number for job in engine.jobs].count(3) == 1


def test_a_search_whose_time_is_over_ends_in_order_and_the_next_one_finishes_it(
    search: Search, settings: StudySettings
) -> None:
    engine = FakeEngine(lambda job: hangs(job) if job.number == 1 else complete(job))
    ended = search(settings, engine, limits=Limits(timeout=4))
    assert ended.reason == "timeout: the 4 s of this session have passed"
    assert ended.missing == 5
    assert nothing_is_running()
    attempts = attempts_frame("small").set_index("number")
    assert list(attempts.loc[[0, 1], "state_reason"]) == ["", "interrupted"]
    again = FakeEngine()
    assert search(settings, again).complete
    assert [job.number for job in again.jobs] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("pruner", ["median", "halving"])
def test_trials_that_fall_behind_are_pruned_on_both_sides_and_the_report_says_so(search: Search, pruner: str) -> None:
    written = SMALL | {"trials": 16, "pruner": pruner, "training": {"epochs": 8, "batch_size": 64}}
    settings = read_settings(written, "small")
    engine = FakeEngine()
    assert search(settings, engine).complete
    assert set(engine.asked.values()) == {"pruned"}
    table = read_mlflow("small")
    pruned = table.frame[table.frame["state"] == "pruned"]
    in_optuna = [trial.user_attrs["trial_number"] for trial in optuna_trials() if trial.state.name == "PRUNED"]
    assert sorted(in_optuna) == list(pruned["number"])
    assert 0 < len(pruned) < 16
    # The best one is never behind, and none stops before it has shown two epochs.
    best = max(engine.jobs, key=score_of).number
    assert best not in in_optuna
    assert all(len(trial.intermediate_values) >= 2 for trial in optuna_trials() if trial.state.name == "PRUNED")
    notes = " ".join(best_of_n(table, at=[1, 5]).notes)
    assert f"{len(pruned)} trials were pruned" in notes
    assert "lower bound" in notes


def test_a_study_keeps_its_pruner(search: Search, settings: StudySettings) -> None:
    search(settings, FakeEngine())
    with pytest.raises(ConfigError, match=r"pruner: \(nothing\) -> median"):
        search(replace(settings, pruner="median"), FakeEngine())
