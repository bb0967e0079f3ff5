"""Trials read back from their child runs in MLflow. Nothing here writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_PARENT_RUN_ID
from numpy.typing import NDArray

from analysis.reading.addresses import in_one_line, shown_address
from analysis.reading.mlflow_client import check_format, needed, whole_number
from analysis.reading.mlflow_runs import confusions_of, evidence_of, split_arguments, values_of
from analysis.reading.mlflow_studies import read_mlflow
from models.core import names, states
from models.core.config import Config, OwnConfig, TrialConfig
from models.core.errors import ConfigError
from models.core.parameters import PARAMETERS
from search.tracking.tracking_store import TrackingError, open_tracking, tracking_uri
from search.tracking.ui_internals import run_link

_NEEDED = (
    names.STUDY, names.SEED, names.STUDY_SEED, names.CONFIG_HASH, names.DATA_SHA256, names.DATASET_LOCATION,
    "validation", "preprocessing", "split_seed", names.WEIGHTS_SHA256,
)  # fmt: skip


@dataclass(frozen=True)
class LoggedTrial:
    """A complete trial as its child run alone describes it; floats are those that were logged, to the last bit."""

    run_id: str
    parent_run_id: str
    experiment_id: str
    study: str
    number: int
    refit: bool
    """Whether the run holds the refit of that trial, trained on all of the training part."""
    config: Config
    config_hash: str
    seed: int
    study_seed: int
    dataset_location: str
    data_sha256: str
    split: Mapping[str, Any]
    """The arguments of models.data.splits.split_by."""
    rows: Mapping[str, str]
    """By parameter, such as `train_rows`: the logged count."""
    epochs: Mapping[tuple[str, int], list[float]]
    """By metric and epoch: the logged values, one unless somebody logged another."""
    final: Mapping[str, float]
    """The metrics of the kept weights."""
    weights_sha256: str
    environment: Mapping[str, str]
    """models.core.runtime.environment() of the process that trained it."""
    commit: str
    """The commit of the project; empty where the project was no checkout."""
    models: str
    """The option `models` of its search."""
    network: str = ""
    """FILE.py:NAME of the user's own network, with its folder; empty: the built-in one."""
    callbacks: str = ""
    """FILE.py:NAME of the Keras callbacks of its training; empty: none."""

    @property
    def deterministic(self) -> bool:
        """Whether training it again gives the same bits."""
        return not isinstance(self.config, OwnConfig) or self.config.deterministic

    def link(self, artifact: str = "") -> str:
        """The path of the trial's run within the MLflow UI, or of one of its artifacts."""
        return run_link(self.experiment_id, self.run_id, artifact)

    @property
    def title(self) -> str:
        return f"{'refit of ' if self.refit else ''}trial {self.number} of {self.study}"


def read_trial(run_id: str, refits: bool = False) -> LoggedTrial:
    """The trial that a child run holds, or with `refits` the refit of one.

    Raises:
        ConfigError: there is no such run, it holds no complete trial, or it lacks tags that a replay needs.
    """
    client = open_tracking()
    run = _run_of_trial(client, run_id, refits)
    tags, parameters = run.data.tags, run.data.params
    refit = names.TRIAL_NUMBER not in tags
    missing = [name for name in (_NEEDED if refit else (*_NEEDED, names.ATTEMPT)) if name not in tags]
    if missing:
        raise ConfigError(
            f"a trial is read from the tags of its run, all of them, got {run_id!r} without {', '.join(missing)}"
        )
    epochs, final = values_of(client, run)

    def number(tag: str) -> int:
        return needed(whole_number(run, tag), run, tag)

    return LoggedTrial(
        run_id=run_id,
        parent_run_id=tags[MLFLOW_PARENT_RUN_ID],
        experiment_id=run.info.experiment_id,
        study=tags[names.STUDY],
        number=number(names.REFIT_OF if refit else names.TRIAL_NUMBER),
        refit=refit,
        config=_config(tags, parameters),
        config_hash=tags[names.CONFIG_HASH],
        seed=number(names.SEED),
        study_seed=number(names.STUDY_SEED),
        dataset_location=tags[names.DATASET_LOCATION],
        data_sha256=tags[names.DATA_SHA256],
        split=split_arguments(run),
        rows={name: text for name, text in parameters.items() if name.endswith(names.ROWS)},
        epochs=epochs,
        final=final,
        weights_sha256=tags[names.WEIGHTS_SHA256],
        environment={
            name.removeprefix(names.ENVIRONMENT): text
            for name, text in tags.items()
            if name.startswith(names.ENVIRONMENT)
        },
        commit=tags.get(MLFLOW_GIT_COMMIT, ""),
        models=tags.get(names.MODELS, ""),
        network=tags.get(names.NETWORK, ""),
        callbacks=tags.get(names.CALLBACKS, ""),
    )


def best_network_of(run_id: str) -> str | None:
    """The ID of the run with a study's best network, where `run_id` is the study's own run; else None.

    Raises:
        ConfigError: the study has no complete network yet.
    """
    try:
        run = open_tracking().get_run(run_id)
    except MlflowException:  # read_trial tells the user
        return None
    if names.PLAN_HASH not in run.data.tags or MLFLOW_PARENT_RUN_ID in run.data.tags:
        return None
    best = read_mlflow(run.data.tags.get(names.STUDY, ""), parent_run_id=run_id).network_run_id
    if best is None:
        raise ConfigError(f"run_id must be that of a study with a network, got {run.info.run_name!r} without one")
    return best


def fetch_confusions(trial: LoggedTrial) -> dict[str, NDArray[np.int64]]:
    """As analysis.reading.mlflow_runs.confusions_of.

    Raises:
        ConfigError: they cannot be fetched.
    """
    try:
        return confusions_of(MlflowClient(), trial.run_id)
    except (*TrackingError, ValueError, TypeError) as error:
        raise ConfigError(f"{trial.title} must have its confusion matrices, got: {in_one_line(error)}") from None


def fetch_evidence(trial: LoggedTrial) -> dict[str, dict[str, Any]]:
    """As analysis.reading.mlflow_runs.evidence_of.

    Raises:
        ConfigError: the evidence cannot be fetched.
    """
    try:
        return evidence_of(MlflowClient(), trial.run_id)
    except (*TrackingError, ValueError) as error:
        raise ConfigError(f"{trial.title} must have its predictions, got: {in_one_line(error)}") from None


def _config(tags: Mapping[str, str], parameters: Mapping[str, str]) -> Config:
    if names.OWN_CONFIG in tags:
        return OwnConfig.from_json(tags[names.OWN_CONFIG])
    return TrialConfig.from_text({name: text for name, text in parameters.items() if name in PARAMETERS})


def _run_of_trial(client: MlflowClient, run_id: str, refits: bool) -> Run:
    try:
        run = client.get_run(run_id)
    except MlflowException:
        store = shown_address(tracking_uri())
        raise ConfigError(f"run_id must be that of a run in the tracking store {store}, got {run_id!r}") from None
    tags = run.data.tags
    if names.PLAN_HASH in tags:
        best = f"; its best trial is {tags[names.BEST_RUN_ID]}" if names.BEST_RUN_ID in tags else ""
        raise ConfigError(
            f"run_id must be that of a trial, a child run, got the parent run of study {tags.get(names.STUDY)!r}{best}"
        )
    if not (names.TRIAL_NUMBER in tags or (refits and names.REFIT_OF in tags)) or MLFLOW_PARENT_RUN_ID not in tags:
        raise ConfigError(f"run_id must be that of a trial, got {run.info.run_name!r}, a run of something else")
    check_format(run)
    if tags.get(names.STATE) != states.COMPLETE or run.info.status == "RUNNING":
        how = "is not finished" if run.info.status == "RUNNING" else f"is {tags.get(names.STATE, 'without a state')}"
        reason = f" ({tags[names.STATE_REASON]})" if tags.get(names.STATE_REASON) else ""
        raise ConfigError(
            f"run_id must be that of a complete trial, got {run.info.run_name} of {tags.get(names.STUDY)!r}, which "
            f"{how}{reason}"
        )
    return run
