"""Trials tables from MLflow (client calls only) or from a CSV file, and files attached to a study's parent run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from models.core import names, states

# Small files: a bar for each would be all that one sees.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from mlflow.entities import Run, ViewType
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient, get_tracking_uri

from analysis.reading.columns import COLUMNS, FOLD, attempts_of, trials_frame
from analysis.reading.table import Refit, TrialTable

_PAGE = 1000
_METRICS = (
    names.VAL_ACCURACY,
    names.VAL_LOSS,
    names.TEST_ACCURACY,
    names.TEST_LOSS,
    names.N_PARAMETERS,
    names.BEST_EPOCH,
    names.SECONDS,
)


def read_mlflow(study: str, tracking_uri: str | None = None, parent_run_id: str | None = None) -> TrialTable:
    """The trials of the study's parent run: the one named, or the newest one that carries the study's name."""
    return read_all(study, tracking_uri, parent_run_id)[0]


def read_all(
    study: str, tracking_uri: str | None = None, parent_run_id: str | None = None
) -> tuple[TrialTable, pd.DataFrame]:
    """As read_mlflow and attempts_frame, with the runs read once."""
    client = MlflowClient(tracking_uri)
    parent = client.get_run(parent_run_id) if parent_run_id is not None else _parent(client, study)
    tags = parent.data.tags
    children = _children(client, parent)
    rows = [_row(run) for run in children if names.TRIAL_NUMBER in run.data.tags]
    table = TrialTable(
        frame=trials_frame(rows),
        study=study,
        sampler=tags.get("sampler", ""),
        data_sha256=tags.get(names.DATA_SHA256),
        plan_hash=tags.get(names.PLAN_HASH),
        parent_run_id=parent.info.run_id,
        stopped_early=tags.get(names.STOPPED_EARLY, "").lower() == "true",
        refit=None,  # below: which one it is follows from the trials
        **{name: _whole(tags.get(name)) for name in _COUNTS},
    )
    # What the workers had finished beyond the trial that the stop rule ended the search with is not part of it.
    stopped_at = _whole(tags.get(names.STOPPED_AT))
    table = table if stopped_at is None else table.prefix(stopped_at)
    return replace(table, refit=_refit(table, children)), attempts_of(rows)


def read_mlflow_or_say_why(study: str, tracking_uri: str | None = None) -> TrialTable:
    """As read_mlflow for the command line: makes no store, and a store that is away is a ValueError too."""
    uri = tracking_uri or get_tracking_uri()
    if uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///").split("?")[0]).is_file():
        raise ValueError(f"--study is read from a tracking store that exists: got {uri!r}")
    try:
        return read_mlflow(study, tracking_uri)
    except MlflowException as error:
        raise ValueError(f"--study is read from a tracking store that answers: {error}") from None


def read_text(table: TrialTable, name: str, tracking_uri: str | None = None) -> str:
    """A text file among the artifacts of the study's parent run."""
    if table.parent_run_id is None:
        raise ValueError(f"{name} is read from the parent run of a study in MLflow: got a table without one")
    with TemporaryDirectory() as folder:
        path = MlflowClient(tracking_uri).download_artifacts(table.parent_run_id, name, folder)
        return Path(path).read_text(encoding="utf-8")


_COUNTS = ("seed", names.PLANNED_TRIALS, names.GRID_SIZE, "train_rows", "validation_rows", "test_rows", "folds")


def attempts_frame(study: str, tracking_uri: str | None = None, parent_run_id: str | None = None) -> pd.DataFrame:
    """Every attempt of every number of the study, those still running included (state `running`)."""
    return read_all(study, tracking_uri, parent_run_id)[1]


def attach(table: TrialTable, files: Sequence[Path], tracking_uri: str | None = None) -> None:
    """Put the files among the artifacts of the study's parent run, under `report`."""
    if table.parent_run_id is None:
        raise ValueError("files are attached to the parent run of a study in MLflow: got a table without one")
    client = MlflowClient(tracking_uri)
    for file in files:
        client.log_artifact(table.parent_run_id, str(file), "report")


def _parent(client: MlflowClient, study: str) -> Run:
    if not study or "'" in study or '"' in study:
        raise ValueError(f"a study's name is not empty and has no quotes: got {study!r}")
    found = _search(client, _experiments(client), f"tags.study = '{study}' and tags.plan_hash LIKE '%'")
    parents = [run for run in found if "mlflow.parentRunId" not in run.data.tags]
    if not parents:
        raise ValueError(f"a study is a parent run with the tags study and plan_hash: got {study!r}, found none")
    return max(parents, key=lambda run: run.info.start_time)


def _children(client: MlflowClient, parent: Run) -> list[Run]:
    query = f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    return _search(client, [parent.info.experiment_id], query)


def _refit(table: TrialTable, children: Sequence[Run]) -> Refit | None:
    """That of the best trial, not of one that was the best before the study was extended."""
    if table.best is None:
        return None
    number = int(table.best[names.NUMBER])
    wanted = {names.REFIT_OF: str(number), names.STATE: states.COMPLETE}
    for run in children:
        metrics = run.data.metrics
        if wanted.items() <= run.data.tags.items():
            scores = metrics[names.VAL_ACCURACY], metrics[names.TEST_ACCURACY]
            return Refit(number, run.info.run_id, *scores, int(metrics[names.BEST_EPOCH]), metrics[names.SECONDS])
    return None


def _row(run: Run) -> dict[str, Any]:
    tags, metrics = run.data.tags, run.data.metrics
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row.update({name: tags.get(name) for name in COLUMNS if name in tags})
    row.update({name: metrics.get(name) for name in _METRICS})
    row.update(
        {
            name: value
            for name, value in metrics.items()
            if name.startswith(FOLD) and name.endswith(("_score", "_seconds", "_epochs"))
        }
    )
    row.update(number=tags[names.TRIAL_NUMBER], run_id=run.info.run_id)
    if names.CONFIRMS in tags:
        row[names.CONFIRMS] = tags[names.CONFIRMS]
    return row | {f"params.{name}": value for name, value in run.data.params.items()}


def _experiments(client: MlflowClient) -> list[str]:
    return [found.experiment_id for found in client.search_experiments(view_type=ViewType.ACTIVE_ONLY)]


def _search(client: MlflowClient, experiments: list[str], query: str) -> list[Run]:
    runs: list[Run] = []
    token = None
    while True:
        page = client.search_runs(experiments, query, max_results=_PAGE, page_token=token)
        runs.extend(page)
        token = page.token
        if not token:
            return runs


def _whole(text: str | None) -> int | None:
    return int(text) if text else None
