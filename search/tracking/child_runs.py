"""A study's child runs and continuations, read from MLflow. Nothing here writes."""

from dataclasses import dataclass

from mlflow import MlflowClient
from mlflow.entities import LifecycleStage, Run, ViewType
from mlflow.exceptions import MlflowException

from analysis.reading.mlflow_client import (
    children_found,
    experiments_found,
    needed,
    objective_of,
    runs_found,
    whole_number,
)
from analysis.reading.mlflow_runs import confusions_of, numbers_of
from models.core import names, states
from models.core.errors import ConfigError
from models.core.states import STATES
from models.tasks.classification import score_of_confusion
from models.tasks.objective import Objective
from search.stores.recorded import RecordedAttempt
from search.stores.states_in_stores import in_stores


@dataclass(frozen=True, kw_only=True)
class MlflowAttempt(RecordedAttempt):
    """An attempt as MLflow has it: a child run."""

    status: str
    """The run's mlflow.entities.RunStatus, as text."""
    weights_sha256: str
    models: str
    """The search's option `models` when the attempt began: which models it logs."""
    deleted: bool
    """Whether the run is in MLflow's trash."""

    @property
    def measured(self) -> bool:
        """Whether the run has the score and the weights' hash that a complete trial leaves."""
        return self.score is not None and bool(self.weights_sha256)

    @property
    def ended(self) -> bool:
        """Whether MLflow holds the final state and, for a complete trial, its scores."""
        return (
            self.state in STATES
            and self.status == in_stores(self.state, self.reason).mlflow
            and (self.state != states.COMPLETE or self.measured)
        )

    @property
    def final(self) -> bool:
        return self.ended and super().final


@dataclass(frozen=True)
class Unreadable:
    """A run below the parent whose tags do not say which attempt it holds."""

    run_id: str
    why: str


def children_of(parent: Run) -> tuple[list[MlflowAttempt], list[Unreadable]]:
    """Every attempt below a study's parent run, also in MLflow's trash; and the runs whose tags cannot be read."""
    objective = objective_of(parent)
    children: list[MlflowAttempt] = []
    unreadable: list[Unreadable] = []
    for run in children_found(MlflowClient(), parent, view=ViewType.ALL):
        if names.TRIAL_NUMBER in run.data.tags:
            try:
                children.append(_child(run, objective))
            except ConfigError as error:
                unreadable.append(Unreadable(run.info.run_id, str(error)))
    return children, unreadable


def continuations_of(parent: Run) -> list[str]:
    """IDs of the runs of `mlflow run` that only continued the study and still are RUNNING."""
    client = MlflowClient()
    query = f"attributes.status = 'RUNNING' and tags.{names.PARENT_RUN_ID} = '{parent.info.run_id}'"
    return [str(run.info.run_id) for run in runs_found(client, experiments_found(client), query)]


def epochs_of(run_id: str, objective: Objective) -> dict[int, float]:
    """The objective by epoch."""
    history = MlflowClient().get_metric_history(run_id, names.EPOCH + objective.name)
    return {metric.step: metric.value for metric in history}


def told_by_evidence(run_id: str, objective: Objective) -> tuple[float | None, float | None]:
    """The validation score by a trial's logged epochs, and the test score by its confusion matrix; None where missing.

    The scores are those of the kept epoch's weights, measured in the same way, so they agree to the last bit.
    """
    client = MlflowClient()
    kept = numbers_of(client.get_run(run_id)).get(names.BEST_EPOCH)
    score = None if kept is None else epochs_of(run_id, objective).get(int(kept))
    try:
        return score, score_of_confusion(objective.metric.name, confusions_of(client, run_id)["test"])
    except (MlflowException, OSError, ValueError, TypeError, ZeroDivisionError):
        return score, None


def _child(run: Run, objective: Objective) -> MlflowAttempt:
    tags, metrics = run.data.tags, run.data.metrics
    return MlflowAttempt(
        run_id=run.info.run_id,
        number=needed(whole_number(run, names.TRIAL_NUMBER), run, names.TRIAL_NUMBER),
        attempt=needed(whole_number(run, names.ATTEMPT), run, names.ATTEMPT),
        status=run.info.status,
        state=tags.get(names.STATE, ""),
        reason=tags.get(names.STATE_REASON, ""),
        score=metrics.get(objective.name),
        test_score=metrics.get(objective.test_name),
        weights_sha256=tags.get(names.WEIGHTS_SHA256, ""),
        seed=whole_number(run, names.SEED),
        config_hash=tags.get(names.CONFIG_HASH, ""),
        models=tags.get(names.MODELS, ""),
        deleted=run.info.lifecycle_stage == LifecycleStage.DELETED,
    )
