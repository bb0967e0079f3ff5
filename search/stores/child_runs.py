"""What MLflow holds of a study: its child runs, its models, the runs that only continued it. Nothing here writes."""

from collections.abc import Iterator
from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.entities import LifecycleStage, LoggedModel, LoggedModelStatus, Run, ViewType
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID

from models.core import names, states
from models.core.states import STATES, is_final
from search.stores.model_folder import MODEL_FILE
from search.stores.tracking import pages, status_of, tracking_uri


@dataclass(frozen=True)
class Child:
    """A child run as MLflow shows it."""

    run_id: str
    number: int
    attempt: int
    status: str
    """MLflow's."""
    state: str
    """complete | failed | pruned, empty before the attempt has ended."""
    reason: str
    score: float | None
    weights_sha256: str
    seed: str
    config_hash: str
    models: str
    """What the search was told to do with models, when it started the trial."""
    deleted: bool

    @property
    def measured(self) -> bool:
        """Whether it has what a complete trial leaves."""
        return self.score is not None and bool(self.weights_sha256)

    @property
    def ended(self) -> bool:
        """Whether all of it was written: how it ended, and with a complete one what it reached."""
        return (
            self.state in STATES
            and self.status == status_of(self.state, self.reason)
            and (self.state != states.COMPLETE or self.measured)
        )

    @property
    def final(self) -> bool:
        return self.ended and is_final(self.state, self.reason)


def children_of(parent: Run) -> list[Child]:
    """Every attempt of a study's parent run, those in MLflow's trash included."""
    query = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{parent.info.run_id}'"
    found = pages(MlflowClient(), [parent.info.experiment_id], query, ViewType.ALL)
    return [_child(run) for run in found if names.TRIAL_NUMBER in run.data.tags]


def continuations_of(parent: Run) -> list[str]:
    """The runs of `mlflow run` that only continued the study and did not end."""
    client = MlflowClient()
    query = f"attributes.status = 'RUNNING' and tags.parent_run_id = '{parent.info.run_id}'"
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return [str(run.info.run_id) for run in pages(client, experiments, query)]


def runs_with_models(parent: Run) -> set[str]:
    """The runs that have a model which is whole, its file included."""
    return set(_models(parent.info.experiment_id))


def epochs_of(run_id: str) -> dict[int, float]:
    """val_accuracy by epoch; of the last one, what the epoch ended with and not the kept weights' value after it."""
    history = MlflowClient().get_metric_history(run_id, names.VAL_ACCURACY)
    return {metric.step: metric.value for metric in sorted(history, key=lambda each: -each.timestamp)}


def _models(experiment: str) -> Iterator[str]:
    client, token = MlflowClient(), None
    while True:
        page = client.search_logged_models([experiment], page_token=token)
        whole = (model for model in page if model.status == LoggedModelStatus.READY and _has_file(model))
        yield from (str(model.source_run_id) for model in whole)
        token = page.token
        if not token:
            return


def _has_file(model: LoggedModel) -> bool:
    store = get_artifact_repository(model.artifact_location, tracking_uri=tracking_uri())
    return any(each.path == MODEL_FILE for each in store.list_artifacts("data"))


def _child(run: Run) -> Child:
    tags = run.data.tags
    return Child(
        run_id=run.info.run_id,
        number=int(tags[names.TRIAL_NUMBER]),
        attempt=int(tags[names.ATTEMPT]),
        status=run.info.status,
        state=tags.get(names.STATE, ""),
        reason=tags.get(names.STATE_REASON, ""),
        score=run.data.metrics.get(names.VAL_ACCURACY),
        weights_sha256=tags.get(names.WEIGHTS_SHA256, ""),
        seed=tags.get("seed", ""),
        config_hash=tags.get(names.CONFIG_HASH, ""),
        models=tags.get("models", ""),
        deleted=run.info.lifecycle_stage == LifecycleStage.DELETED,
    )
