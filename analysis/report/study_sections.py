"""The sections on a study's best trial and its data, made from logged evidence: no network is run."""

from __future__ import annotations

import json
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import Any

from analysis.page.section import Section, read_sections
from analysis.reading.mlflow_runs import fetch_inspection, read_run, read_trained, split_arguments
from analysis.reading.table import TrialTable
from analysis.report.regression_sections import residuals_section
from analysis.report.sections import confusion_picture_of, data_section, training_picture
from analysis.report.sentences import inspect_hint
from models.core import names
from models.core.errors import ConfigError
from models.data.sources import find_data
from models.data.splits import split_by


def study_sections(table: TrialTable, tracking_uri: str | None = None) -> list[Section]:
    """The best trial, with the pictures of its inspection if there is one, and the data, if they still lie there."""
    if table.parent_run_id is None:
        raise ValueError("the best trial is read from the parent run of a study in MLflow: got a table without one")
    parent = read_run(table.parent_run_id, tracking_uri)
    return [*_best_trial(table, tracking_uri, _classes(parent)), _data(parent)]


def _classes(parent: Any) -> list[str] | None:
    """The names of the classes from the study's run; None where it has none."""
    try:
        found = json.loads(parent.data.tags.get(names.CLASSES, ""))
    except ValueError:
        return None
    return [str(name) for name in found] if isinstance(found, list) else None


def _best_trial(table: TrialTable, tracking_uri: str | None, classes: list[str] | None) -> list[Section]:
    run_id = table.network_run_id
    if table.best is None or run_id is None:
        return []
    number = int(table.best[names.NUMBER])
    kind = "Refit of trial" if table.folds else "Best trial:"
    heading, title = f"{kind} {number}", f"{table.study} {'refit of ' if table.folds else ''}trial {number}"
    with TemporaryDirectory() as folder:
        inspected = fetch_inspection(run_id, folder, tracking_uri)
        if inspected is not None:
            found = read_sections(inspected)
            return [replace(section, title=f"{heading}: {section.title}") for section in found]
    trained = read_trained(run_id, tracking_uri)
    if trained is None:
        return [Section(heading, words=("Its run has no epochs or no evidence: there is nothing to draw.",))]
    curves = training_picture(trained.epochs, trained.kept, trained.monitor, title, table.objective.name)
    if trained.predictions:
        residuals = residuals_section(trained.predictions, trained.scores, title)
        hint = (*residuals.words, inspect_hint(table.program, run_id))
        return [replace(residuals, title=heading, pictures=(curves, *residuals.pictures), words=hint)]
    fits = classes is not None and len(classes) == len(trained.confusions["test"])
    matrices = confusion_picture_of(trained.confusions, title, classes if fits else None)
    return [Section(heading, (curves, matrices), (inspect_hint(table.program, run_id),))]


def _data(run: Any) -> Section:
    tags = run.data.tags
    try:
        data = find_data(tags[names.DATASET_LOCATION], tags[names.DATA_SHA256], None)
    except (KeyError, ConfigError) as error:
        why = f"the study's run has no tag {error}" if isinstance(error, KeyError) else str(error)
        return Section("Data", words=(f"No pictures of the data: {why}.",))
    return data_section(split_by(data, **split_arguments(run)), data.name)
