"""Logged models: told apart by tags and parameters, ranked by their scores, and the same when written again."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities import LoggedModel

from analysis.reading.mlflow_studies import read_mlflow
from search.driver.driver import Ended
from search.study.settings import StudySettings
from search.tracking.trial_runs import TrialRuns
from tests.search.fakes import FakeEngine

Search = Callable[..., Ended]


def models(by: str) -> list[LoggedModel]:
    client = MlflowClient()
    experiment = client.get_experiment_by_name("small").experiment_id
    order: list[dict[str, Any]] = [{"field_name": f"metrics.{by}", "ascending": False}]
    return list(client.search_logged_models([experiment], order_by=order))


def test_mlflow_ranks_the_models_by_their_scores_and_says_which_trial_each_is(
    search: Search, settings: StudySettings
) -> None:
    search(settings, FakeEngine())
    table = read_mlflow("small")
    ranked = models("test_accuracy")
    assert [model.source_run_id for model in ranked] == table.frame.sort_values(
        "test_accuracy", ascending=False
    ).run_id.tolist()
    assert {model.name for model in ranked} == {"model"}
    best, row = ranked[0], table.best
    assert row is not None
    assert best.tags["study"] == "small"
    assert best.tags["trial_number"] == str(row["number"])
    assert float(best.tags["val_accuracy"]) == row["val_accuracy"]
    assert {name: best.params[name] for name in ("width", "epochs")} == {
        "width": str(row["params.width"]),
        "epochs": "2",
    }
    assert not [name for name in best.params if name.endswith("_rows")]
    parts = {metric.key: (metric.dataset_name, metric.dataset_digest) for metric in best.metrics or []}
    digest = str(table.data_sha256)[:32]
    assert parts["val_accuracy"] == ("digits-validation", digest)
    assert parts["test_loss"] == ("digits-test", digest)
    assert parts["train_accuracy"] == ("digits-train", digest)


def test_a_delivery_that_is_repeated_leaves_one_model_and_one_value_a_metric(
    search: Search, settings: StudySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = TrialRuns.finish

    def twice(self: TrialRuns, run_id: str, outcome: Any, with_model: bool) -> None:
        once(self, run_id, outcome, with_model)
        once(self, run_id, outcome, with_model)

    monkeypatch.setattr(TrialRuns, "finish", twice)
    search(replace(settings, trials=2), FakeEngine())
    found = models("val_accuracy")
    assert len(found) == 2
    client = MlflowClient()
    for model in found:
        keys = [metric.key for metric in model.metrics or []]
        assert len(keys) == len(set(keys)) > 5
        history = client.get_metric_history(str(model.source_run_id), "val_accuracy")
        assert [(metric.step, metric.timestamp) for metric in history] == [(0, history[0].timestamp)]


def test_the_best_models_that_waited_for_the_end_are_ranked_too(search: Search, settings: StudySettings) -> None:
    search(settings, FakeEngine(), models="best:2")
    found = models("val_accuracy")
    assert [model.source_run_id for model in found] == read_mlflow("small").ranked["run_id"].head(2).tolist()
    history = MlflowClient().get_metric_history(str(found[0].source_run_id), "val_accuracy")
    assert len(history) == 1


def test_what_would_be_a_chart_of_one_dot_is_a_tag_and_a_table_has_it_as_a_number(
    search: Search, settings: StudySettings
) -> None:
    search(settings, FakeEngine())
    row = read_mlflow("small").frame.iloc[1]
    run = MlflowClient().get_run(row["run_id"])
    assert not {"seconds", "best_epoch", "n_trainable"} & set(run.data.metrics)
    assert {"seconds": "0.01", "best_epoch": "2", "n_trainable": "100"}.items() <= run.data.tags.items()
    assert (row["seconds"], row["best_epoch"], row["n_parameters"]) == (0.01, 2.0, 101.0)


def test_a_trial_of_before_that_has_them_as_metrics_is_read(search: Search, settings: StudySettings) -> None:
    search(settings, FakeEngine())
    client = MlflowClient()
    run_id = read_mlflow("small").frame.iloc[0]["run_id"]
    for name, value in {"seconds": 7.5, "best_epoch": 1.0}.items():
        client.delete_tag(run_id, name)
        client.log_metric(run_id, name, value)
    row = read_mlflow("small").frame.iloc[0]
    assert (row["seconds"], row["best_epoch"]) == (7.5, 1.0)
