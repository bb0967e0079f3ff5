"""The child runs of a study, one an attempt. A run is looked for by its tags before it is made.

Metrics carry the worker's timestamps, so writing again after a crash adds nothing.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mlflow import MlflowClient
from mlflow.entities import Param, Run
from mlflow.utils.mlflow_tags import (
    MLFLOW_GIT_COMMIT,
    MLFLOW_PARENT_RUN_ID,
    MLFLOW_RUN_NAME,
    MLFLOW_RUN_NOTE,
    MLFLOW_SOURCE_NAME,
    MLFLOW_SOURCE_TYPE,
    MLFLOW_USER,
)

from analysis.reading.mlflow_client import children_found, whole_number
from models.core import names, states
from models.core.config import OwnConfig
from models.core.results import EpochReport, TrialResult
from models.core.states import is_final
from search.stores.databases import sync
from search.stores.states_in_stores import in_stores
from search.study.plan import PlannedTrial
from search.tracking.child_runs import continuations_of
from search.tracking.descriptions import description
from search.tracking.logged_models import drop_models, log_model
from search.tracking.mlflow_internals import fill
from search.tracking.parent_run import ParentRun
from search.tracking.records import Tie, ending_tags, epoch_metrics, final_metrics, run_tags, write_artifacts
from search.tracking.tracking_store import tracking_uri
from search.workers.outcome import Outcome

_OF_PARENT = (MLFLOW_USER, MLFLOW_SOURCE_NAME, MLFLOW_SOURCE_TYPE)


@dataclass
class _Made:
    """The facts of a child run that this process has made, kept until the run ends."""

    artifacts: str
    """The address of the run's artifacts."""
    tags: Mapping[str, str]
    params: Mapping[str, str]
    metrics: set[tuple[str, int]] = field(default_factory=set)
    """Names and epochs of the metrics that are logged."""
    has_model: bool = False
    """Whether a model was begun."""


class TrialRuns:
    """The runs below a study's parent. Only the driver writes them."""

    def __init__(self, parent: ParentRun) -> None:
        self._parent = parent
        self._client = MlflowClient()
        self._made: dict[str, _Made] = {}

    def start(
        self, planned: PlannedTrial, attempt: int, tags: Mapping[str, object], started_ms: int, new: bool = False
    ) -> str:
        """The ID of an attempt's run, which is made unless it is there. For a `new` attempt nothing is looked up."""
        run_id = None if new else self.find(planned.number, attempt)
        if run_id is not None and self._parent.data is None:  # only to be closed, without the data at hand
            return run_id
        if run_id is None:
            run_id = self._make_attempt(planned, attempt, tags, started_ms)
        self._describe(run_id, planned)
        return run_id

    def start_refit(
        self, planned: PlannedTrial, seed: int, of_run: str, tags: Mapping[str, object], started_ms: int
    ) -> str:
        """Makes a run for a trial's configuration on all of the training part; `of_run` is the trial's run.

        It carries no trial_number, so nothing counts it as a trial.
        """
        own = {
            MLFLOW_RUN_NAME: f"refit of trial-{planned.number:04d}",
            names.REFIT_OF: planned.number,
            names.REFIT_OF_RUN: of_run,
            names.SEED: seed,
        }
        run_id = self._make(planned, own | dict(tags), started_ms)
        self._describe(run_id, planned)
        return run_id

    def link(self, run_id: str) -> str:
        """The path of a run within the MLflow UI."""
        return self._parent.link(run_id)

    def has_refit(self, number: int) -> bool:
        """Whether the trial has a refit that is complete, or that failed for a reason which would come again."""
        ends = (run.data.tags for run in self._found(f"tags.{names.REFIT_OF} = '{number}'"))
        return any(is_final(tags.get(names.STATE, ""), tags.get(names.STATE_REASON, "")) for tags in ends)

    def find(self, number: int, attempt: int) -> str | None:
        query = f"tags.{names.TRIAL_NUMBER} = '{number}' and tags.{names.ATTEMPT} = '{attempt}'"
        return next((str(run.info.run_id) for run in self._found(query)), None)

    def log_epochs(self, epochs: Mapping[str, Sequence[EpochReport]]) -> None:
        """Writes per-epoch metrics by run ID, in one call a run."""
        for run_id, reports in epochs.items():
            metrics = epoch_metrics(reports)
            self._client.log_batch(run_id, metrics=metrics)
            if run_id in self._made:
                self._made[run_id].metrics.update((metric.key, metric.step) for metric in metrics)

    def finish(self, run_id: str, outcome: Outcome, with_model: bool) -> None:
        """Writes an attempt's outcome on its run and ends the run; done again, it changes nothing."""
        made = self._made.get(run_id)
        # Metrics that are there would change nothing, but MLflow's check of that costs several times the writing.
        there = made.metrics if made is not None else set()
        metrics = [each for each in epoch_metrics(outcome.history) if (each.key, each.step) not in there]
        location = made.artifacts if made is not None else self._client.get_run(run_id).info.artifact_uri
        fill(location, lambda folder: write_artifacts(folder, outcome))
        tie = None
        if isinstance(outcome.result, TrialResult) and with_model:
            tie = self.log_model(run_id, outcome.result)
        metrics += final_metrics(outcome.result, outcome.ended_ms, tie)
        tags = ending_tags(outcome)
        tags[MLFLOW_RUN_NOTE] = self._description(run_id, tags, outcome)
        self._client.log_batch(run_id, metrics=metrics, tags=run_tags(tags))
        self._terminate(run_id, outcome.state, outcome.reason, outcome.ended_ms or None)
        sync(tracking_uri())
        self._made.pop(run_id, None)

    def end(self, run_id: str, state: str, reason: str) -> None:
        """Ends a run whose metrics are there or lost, at the time that its tag says, else now."""
        self._client.log_batch(run_id, tags=run_tags({names.STATE: state, names.STATE_REASON: reason}))
        ended_ms = whole_number(self._client.get_run(run_id), names.ENDED_MS)
        self._terminate(run_id, state, reason, ended_ms or None)

    def tag(self, run_id: str, tags: Mapping[str, object]) -> None:
        """Writes tags of a run."""
        self._client.log_batch(run_id, tags=run_tags(tags))

    def score_again(self, run_id: str, scores: Mapping[str, float]) -> None:
        """Logs `scores` so that MLflow shows them, over other values that somebody logged under the same names."""
        for name, value in scores.items():
            steps = [metric.step for metric in self._client.get_metric_history(run_id, name)]
            self._client.log_metric(run_id, name, value, step=max(steps, default=-1) + 1)

    def discard(self, run_id: str) -> None:
        """Moves a run into MLflow's trash, from which `restore` brings it back."""
        self._client.delete_run(run_id)

    def restore(self, run_id: str) -> None:
        self._client.restore_run(run_id)

    def log_model(self, run_id: str, result: TrialResult) -> Tie:
        """Logs a trial's model, in place of any that the run has; the Tie connects scores that are logged later."""
        assert self._parent.data is not None
        made = self._made.get(run_id)
        if made is None or made.has_model:
            # A driver that died in the middle left half a model, and runs:/ID/model must find a complete one.
            self.drop_model(run_id)
        else:
            made.has_model = True
        tags, params = self._said(run_id)
        kept = (names.STUDY, names.TRIAL_NUMBER, names.REFIT_OF, names.CONFIG_HASH, names.SEED, names.DATA_SHA256)
        about = {name: tags[name] for name in kept if name in tags}
        objective = self._parent.objective
        scores = {name: str(result.scores[name]) for name in (objective.name, objective.test_name)}
        searched = {name: value for name, value in params.items() if not name.endswith(names.ROWS)}
        split, experiment_id = self._parent.data.split, self._parent.experiment_id
        model_id = log_model(self._client, experiment_id, run_id, result, split, about | scores, searched)
        return Tie(model_id, self._parent.data.parts)

    def add_model(self, run_id: str, result: TrialResult) -> None:
        """As `log_model`, for a run that has ended: its scores become the model's too."""
        tie = self.log_model(run_id, result)
        ended_ms = whole_number(self._client.get_run(run_id), names.ENDED_MS) or 0
        self._client.log_batch(run_id, metrics=final_metrics(result, ended_ms, tie))

    def drop_model(self, run_id: str) -> None:
        drop_models(self._client, self._parent.experiment_id, run_id)

    def close_unfinished(self, reason: str) -> None:
        """Ends runs that an earlier driver left RUNNING: this parent's children, and the runs that only continued it.

        Runs are found by the parent's ID, not by the study's name: a study of that name may run on the same server.
        """
        for run in self._found("attributes.status = 'RUNNING'"):
            self.tag(run.info.run_id, {names.STATE: states.FAILED, names.STATE_REASON: reason})
            self._terminate(run.info.run_id, states.FAILED, reason)
        for run_id in continuations_of(self._parent.run):
            if run_id != self._parent.own_run:
                self._terminate(run_id, states.FAILED, reason)

    def _terminate(self, run_id: str, state: str, reason: str, ended_ms: int | None = None) -> None:
        self._client.set_terminated(run_id, in_stores(state, reason).mlflow, ended_ms)

    def _make_attempt(self, planned: PlannedTrial, attempt: int, tags: Mapping[str, object], started_ms: int) -> str:
        own: dict[str, object] = {
            MLFLOW_RUN_NAME: f"trial-{planned.number:04d}" + (f" attempt {attempt}" if attempt else ""),
            names.TRIAL_NUMBER: planned.number,
            names.ATTEMPT: attempt,
            names.SEED: planned.seed,
        }
        before = self.find(planned.number, attempt - 1) if attempt else None
        if before is not None:
            own[names.PREVIOUS_ATTEMPT] = before
        return self._make(planned, own | dict(tags), started_ms)

    def _make(self, planned: PlannedTrial, tags: Mapping[str, object], started_ms: int) -> str:
        parent, data = self._parent, self._parent.data
        own = {key: value for key, value in parent.run.data.tags.items() if key in _OF_PARENT} | {
            MLFLOW_PARENT_RUN_ID: parent.id,
            MLFLOW_GIT_COMMIT: parent.commit,
            names.STUDY: parent.study,
            names.FORMAT: names.FORMAT_NOW,
            names.CONFIG_HASH: planned.config.hash(),
        }
        if isinstance(planned.config, OwnConfig):
            own[names.OWN_CONFIG] = planned.config.to_json()
        given = {**own, **(data.tags if data is not None else {}), **tags}
        text = {key: str(value) for key, value in given.items() if value != ""}
        text[MLFLOW_RUN_NOTE] = description(text, {}, parent.experiment_id)
        run = self._client.create_run(parent.experiment_id, start_time=started_ms, tags=text)
        params = {key: str(value) for key, value in planned.config.parameters().items()}
        self._made[run.info.run_id] = _Made(run.info.artifact_uri, text, params)
        return str(run.info.run_id)

    def _describe(self, run_id: str, planned: PlannedTrial) -> None:
        assert self._parent.data is not None
        parameters = planned.config.parameters() | self._parent.data.rows
        self._client.log_batch(run_id, params=[Param(key, str(value)) for key, value in parameters.items()])
        self._client.log_inputs(run_id, self._parent.data.inputs)

    def _said(self, run_id: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Tags and parameters of a run: those it was made with, or all where another process made it."""
        made = self._made.get(run_id)
        if made is not None:
            return made.tags, made.params
        data = self._client.get_run(run_id).data
        return data.tags, data.params

    def _description(self, run_id: str, ending: Mapping[str, object], outcome: Outcome) -> str:
        tags = dict(self._said(run_id)[0]) | {key: str(value) for key, value in ending.items()}
        scores = outcome.result.scores if outcome.result is not None else {}
        return description(tags, scores, self._parent.experiment_id, run_id)

    def _found(self, condition: str) -> Iterator[Run]:
        return children_found(self._client, self._parent.run, condition)
