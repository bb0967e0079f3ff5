"""What a study's own run says of its settings, and the view that MLflow's UI opens."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient

from models.tasks.objective import Objective
from search.driver.driver import Ended
from search.study.settings import StudySettings
from search.tracking.logged_studies import newest_studies
from search.tracking.parent_run import ParentRun
from search.tracking.ui_internals import trials_view
from tests.search.fakes import FakeEngine

Search = Callable[..., Ended]
OBJECTIVE = Objective("val_accuracy")


@pytest.fixture
def parent(search: Search, settings: StudySettings) -> ParentRun:
    """On a run that `mlflow run` has made and logged the declared parameters on."""
    client = MlflowClient()
    own_run = client.create_run("0").info.run_id
    client.log_param(own_run, "sampler", "default")
    search(settings, FakeEngine(), own_run=own_run)
    found = ParentRun("small", Path())
    found.look(own_run)
    return found


def test_settings_left_to_the_study_are_said_beside_mlflows_own_parameters(parent: ParentRun) -> None:
    parent.resolve({"sampler": "random", "seed": 3, "epochs": 2})
    parent.look(parent.id)
    params = MlflowClient().get_run(parent.id).data.params
    assert params == {"sampler": "default", "resolved.sampler": "random", "resolved.seed": "3", "resolved.epochs": "2"}


def test_a_later_session_writes_what_is_new_and_leaves_what_is_there(parent: ParentRun) -> None:
    parent.resolve({"dataset": "here.csv"})
    parent.look(parent.id)
    parent.resolve({"dataset": "moved.csv"} | {f"p{number}": number for number in range(250)})
    params = MlflowClient().get_run(parent.id).data.params
    assert params["resolved.dataset"] == "here.csv"
    assert params["resolved.p249"] == "249"


def test_the_view_of_a_studys_trials_has_its_columns_and_its_order(parent: ParentRun) -> None:
    parent.show_trials(OBJECTIVE, True, ["width", "learning_rate"])
    tags = MlflowClient().get_experiment("0").tags
    view = json.loads(tags[f"mlflow.sharedViewState.{parent.id}"])
    state = json.loads(view["state"])
    assert view["name"] == "trials of small"
    assert state["selectedColumns"] == [
        "metrics.`val_accuracy`", "metrics.`test_accuracy`", "params.`width`", "params.`learning_rate`",
    ]  # fmt: skip
    assert (state["orderByKey"], state["orderByAsc"]) == ("metrics.`val_accuracy`", False)
    assert len(MlflowClient().search_runs(["0"], state["searchFilter"])) == 6
    assert newest_studies(5) == [("small", parent.trials_link)]


def test_a_regression_is_sorted_upwards_and_many_columns_fit_into_a_tag() -> None:
    _, value = trials_view("s", "p" * 32, 1, Objective("val_rmse"), False, [f"{'long' * 20}{k}" for k in range(500)])
    state = json.loads(json.loads(value)["state"])
    assert state["orderByAsc"] is True
    assert state["selectedColumns"][:2] == ["metrics.`val_rmse`", "metrics.`val_rmse_std`"]
    assert len(value) < 5000


def test_a_study_without_a_view_is_linked_by_its_experiment(parent: ParentRun) -> None:
    assert newest_studies(5) == [("small", "#/experiments/0/runs?workflowType=machine_learning")]
