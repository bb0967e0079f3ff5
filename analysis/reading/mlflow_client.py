"""How MLflow is asked: all runs of a query, and the tags of a run as values of the right type."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

# Files are small, so a progress bar for each would fill the screen.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from mlflow.entities import Run, ViewType
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_PROJECT_ENV, MLFLOW_SOURCE_NAME, MLFLOW_SOURCE_TYPE

from analysis.command_line.program import INSTALLED, Program
from models.core import names
from models.core.errors import ConfigError
from models.tasks.objective import Objective

_PAGE = 1000
Value = TypeVar("Value", int, float)


def runs_found(
    client: MlflowClient, experiments: Sequence[str], query: str, view: str = ViewType.ACTIVE_ONLY
) -> Iterator[Run]:
    """All runs that a query finds."""
    token = None
    while True:
        page = client.search_runs(list(experiments), query, run_view_type=view, max_results=_PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def children_found(
    client: MlflowClient, parent: Run, condition: str = "", view: str = ViewType.ACTIVE_ONLY
) -> Iterator[Run]:
    """The runs below a study's parent run that meet `condition`, or all of them without a condition."""
    query = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{parent.info.run_id}'" + (f" and {condition}" if condition else "")
    return runs_found(client, [parent.info.experiment_id], query, view)


def experiments_found(client: MlflowClient) -> list[str]:
    """The IDs of all experiments that are not deleted."""
    return [str(found.experiment_id) for found in client.search_experiments(view_type=ViewType.ACTIVE_ONLY)]


def parents_found(client: MlflowClient, study: str = "") -> list[Run]:
    """The parent runs of the studies named `study`, or of all studies.

    A name has several parent runs where its study was begun again in the same tracking store.
    """
    condition = f"tags.{names.STUDY} = '{study}' and " if study else ""
    found = runs_found(client, experiments_found(client), f"{condition}tags.{names.PLAN_HASH} LIKE '%'")
    return [run for run in found if MLFLOW_PARENT_RUN_ID not in run.data.tags]


def study_names(client: MlflowClient) -> list[str]:
    """The names of all studies in the tracking store."""
    return sorted({str(run.data.tags.get(names.STUDY, "")) for run in parents_found(client)} - {""})


def title_of(run: Run) -> str:
    """A run as messages name it: the beginning of its ID, and its name."""
    return f"run {run.info.run_id[:8]} ({run.info.run_name})"


def whole_number(run: Run, tag: str) -> int | None:
    """The number that a tag of a run holds, None where the tag is missing or empty.

    Raises:
        ConfigError: the tag's text is no whole number.
    """
    return _read(run, run.data.tags, tag, int, "a whole number")


def real_number(run: Run, tag: str) -> float | None:
    """The real number that a tag holds; otherwise like `whole_number`."""
    return _read(run, run.data.tags, tag, float, "a number")


def needed(value: Value | None, run: Run, tag: str) -> Value:
    """`value`, or a ConfigError that names the tag which must hold it."""
    if value is None:
        raise ConfigError(f"{title_of(run)} must have the tag {tag}, got none")
    return value


def objective_of(run: Run) -> Objective:
    """The metric that a study's trials are chosen by, from the study's parent run."""
    return Objective(run.data.tags.get(names.OBJECTIVE, names.VAL_ACCURACY))


def baselines_of(run: Run) -> dict[str, dict[str, float]]:
    """The baselines' scores from a study's parent run; empty where the run has no such tag.

    Raises:
        ConfigError: the tag holds no scores.
    """
    text = run.data.tags.get(names.BASELINES, "{}")
    try:
        found = json.loads(text)
        return {name: {key: float(value) for key, value in scores.items()} for name, scores in found.items()}
    except (ValueError, TypeError, AttributeError):
        raise ConfigError(
            f"the tag {names.BASELINES} must be JSON of scores, got {text[:60]!r} on {title_of(run)}; the search's own "
            "command, run again once it is deleted, writes it"
        ) from None


def check_format(run: Run) -> None:
    """Raises ConfigError unless the run was written with this version's list of names."""
    found = run.data.tags.get(names.FORMAT, "1")
    if found != names.FORMAT_NOW:
        raise ConfigError(
            f"a study is read by the version of this project that wrote it, or by one with the same names of metrics "
            f"({names.FORMAT} {names.FORMAT_NOW}), got {title_of(run)} with {names.FORMAT} {found}"
        )


def _read(run: Run, tags: Mapping[str, str], tag: str, kind: Callable[[str], Any], what: str) -> Any:
    text = tags.get(tag, "")
    if not text:
        return None
    try:
        return kind(text)
    except ValueError:
        raise ConfigError(
            f"the tag {tag} must be {what}, got {text[:60]!r} on {title_of(run)}; correct it in MLflow"
        ) from None


def program_of(run: Run) -> Program:
    """The program that made a run: `mlflow run` with its kind of environment, or a command typed by hand."""
    tags = run.data.tags
    if tags.get(MLFLOW_SOURCE_TYPE) == "PROJECT":
        environment = tags.get(MLFLOW_PROJECT_ENV, "local")  # with the local environment MLflow writes no tag
        return Program.of_project(environment, tags.get(names.PROJECT_ADDRESS, "."))
    return Program(INSTALLED) if tags.get(MLFLOW_SOURCE_NAME) == INSTALLED else Program()
