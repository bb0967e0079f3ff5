"""The run that `mlflow run` made for this command: what a command which is no search leaves on it."""

from collections.abc import Mapping

from mlflow import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NAME, MLFLOW_RUN_NOTE

from analysis.command_line.program import Program
from analysis.reading import mlflow_client as reading
from models.core import names, states
from search.tracking.records import run_tags
from search.tracking.tracking_store import TrackingError


def refuse_run(run_id: str, reason: str) -> None:
    """Ends the run of a command that cannot be carried out, with the reason on it."""
    client = MlflowClient()
    client.log_batch(run_id, tags=run_tags({names.STATE: states.FAILED, names.STATE_REASON: reason}))
    client.set_terminated(run_id, "FAILED")


def note_run(run_id: str, name: str, note: str, tags: Mapping[str, str]) -> None:
    """Says on the run what the command found; that run is all it leaves behind."""
    named = {MLFLOW_RUN_NAME: name, MLFLOW_RUN_NOTE: note}
    MlflowClient().log_batch(run_id, tags=run_tags(named | dict(tags)))


def program_of(own_run: str | None) -> Program:
    """How this process was started: by `mlflow run`, whose run is `own_run`, or by hand."""
    if own_run is None:
        return Program.of_process()
    try:
        return reading.program_of(MlflowClient().get_run(own_run))
    except TrackingError:
        return Program.of_project("")
