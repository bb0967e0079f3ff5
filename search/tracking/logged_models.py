"""The models of a study's trials: logged from what a worker saved, dropped, found, fetched and registered."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, LoggedModelStatus
from mlflow.exceptions import MlflowException

from analysis.reading.addresses import in_one_line
from models.core.errors import ConfigError
from models.core.results import TrialResult
from models.data.splits import Split
from search.tracking.logged_trials import LoggedTrial
from search.tracking.mlflow_internals import MODEL_FILE, artifact_store, fill, write_model_folder
from search.tracking.tracking_store import TrackingError

MODEL_NAME = "model"
"""The name of every logged model, so that `runs:/RUN_ID/model` finds it."""
CHAMPION = "champion"
"""The alias of the version that was registered last: `models:/NAME@champion` is its network."""


def log_model(
    client: MlflowClient,
    experiment_id: str,
    run_id: str,
    result: TrialResult,
    split: Split,
    tags: Mapping[str, str],
    params: Mapping[str, str],
) -> str:
    """Logs the Keras model that a worker saved as an MLflow model, without importing TensorFlow.

    All models have one name, so `tags` and `params` tell them apart.

    Returns:
        The logged model's ID.
    """
    logged = client.create_logged_model(
        experiment_id, name=MODEL_NAME, source_run_id=run_id, tags=dict(tags), params=dict(params), model_type="Keras"
    )
    fill(
        logged.artifact_location,
        lambda folder: write_model_folder(folder, result.model, split, run_id, logged.model_id),
    )
    client.finalize_logged_model(logged.model_id, "READY")
    client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=result.best_epoch)])
    return str(logged.model_id)


def drop_models(client: MlflowClient, experiment_id: str, run_id: str) -> None:
    """Deletes all models of a run, half-made ones included."""
    for model in _of_run(client, experiment_id, run_id):
        client.delete_logged_model(model.model_id)


def runs_with_models(client: MlflowClient, experiment_id: str) -> Iterator[str]:
    """IDs of an experiment's runs that have a complete model, its file included."""
    token = None
    while True:
        page = client.search_logged_models([experiment_id], page_token=token)
        whole = (model for model in page if model.status == LoggedModelStatus.READY and _has_file(model))
        yield from (str(model.source_run_id) for model in whole)
        token = page.token
        if not token:
            return


def fetch_model(trial: LoggedTrial, folder: Path) -> Path:
    """Fetches the .keras file of a trial's logged model into `folder`.

    Raises:
        ConfigError: no model was logged, or its file cannot be fetched.
    """
    model = _whole(MlflowClient(), trial)
    try:
        return Path(artifact_store(model.artifact_location).download_artifacts(MODEL_FILE, str(folder)))
    except TrackingError as error:
        raise ConfigError(
            f"the model of {trial.title} must be where it was logged, got: {in_one_line(error)}"
        ) from None


def register_model(trial: LoggedTrial, name: str, tags: Mapping[str, object], words: str) -> tuple[str, bool]:
    """Registers a trial's model as a version of `name`, with the alias CHAMPION, `tags`, and `words` as description.

    Returns:
        The version, and whether it is new: a model is registered once under a name.

    Raises:
        ConfigError: no model was logged, or the registry does not take it.
    """
    client = MlflowClient()
    model = _whole(client, trial)
    text = {key: str(value) for key, value in tags.items()}
    source = f"models:/{model.model_id}"
    try:
        of_run = client.search_model_versions(f"run_id = '{trial.run_id}'")
        found = [one for one in of_run if (one.name, one.source) == (name, source)]
        if found:
            version = str(found[0].version)
            for key, value in text.items():
                client.set_model_version_tag(name, version, key, value)
        else:
            _make_registered(client, name)
            made = client.create_model_version(name, source, trial.run_id, text, model_id=model.model_id)
            version = str(made.version)
        client.update_model_version(name, version, words)
        client.set_registered_model_alias(name, CHAMPION, version)
    except TrackingError as error:
        raise ConfigError(f"MLflow's registry must take {trial.title} as {name!r}, got: {in_one_line(error)}") from None
    return version, not found


def _make_registered(client: MlflowClient, name: str) -> None:
    """Makes a registered model of that name, unless there is one."""
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _whole(client: MlflowClient, trial: LoggedTrial) -> LoggedModel:
    found = _of_run(client, trial.experiment_id, trial.run_id)
    whole = [model for model in found if model.status == LoggedModelStatus.READY]
    if not whole:
        raise ConfigError(
            f"run_id must be that of a trial whose model was logged, got {trial.title}, searched with "
            f"models={trial.models or 'none'}"
        )
    return whole[0]


def _of_run(client: MlflowClient, experiment_id: str, run_id: str) -> list[LoggedModel]:
    return list(client.search_logged_models([experiment_id], filter_string=f"source_run_id = '{run_id}'"))


def _has_file(model: LoggedModel) -> bool:
    return any(each.path == MODEL_FILE for each in artifact_store(model.artifact_location).list_artifacts("data"))
