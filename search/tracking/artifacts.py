"""Artifacts of runs that have ended: evidence is fetched, and a folder of new files takes an old one's place."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from mlflow import MlflowClient
from numpy.typing import NDArray

from analysis.reading.addresses import in_one_line
from analysis.reading.mlflow_runs import confusions_of, evidence_of
from models.core.errors import ConfigError
from search.tracking.logged_trials import LoggedTrial
from search.tracking.mlflow_internals import artifact_store
from search.tracking.tracking_store import TrackingError


def fetch_confusions(trial: LoggedTrial) -> dict[str, NDArray[np.int64]]:
    """As analysis.reading.mlflow_runs.confusions_of.

    Raises:
        ConfigError: they cannot be had.
    """
    try:
        return confusions_of(MlflowClient(), trial.run_id)
    except (*TrackingError, ValueError, TypeError) as error:
        raise ConfigError(f"{trial.title} must have its confusion matrices, got: {in_one_line(error)}") from None


def fetch_evidence(trial: LoggedTrial) -> dict[str, dict[str, Any]]:
    """As analysis.reading.mlflow_runs.evidence_of.

    Raises:
        ConfigError: it cannot be had.
    """
    try:
        return evidence_of(MlflowClient(), trial.run_id)
    except (*TrackingError, ValueError) as error:
        raise ConfigError(f"{trial.title} must have its predictions, got: {in_one_line(error)}") from None


def replace_folder(run_id: str, name: str, files: Mapping[str, bytes]) -> str:
    """Makes `files` all that the folder `name` among a run's artifacts holds; returns where that is."""
    client = MlflowClient()
    with tempfile.TemporaryDirectory() as folder:
        for file, content in files.items():
            Path(folder, file).write_bytes(content)
        client.log_artifacts(run_id, folder, name)
    location = str(client.get_run(run_id).info.artifact_uri)
    old = {file.path for file in client.list_artifacts(run_id, name)} - {f"{name}/{file}" for file in files}
    store = artifact_store(location)
    for path in sorted(old):
        store.delete_artifacts(path)
    return f"{location}/{name}"
