"""MLflow's own UI: the addresses of its pages, and its saved view of a study's trials.

Neither is documented: tests/browser/test_servers.py opens both in a browser, and fails first when an upgrade changes
them.
Without `workflowType` the UI opens its pages of prompts and traces, which have none of a search's runs.
"""

import json
from collections.abc import Mapping, Sequence
from urllib.parse import quote

from models.tasks.objective import Objective

_SAVED_VIEW = "mlflow.sharedViewState."
_TRAINING = "workflowType=machine_learning"
_MOST_COLUMNS = 20  # what a tag of an experiment can hold


def run_link(experiment_id: str, run_id: str, artifact: str = "") -> str:
    """The path of a run within the MLflow UI, or of one of its artifacts."""
    below = f"/artifacts/{quote(artifact)}" if artifact else ""
    return f"#/experiments/{experiment_id}/runs/{run_id}{below}?{_TRAINING}"


def trials_link(experiment_id: str, parent_run_id: str) -> str:
    """The path of the page with the view that `trials_view` makes."""
    return f"#/experiments/{experiment_id}/runs?viewStateShareKey={parent_run_id}&{_TRAINING}"


def runs_link(experiment_id: str) -> str:
    """The path of an experiment's runs."""
    return f"#/experiments/{experiment_id}/runs?{_TRAINING}"


def has_view(tags: Mapping[str, str], parent_run_id: str) -> bool:
    """Whether an experiment with these tags has the view of a study's trials."""
    return f"{_SAVED_VIEW}{parent_run_id}" in tags


def trials_view(
    study: str, parent_run_id: str, made_ms: int, objective: Objective, tested: bool, searched: Sequence[str]
) -> tuple[str, str]:
    """The tag of an experiment that makes a saved view, by name and value.

    The view shows a study's trials, best first, with their scores and the `searched` parameters, and is in the page's
    menu under the study's name.
    """
    scores = [objective.name, objective.test_name if tested else objective.std_name]
    order = f"metrics.`{objective.name}`"
    state = {
        "searchFilter": f"tags.`mlflow.parentRunId` = '{parent_run_id}'",
        "orderByKey": order,
        "orderByAsc": objective.direction == "minimize",
        "selectedColumns": [
            *(f"metrics.`{name}`" for name in scores),
            *(f"params.`{name}`" for name in searched[:_MOST_COLUMNS]),
        ],
    }
    view = {"name": f"trials of {study}", "createdAt": made_ms, "updatedAt": made_ms, "state": json.dumps(state)}
    return f"{_SAVED_VIEW}{parent_run_id}", json.dumps(view)
