"""Artifacts of runs that have ended: what was logged is fetched, and a folder of new files takes an old one's place."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from numpy.typing import NDArray

from analysis.reading.mlflow_runs import confusions_of
from models.core.errors import ConfigError
from search.stores.databases import in_one_line
from search.stores.logged_trials import LoggedTrial
from search.stores.model_folder import MODEL_FILE
from search.stores.tracking import TrackingError, logged_models, tracking_uri


def fetch_model(trial: LoggedTrial, folder: Path) -> Path:
    """The .keras file that was logged for a trial, from wherever it is kept, in `folder`.

    Raises:
        ConfigError: no model was logged, or its file cannot be had.
    """
    found = logged_models(MlflowClient(), trial.experiment_id, trial.run_id)
    whole = [model for model in found if model.status == LoggedModelStatus.READY]
    if not whole:
        raise ConfigError(
            f"run_id must be that of a trial whose model was logged, got {trial.title}, searched with "
            f"models={trial.models or 'none'}"
        )
    store = get_artifact_repository(whole[0].artifact_location, tracking_uri=tracking_uri())
    try:
        return Path(store.download_artifacts(MODEL_FILE, str(folder)))
    except TrackingError as error:
        raise ConfigError(
            f"the model of {trial.title} must be where it was logged, got: {in_one_line(error)}"
        ) from None


def fetch_confusions(trial: LoggedTrial) -> dict[str, NDArray[np.int64]]:
    """As analysis.reading.mlflow_runs.confusions_of.

    Raises:
        ConfigError: they cannot be had.
    """
    try:
        return confusions_of(MlflowClient(), trial.run_id)
    except TrackingError as error:
        raise ConfigError(f"{trial.title} must have its confusion matrices, got: {in_one_line(error)}") from None


def replace_folder(run_id: str, name: str, files: Mapping[str, bytes]) -> str:
    """Makes `files` all that the folder `name` among a run's artifacts holds; returns where that is."""
    client = MlflowClient()
    with tempfile.TemporaryDirectory() as folder:
        for file, content in files.items():
            Path(folder, file).write_bytes(content)
        client.log_artifacts(run_id, folder, name)
    location = str(client.get_run(run_id).info.artifact_uri)
    old = {file.path for file in client.list_artifacts(run_id, name)} - {f"{name}/{file}" for file in files}
    store = get_artifact_repository(location, tracking_uri=tracking_uri())
    for path in sorted(old):
        store.delete_artifacts(path)
    return f"{location}/{name}"
