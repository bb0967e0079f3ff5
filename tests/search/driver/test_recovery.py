"""What a driver that died, or a store that was away, leaves to the next driver."""

import os
import signal
from collections.abc import Callable
from dataclasses import replace

import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from analysis.reading.mlflow_studies import attempts_frame, read_mlflow
from models.core.errors import ConfigError
from search.driver.driver import Ended
from search.driver.limits import Limits
from search.stores import outbox
from search.stores.optuna_study import StudyStore
from search.stores.paths import StudyPaths
from search.study.draws import make_plan
from search.study.settings import StudySettings
from search.tracking.trial_runs import TrialRuns
from search.workers.job import Job
from search.workers.outcome import Outcome
from tests.search.fakes import FakeEngine, complete
from tests.search.reading_back import comparable, nothing_is_running

Search = Callable[..., Ended]


def test_an_interrupted_search_marks_what_was_in_flight_and_the_next_one_finishes_it(
    search: Search, settings: StudySettings
) -> None:
    def behave(job: Job) -> Outcome:
        if job.number == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return complete(job)

    ended = search(settings, FakeEngine(behave, slots=2))
    assert not ended.complete
    assert ended.reason == "interrupted (SIGINT)"
    assert nothing_is_running()
    assert "interrupted" in set(attempts_frame("small")["state_reason"])
    assert search(settings, FakeEngine()).complete
    interrupted = comparable()
    assert list(interrupted["state"]) == ["complete"] * 6
    search(replace(settings, name="whole"), FakeEngine(slots=4))
    pd.testing.assert_frame_equal(interrupted, comparable("whole"))


def test_what_a_dead_driver_left_running_is_closed_and_runs_again(search: Search, settings: StudySettings) -> None:
    class Died(BaseException):
        pass

    def behave(job: Job) -> Outcome:
        if job.number == 2:
            raise Died
        return complete(job)

    with pytest.raises(Died):
        search(settings, FakeEngine(behave))
    assert not nothing_is_running()
    engine = FakeEngine()
    assert search(settings, engine).complete
    assert {(job.number, job.attempt) for job in engine.jobs} == {(2, 1), (3, 0), (4, 0), (5, 0)}
    rows = attempts_frame("small")
    assert list(rows[rows["number"] == 2].sort_values("attempt")["state_reason"].fillna("")) == ["driver lost", ""]
    assert nothing_is_running()


@pytest.mark.parametrize(
    ("owner", "dies_in"), [(TrialRuns, "finish"), (TrialRuns, "log_model"), (StudyStore, "finish")], ids=str
)
def test_an_outcome_in_the_outbox_is_delivered_by_the_next_driver_once(
    search: Search, settings: StudySettings, monkeypatch: pytest.MonkeyPatch, owner: type, dies_in: str
) -> None:
    class Died(BaseException):
        pass

    whole = getattr(owner, dies_in)

    def die_once(*arguments: object, **named: object) -> None:
        monkeypatch.setattr(owner, dies_in, whole)
        if (owner, dies_in) == (TrialRuns, "finish"):
            whole(*arguments, **named)
        raise Died

    monkeypatch.setattr(owner, dies_in, die_once)
    with pytest.raises(Died):
        search(settings, FakeEngine())
    assert len(StudyPaths("small").outcomes()) == 1
    engine = FakeEngine()
    assert search(settings, engine).complete
    assert sorted(job.number for job in engine.jobs) == [1, 2, 3, 4, 5]
    table = read_mlflow("small").frame
    assert list(table["state"]) == ["complete"] * 6
    client = MlflowClient()
    history = client.get_metric_history(table.iloc[0]["run_id"], "epoch/loss")
    assert [(metric.step, metric.value) for metric in history] == [(1, 2.0), (2, 1.0)]
    models = client.search_logged_models([client.get_run(table.iloc[0]["run_id"]).info.experiment_id])
    assert sorted(model.source_run_id for model in models) == sorted(table["run_id"])
    assert nothing_is_running()


def test_training_goes_on_while_the_tracking_store_is_away_and_the_outbox_keeps_the_results(
    search: Search, settings: StudySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = TrialRuns.finish

    def away(*_: object, **__: object) -> None:
        raise MlflowException("connection refused")

    monkeypatch.setattr(TrialRuns, "finish", away)
    engine = FakeEngine()
    ended = search(settings, engine, limits=Limits(last_patience=0.0))
    assert len(engine.jobs) == 6
    assert (ended.missing, ended.undelivered) == (0, 6)
    monkeypatch.setattr(TrialRuns, "finish", whole)
    engine = FakeEngine()
    assert search(settings, engine).complete
    assert engine.jobs == []
    assert list(read_mlflow("small").frame["state"]) == ["complete"] * 6


def test_an_outcome_of_another_study_in_the_outbox_is_refused(search: Search, settings: StudySettings) -> None:
    other = replace(settings, seed=99)
    planned = make_plan(other).trials[0]
    outcome = complete(Job("small", 0, 0, planned.config, planned.seed))
    path = outbox.put(outcome, StudyPaths("small"))
    with pytest.raises(ConfigError, match="the outbox must hold results of this study alone"):
        search(settings, FakeEngine())
    assert path.exists()


def test_models_of_best_k_wait_while_the_tracking_store_is_away(
    search: Search, settings: StudySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = TrialRuns.log_model

    def away(*_: object, **__: object) -> None:
        raise MlflowException("connection refused")

    monkeypatch.setattr(TrialRuns, "log_model", away)
    assert not search(settings, FakeEngine(), models="best:2").complete
    monkeypatch.setattr(TrialRuns, "log_model", whole)
    assert search(settings, FakeEngine(), models="best:2").complete
    table = read_mlflow("small").frame
    best = set(table.sort_values("val_accuracy", ascending=False).head(2)["run_id"])
    client = MlflowClient()
    experiment = client.get_run(min(best)).info.experiment_id
    assert {model.source_run_id for model in client.search_logged_models([experiment])} == best
