"""Studies in MLflow: their trials tables, and the facts and files of the parent run.

Beside `attach`, which adds files to the parent run, reading corrects paths of a moved folder (analysis.reading.moved).
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient, get_tracking_uri

from analysis.reading.addresses import in_one_line, shown_address, sqlite_file
from analysis.reading.columns import FOLD, SCORES, attempts_of, recorded_columns, trials_frame
from analysis.reading.mlflow_client import (
    baselines_of,
    check_format,
    children_found,
    objective_of,
    parents_found,
    program_of,
    study_names,
    title_of,
    whole_number,
)
from analysis.reading.mlflow_runs import numbers_of
from analysis.reading.moved import follow_moved_folder
from analysis.reading.table import Refit, TrialTable
from models.core import names, states
from models.core.errors import ConfigError, shown
from models.core.suggestions import listed
from models.data.labels import CLASSIFICATION


def read_mlflow(study: str, tracking_uri: str | None = None, parent_run_id: str | None = None) -> TrialTable:
    """The trials of a study, below the parent run that is named, or below the newest parent run of the study."""
    return read_all(study, tracking_uri, parent_run_id)[0]


def read_all(
    study: str, tracking_uri: str | None = None, parent_run_id: str | None = None
) -> tuple[TrialTable, pd.DataFrame]:
    """The results of read_mlflow and attempts_frame, with the runs read once."""
    follow_moved_folder(tracking_uri or get_tracking_uri())
    client = MlflowClient(tracking_uri)
    parent = client.get_run(parent_run_id) if parent_run_id is not None else _parent(client, study)
    check_format(parent)
    tags = parent.data.tags
    children = list(children_found(client, parent))
    found = [_row(run) for run in children if names.TRIAL_NUMBER in run.data.tags]
    # In the order of trials, columns of parameters that not every trial has do not depend on which trial ran first.
    rows = sorted(found, key=lambda row: (row[names.NUMBER], row[names.ATTEMPT] or 0))
    objective = objective_of(parent)
    counts: dict[str, Any] = {name: whole_number(parent, name) for name in _COUNTS}
    table = TrialTable(
        frame=trials_frame(rows, objective),
        study=study,
        sampler=tags.get("sampler", ""),
        data_sha256=tags.get(names.DATA_SHA256),
        dataset_location=tags.get(names.DATASET_LOCATION),
        plan_hash=tags.get(names.PLAN_HASH),
        parent_run_id=parent.info.run_id,
        stopped_early=tags.get(names.STOPPED_EARLY, "").lower() == "true",
        targets=_targets(parent),
        objective=objective,
        task=tags.get(names.TASK, CLASSIFICATION),
        baselines=baselines_of(parent),
        program=program_of(parent),
        own_network=names.NETWORK in tags,
        refit=None,  # set below, because the trials decide which refit counts
        **counts,
    )
    # Trials that workers finished after the one that ended the search by the stop rule are not part of the study.
    stopped_at = whole_number(parent, names.STOPPED_AT)
    table = table if stopped_at is None else table.prefix(stopped_at)
    table = replace(table, refit=_refit(table, children), trained_with=_trained_with(table, children))
    network = table.network_run_id
    logged = any(run.info.run_id == network and run.outputs.model_outputs for run in children)
    return replace(table, network_logged=logged), attempts_of(rows, objective)


def read_mlflow_or_say_why(study: str, tracking_uri: str | None = None) -> TrialTable:
    """The same as read_mlflow, but creates no store, and raises ValueError for a store that does not answer."""
    uri = tracking_uri or get_tracking_uri()
    file = sqlite_file(uri)
    if file is not None and not file.is_file():
        raise ValueError(
            f"{shown(study)} is no study here: a study is read from a tracking store that exists, got "
            f"{shown_address(uri)!r}"
        )
    if file is not None and not os.access(file.absolute().parent, os.W_OK):
        raise ValueError(
            f"a study is read from a folder that can be written, SQLite keeps its log there, got {shown_address(uri)!r}"
        )
    try:
        return read_mlflow(study, tracking_uri)
    except MlflowException as error:
        raise ValueError(f"a study is read from a tracking store that answers: {in_one_line(error)}") from None


def read_text(table: TrialTable, name: str, tracking_uri: str | None = None) -> str:
    """A text file among the artifacts of the study's parent run."""
    if table.parent_run_id is None:
        raise ValueError(f"{name} is read from the parent run of a study in MLflow: got a table without one")
    with TemporaryDirectory() as folder:
        try:
            path = MlflowClient(tracking_uri).download_artifacts(table.parent_run_id, name, folder)
            return Path(path).read_text(encoding="utf-8")
        except (MlflowException, OSError, UnicodeDecodeError) as error:
            raise ValueError(
                f"the parent run of {table.study} must have {name} among its artifacts, got: {in_one_line(error)}; the "
                "search's own command, run again, writes it"
            ) from None


_COUNTS = (
    "seed", names.PLANNED_TRIALS, names.GRID_SIZE, "train_rows", "validation_rows", "test_rows", "folds",
    names.REPLICATES, names.START_UP,
)  # fmt: skip


def attempts_frame(study: str, tracking_uri: str | None = None, parent_run_id: str | None = None) -> pd.DataFrame:
    """Every attempt of every number of the study, with state `running` while the attempt runs."""
    return read_all(study, tracking_uri, parent_run_id)[1]


def attach(table: TrialTable, files: Sequence[Path], tracking_uri: str | None = None) -> None:
    """Logs the files as artifacts of the study's parent run, in the folder `report`."""
    if table.parent_run_id is None:
        raise ValueError("files are attached to the parent run of a study in MLflow: got a table without one")
    client = MlflowClient(tracking_uri)
    for file in files:
        client.log_artifact(table.parent_run_id, str(file), "report")


def _targets(parent: Run) -> tuple[float, ...]:
    text = parent.data.tags.get(names.TARGETS, "[]")
    try:
        return tuple(float(value) for value in json.loads(text))
    except (ValueError, TypeError):
        raise ConfigError(
            f"the tag {names.TARGETS} must be a JSON list of numbers, got {text[:60]!r} on {title_of(parent)}"
        ) from None


def _parent(client: MlflowClient, study: str) -> Run:
    if not study or "'" in study or '"' in study:
        raise ValueError(f"a study's name is not empty and has no quotes: got {study!r}")
    parents = parents_found(client, study)
    if not parents:
        known = listed(study_names(client)) or "none"
        raise ValueError(
            f"a study is a parent run with the tags study and plan_hash: got {study!r}, found none; the tracking store "
            f"has {known}"
        )
    generation = {run.info.run_id: whole_number(run, names.GENERATION) or 0 for run in parents}
    newest = [run for run in parents if generation[run.info.run_id] == max(generation.values())]
    if len(newest) > 1:
        raise ConfigError(
            f"a study's name must have one newest parent run, got {' and '.join(map(title_of, newest))} for {study!r}; "
            "delete the others in MLflow"
        )
    return newest[0]


def _refit(table: TrialTable, children: Sequence[Run]) -> Refit | None:
    """The refit of the best trial; a refit from before the study was extended may be of another trial."""
    if table.best is None:
        return None
    number = int(table.best[names.NUMBER])
    wanted = {names.REFIT_OF: str(number), names.STATE: states.COMPLETE}
    for run in children:
        if wanted.items() <= run.data.tags.items():
            metrics = numbers_of(run)
            wanted_metrics = (table.objective.name, table.objective.test_name, names.BEST_EPOCH, names.SECONDS)
            missing = [name for name in wanted_metrics if name not in metrics]
            if missing:
                raise ConfigError(f"{title_of(run)} must have the metrics of a refit, got none of {', '.join(missing)}")
            val, test, kept, seconds = (metrics[name] for name in wanted_metrics)
            return Refit(number, run.info.run_id, val, test, int(kept), seconds)
    return None


def _trained_with(table: TrialTable, children: Sequence[Run]) -> dict[str, dict[str, int]]:
    """Entries of models.core.runtime.environment() in which complete trials differ: name -> value -> trials with it."""
    complete = set(table.frame.loc[table.scored, names.RUN_ID])
    found: dict[str, Counter[str]] = {}
    for run in children:
        for tag, value in run.data.tags.items() if run.info.run_id in complete else ():
            if tag.startswith(names.ENVIRONMENT):
                found.setdefault(tag.removeprefix(names.ENVIRONMENT), Counter())[value] += 1
    return {name: dict(sorted(values.items())) for name, values in sorted(found.items()) if len(values) > 1}


def _row(run: Run) -> dict[str, Any]:
    tags, metrics = run.data.tags, numbers_of(run)
    recorded = recorded_columns()
    row: dict[str, Any] = dict.fromkeys(recorded)
    row |= {name: tags.get(name) for name in recorded if name in tags}
    row |= {name: metrics.get(name) for name in (*SCORES, names.N_PARAMETERS, names.BEST_EPOCH, names.SECONDS)}
    of_folds = ("_score", f"_{names.SECONDS}", "_epochs")
    row |= {name: value for name, value in metrics.items() if name.startswith(FOLD) and name.endswith(of_folds)}
    row |= {names.NUMBER: whole_number(run, names.TRIAL_NUMBER), names.ATTEMPT: whole_number(run, names.ATTEMPT)}
    row[names.RUN_ID] = run.info.run_id
    row |= {name: tags[name] for name in (names.TRAINED_BY, names.DETERMINISTIC) if name in tags}
    if names.CONFIRMS in tags:
        row[names.CONFIRMS] = whole_number(run, names.CONFIRMS)
    return row | {f"{names.PARAMS}{name}": value for name, value in run.data.params.items()}
