"""The run that `mlflow run` made for this command, and the notes that a command leaves on it."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from mlflow import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME, MLFLOW_RUN_NOTE, MLFLOW_SOURCE_NAME

from analysis.command_line.program import Program
from analysis.reading import mlflow_client as reading
from analysis.reading.called_in import called_in
from models.core import names, states
from models.core.runtime import PROJECT
from search.tracking.records import run_tags
from search.tracking.tracking_store import TrackingError


def refuse_run(run_id: str, reason: str) -> None:
    """Ends the run of a refused command, with the reason as a tag."""
    client = MlflowClient()
    client.log_batch(run_id, tags=run_tags({names.STATE: states.FAILED, names.STATE_REASON: reason}))
    client.set_terminated(run_id, "FAILED")


def note_run(run_id: str, name: str, note: str, tags: Mapping[str, str]) -> None:
    """Writes the findings of a command on its run, for commands that leave nothing else."""
    named = {MLFLOW_RUN_NAME: name, MLFLOW_RUN_NOTE: note}
    MlflowClient().log_batch(run_id, tags=run_tags(named | dict(tags)))


def note_address(run_id: str) -> None:
    """Notes on the run where the project lies, unless `mlflow run` was called in the project's folder.

    MLflow's own tag names the remote repository of the checkout, where there is one, also for a local folder.
    """
    if called_in(run_id) == Path():
        return
    client = MlflowClient()
    source = client.get_run(run_id).data.tags.get(MLFLOW_SOURCE_NAME, "")
    fetched = "://" in source and (source.startswith("file:") or PROJECT.is_relative_to(tempfile.gettempdir()))
    client.set_tag(run_id, names.PROJECT_ADDRESS, source if fetched else str(PROJECT))


def program_of(own_run: str | None) -> Program:
    """How this process was started: by `mlflow run`, whose run is `own_run`, or by hand."""
    if own_run is None:
        return Program.of_process()
    try:
        return reading.program_of(MlflowClient().get_run(own_run))
    except TrackingError:
        return Program.of_project("")
