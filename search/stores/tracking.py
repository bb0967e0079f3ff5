"""The search in MLflow: one parent run a study, one child run an attempt. Only the driver writes.

Everything is found by its tags before it is made, and metrics carry the worker's timestamps, so writing again after a
crash adds nothing. MlflowClient alone, never the fluent interface: that one follows MLFLOW_RUN_ID and would reopen,
rename and end the run that `mlflow run` made.
"""

import getpass
import json
import logging
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from models.core import names, states
from models.core.errors import ConfigError
from models.core.results import EpochReport, TrialResult
from search.stores.databases import (
    check_sqlite,
    check_writable,
    in_one_line,
    sqlite_file,
    sync,
    use_few_syncs,
    use_wal,
    without_secrets,
)

# Set before the import: MLflow's own waits (120 s, seven times) would hold the whole search for a server that is away.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # two lines a trial, through the progress

import mlflow
from mlflow import MlflowClient
from mlflow.entities import DatasetInput, LoggedModel, LoggedModelOutput, Metric, Param, Run, ViewType
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.utils.mlflow_tags import (
    MLFLOW_GIT_COMMIT,
    MLFLOW_LOGGED_ARTIFACTS,
    MLFLOW_PARENT_RUN_ID,
    MLFLOW_PROJECT_ENV,
    MLFLOW_RUN_NAME,
    MLFLOW_RUN_NOTE,
    MLFLOW_SOURCE_NAME,
    MLFLOW_SOURCE_TYPE,
    MLFLOW_USER,
)

from models.core.states import is_final
from models.data.dataset import Dataset
from models.data.splits import Split
from search.stores.mlflow_records import ENVIRONMENT, dataset_inputs, epoch_metrics, run_tags, write_artifacts
from search.stores.model_folder import write_model_folder
from search.study.plan import PlannedTrial
from search.workers.outcome import Outcome

logging.getLogger("mlflow").setLevel(logging.WARNING)  # how it makes its tables is of no interest to a user
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # prints the traceback of what it then raises

TrackingError = (MlflowException, OSError)
"""What MLflow raises when its store is away: the outcome waits in the outbox meanwhile."""
_REFUSALS = (
    "RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "INVALID_STATE", "RESOURCE_ALREADY_EXISTS", "NOT_FOUND",
    "ENDPOINT_NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED",
)  # fmt: skip

MODEL_NAME = "model"
_EXPERIMENT_KIND = "mlflow.experimentKind"
_STATUS = {states.COMPLETE: "FINISHED", states.PRUNED: "FINISHED", states.FAILED: "FAILED"}


def status_of(state: str, reason: str) -> str:
    """MLflow's status of a run that ended so."""
    return _STATUS[state] if is_final(state, reason) else "KILLED"


def tracking_uri() -> str:
    return str(mlflow.get_tracking_uri())


def check_tracking() -> None:
    """Raises ConfigError unless the tracking store answers, or can be made; makes nothing."""
    uri = tracking_uri()
    file = sqlite_file(uri)
    if file is not None:
        check_writable(file.parent, "the tracking store")
        check_sqlite(file, "the tracking store")
        return
    try:
        address = urlsplit(uri)
        if address.hostname is not None:  # a closed port says so at once, MLflow's client only after its retries
            port = address.port or {"http": 80}.get(address.scheme, 443)
            socket.create_connection((address.hostname, port), timeout=10).close()
        MlflowClient().search_experiments(max_results=1)
    except Exception as error:  # whatever keeps it from answering, the user has to hear it in one line
        raise ConfigError(
            f"MLFLOW_TRACKING_URI must be a tracking server that answers, got {without_secrets(uri)!r}: "
            f"{in_one_line(error)}"
        ) from None


def refuses(error: BaseException) -> bool:
    """Whether the store has answered, and would say the same again: something is deleted, or may not be written."""
    return isinstance(error, MlflowException) and error.error_code in _REFUSALS


def tracking_ui() -> str | None:
    """The address of the tracking server's own UI, when there is a server."""
    uri = tracking_uri()
    return without_secrets(uri).rstrip("/") if uri.startswith("http") else None


def refuse_run(run_id: str, reason: str) -> None:
    """Ends the run that `mlflow run` made for a command which cannot be carried out, with the reason on it."""
    client = MlflowClient()
    client.log_batch(run_id, tags=run_tags({names.STATE: states.FAILED, names.STATE_REASON: reason}))
    client.set_terminated(run_id, "FAILED")


def note_run(run_id: str, name: str, note: str, tags: Mapping[str, str]) -> None:
    """Says on the run that `mlflow run` made what the command found; that run is all it leaves behind."""
    named = {MLFLOW_RUN_NAME: name, MLFLOW_RUN_NOTE: note}
    MlflowClient().log_batch(run_id, tags=run_tags(named | dict(tags)))


@dataclass
class _Made:
    """What is known of a child run that this process has made, until it is finished."""

    artifacts: str
    """Where its artifacts lie."""
    metrics: set[tuple[str, int]] = field(default_factory=set)
    """Names and epochs of those that are there."""
    has_model: bool = False
    """Whether one was begun."""


class Tracking:
    """The parent run of one study and the children below it."""

    def __init__(self, study: str, project: Path) -> None:
        use_few_syncs()
        self._study = study
        self._client = MlflowClient()
        self._commit = git_commit(project)
        self._datasets: list[DatasetInput] = []
        self._split: Split | None = None
        self._data: dict[str, object] = {}
        self._own_run: str | None = None
        self._made: dict[str, _Made] = {}
        self.parent: Run = None  # set by open_parent, before anything else is called

    @property
    def parent_id(self) -> str:
        return str(self.parent.info.run_id)

    @property
    def experiment_id(self) -> str:
        return str(self.parent.info.experiment_id)

    def open_parent(self, remembered: str | None, own_run: str | None, plan_hash: str) -> str:
        """Opens the study's parent run and returns its ID.

        `remembered` is the parent that the study knows of; `own_run` the run that `mlflow run` made for this command.
        A new study adopts it as its parent; for one that has a parent already it is an invocation, and says so.

        Raises:
            ConfigError: the run cannot be found or made in this tracking store.
        """
        self._own_run = own_run

        def open_it() -> str:
            parent_id = remembered or own_run or self._new_parent()
            self._client.update_run(parent_id, status="RUNNING")
            return parent_id

        parent_id = self._read_parent(open_it)
        use_wal(tracking_uri())
        tags = {"study": self._study, names.PLAN_HASH: plan_hash}
        if self.parent.data.tags.get(MLFLOW_RUN_NAME) != self._study:
            tags[MLFLOW_RUN_NAME] = self._study
        self._client.log_batch(parent_id, tags=run_tags(tags))
        if _EXPERIMENT_KIND not in self._client.get_experiment(self.experiment_id).tags:
            # Without it the UI takes an experiment for one of prompts and traces, and hides the training runs.
            self._client.set_experiment_tag(self.experiment_id, _EXPERIMENT_KIND, "custom_model_development")
        if own_run and own_run != parent_id:
            link = f"This run only continued the study: see [its parent run]({self.link(parent_id)})."
            invocation = {
                "study": self._study,
                names.PARENT_RUN_ID: parent_id,
                MLFLOW_RUN_NAME: f"{self._study} (again)",
                MLFLOW_RUN_NOTE: link,
            }
            self._client.log_batch(own_run, tags=run_tags(invocation))
        return parent_id

    def look_at_parent(self, parent_id: str) -> None:
        """Takes a parent run as it is, without opening it.

        Raises:
            ConfigError: it cannot be found in this tracking store.
        """
        self._read_parent(lambda: parent_id)

    def _read_parent(self, find: Callable[[], str]) -> str:
        try:
            parent_id = find()
            self.parent = self._client.get_run(parent_id)
        except MlflowException as error:
            raise ConfigError(
                f"the study's parent run must be had in the tracking store, {without_secrets(tracking_uri())}; for "
                f"another store start the study under another name, got: {in_one_line(error)}"
            ) from None
        return parent_id

    def note_plan(self, plan_hash: str) -> None:
        self._client.log_batch(self.parent_id, tags=run_tags({names.PLAN_HASH: plan_hash}))

    def describe(self, dataset: Dataset, split: Split, facts: Mapping[str, object]) -> None:
        """What the study rests on: the data with its hash, and `facts` as tags of the parent."""
        self._split = split
        self._datasets = dataset_inputs(dataset, split)
        self._client.log_inputs(self.parent_id, self._datasets)
        rows = {f"{part}_rows": split.rows(part) for part in split.labels}
        self._data = {
            names.DATA_SHA256: dataset.sha256,
            "dataset": dataset.name,
            names.DATASET_LOCATION: dataset.location,
        }
        self._client.log_batch(self.parent_id, tags=run_tags(self._data | rows | dict(facts)))

    def attach(self, files: Mapping[str, str] | None = None, paths: Sequence[Path] = (), folder: str = "") -> None:
        """Text files by name, and files by path, as artifacts of the parent; written again, they are replaced."""
        for name, text in (files or {}).items():
            self._client.log_text(self.parent_id, text, name)
        for path in paths:
            self._client.log_artifact(self.parent_id, str(path), folder or None)

    def start_trial(
        self, planned: PlannedTrial, attempt: int, tags: Mapping[str, object], started_ms: int, new: bool = False
    ) -> str:
        """The child run of an attempt, made unless it is there; looking for it is spared when the attempt is `new`."""
        run_id = None if new else self.find_trial(planned.number, attempt)
        if run_id is not None and self._split is None:  # only to be closed, without the data at hand
            return run_id
        if run_id is None:
            run_id = self._create_trial(planned, attempt, tags, started_ms)
        self._describe_child(run_id, planned)
        return run_id

    def start_refit(
        self, planned: PlannedTrial, seed: int, of_run: str, tags: Mapping[str, object], started_ms: int
    ) -> str:
        """A run for a trial's configuration on all of the training part; without a trial's number, so that it is none.

        `of_run` is the trial's own run.
        """
        own = {
            MLFLOW_RUN_NAME: f"refit of trial-{planned.number:04d}",
            MLFLOW_RUN_NOTE: f"Trained on all of the training part: the best of [the trials]({self.link(of_run)}).",
            names.REFIT_OF: planned.number,
            names.REFIT_OF_RUN: of_run,
            "seed": seed,
        }
        run_id = self._create_child(planned, own | dict(tags), started_ms)
        self._describe_child(run_id, planned)
        return run_id

    def has_refit(self, number: int) -> bool:
        """Whether the trial's configuration is refitted, or failed at that as it would again."""
        ends = (run.data.tags for run in self._children(f"tags.refit_of = '{number}'"))
        return any(is_final(tags.get(names.STATE, ""), tags.get(names.STATE_REASON, "")) for tags in ends)

    def _describe_child(self, run_id: str, planned: PlannedTrial) -> None:
        assert self._split is not None
        rows = {f"{part}_rows": self._split.rows(part) for part in self._split.labels}
        parameters = planned.config.parameters() | rows
        self._client.log_batch(run_id, params=[Param(key, str(value)) for key, value in parameters.items()])
        self._client.log_inputs(run_id, self._datasets)

    def _create_trial(self, planned: PlannedTrial, attempt: int, tags: Mapping[str, object], started_ms: int) -> str:
        own: dict[str, object] = {
            MLFLOW_RUN_NAME: f"trial-{planned.number:04d}" + (f" attempt {attempt}" if attempt else ""),
            names.TRIAL_NUMBER: planned.number,
            names.ATTEMPT: attempt,
            "seed": planned.seed,
        }
        before = self.find_trial(planned.number, attempt - 1) if attempt else None
        if before is not None:
            own[names.PREVIOUS_ATTEMPT] = before
            own[MLFLOW_RUN_NOTE] = f"Trial {planned.number} again: [attempt {attempt - 1}]({self.link(before)})"
        return self._create_child(planned, own | dict(tags), started_ms)

    def _create_child(self, planned: PlannedTrial, tags: Mapping[str, object], started_ms: int) -> str:
        shown = (MLFLOW_USER, MLFLOW_SOURCE_NAME, MLFLOW_SOURCE_TYPE)
        own = {key: value for key, value in self.parent.data.tags.items() if key in shown} | {
            MLFLOW_PARENT_RUN_ID: self.parent_id,
            "study": self._study,
            names.CONFIG_HASH: planned.config.hash(),
            MLFLOW_GIT_COMMIT: self._commit,
        }
        text = {key: str(value) for key, value in {**own, **self._data, **tags}.items() if value != ""}
        run = self._client.create_run(self.experiment_id, start_time=started_ms, tags=text)
        self._made[run.info.run_id] = _Made(run.info.artifact_uri)
        return str(run.info.run_id)

    def find_trial(self, number: int, attempt: int) -> str | None:
        runs = self._children(f"tags.trial_number = '{number}' and tags.attempt = '{attempt}'")
        return next((str(run.info.run_id) for run in runs), None)

    def log_epochs(self, epochs: Mapping[str, Sequence[EpochReport]]) -> None:
        """Per-epoch metrics of children by run ID: one call a child, however many epochs have come together."""
        for run_id, reports in epochs.items():
            metrics = epoch_metrics(reports)
            self._client.log_batch(run_id, metrics=metrics)
            if run_id in self._made:
                self._made[run_id].metrics.update((metric.key, metric.step) for metric in metrics)

    def finish_trial(self, run_id: str, outcome: Outcome, with_model: bool) -> None:
        """Everything that an attempt's outcome leaves on its child run; done again, it changes nothing."""
        made = self._made.get(run_id)
        # What is there would change nothing, but finding that out costs MLflow several times the writing.
        there = made.metrics if made is not None else set()
        metrics = [each for each in epoch_metrics(outcome.history) if (each.key, each.step) not in there]
        tags: dict[str, object] = {names.STATE: outcome.state, names.STATE_REASON: outcome.reason}
        tags |= {f"{ENVIRONMENT}{name}": value for name, value in outcome.environment.items()}
        result = outcome.result
        if result is not None:
            # At the last epoch's step but later, so that MLflow shows the kept weights' value as the metric's latest.
            last = max(each.epoch for each in outcome.history)
            metrics += [Metric(key, value, outcome.ended_ms, last) for key, value in result.metrics.items()]
            tags[names.WEIGHTS_SHA256] = result.weights_sha256
            tags[MLFLOW_LOGGED_ARTIFACTS] = json.dumps(
                [{"path": f"per_class_{part}.json", "type": "table"} for part in result.per_class]
            )
        location = made.artifacts if made is not None else self._client.get_run(run_id).info.artifact_uri
        _fill(location, lambda folder: write_artifacts(folder, outcome))
        if isinstance(result, TrialResult) and with_model:
            self.log_model(run_id, result)
        self._client.log_batch(run_id, metrics=metrics, tags=run_tags(tags))
        self._client.set_terminated(run_id, status_of(outcome.state, outcome.reason), outcome.ended_ms or None)
        sync(tracking_uri())
        self._made.pop(run_id, None)

    def end_trial(self, run_id: str, state: str, reason: str) -> None:
        """Ends a child run whose metrics are there or lost; a complete one at the time that its final ones carry."""
        self._client.log_batch(run_id, tags=run_tags({names.STATE: state, names.STATE_REASON: reason}))
        history = self._client.get_metric_history(run_id, names.N_PARAMETERS) if state == states.COMPLETE else []
        ended = max((metric.timestamp for metric in history), default=None)
        self._client.set_terminated(run_id, status_of(state, reason), ended)

    def discard(self, run_id: str) -> None:
        """Into MLflow's trash, from which `restore` brings it back."""
        self._client.delete_run(run_id)

    def restore(self, run_id: str) -> None:
        self._client.restore_run(run_id)

    def log_model(self, run_id: str, result: TrialResult) -> None:
        """The Keras model that the worker saved, as an MLflow model; made here without importing TensorFlow."""
        assert self._split is not None
        split, made = self._split, self._made.get(run_id)
        if made is None or made.has_model:
            # A driver that died in the middle left half a model: runs:/ID/model must find one, whole.
            self.drop_model(run_id)
        else:
            made.has_model = True
        logged = self._client.create_logged_model(self.experiment_id, name=MODEL_NAME, source_run_id=run_id)
        _fill(
            logged.artifact_location,
            lambda folder: write_model_folder(folder, result.model, split, run_id, logged.model_id),
        )
        self._client.finalize_logged_model(logged.model_id, "READY")
        self._client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=result.best_epoch)])

    def drop_model(self, run_id: str) -> None:
        for model in logged_models(self._client, self.experiment_id, run_id):
            self._client.delete_logged_model(model.model_id)

    def close_unfinished(self, reason: str) -> None:
        """Ends what a driver that is gone left RUNNING: this parent's children, and the runs that only continued it.

        By the parent's ID, never by the study's name: another study of that name may be running on the same server.
        """
        for run in self._children("attributes.status = 'RUNNING'"):
            self._client.log_batch(
                run.info.run_id, tags=run_tags({names.STATE: states.FAILED, names.STATE_REASON: reason})
            )
            self._client.set_terminated(run.info.run_id, "KILLED")
        experiments = [experiment.experiment_id for experiment in self._client.search_experiments()]
        continued = f"attributes.status = 'RUNNING' and tags.parent_run_id = '{self.parent_id}'"
        for run in pages(self._client, experiments, continued):
            if run.info.run_id != self._own_run:
                self._client.set_terminated(run.info.run_id, "KILLED")

    def summarise(self, curve: Mapping[int, float], runs: Mapping[str, str], note: str) -> None:
        """The headline on the parent: `best_of_n` with step N, so that the UI draws the curve, and children by tag."""
        # One timestamp for ever: written again unchanged, the curve adds nothing.
        at = int(self.parent.info.start_time)
        metrics = [Metric("best_of_n", value, at, n) for n, value in curve.items()]
        self._client.log_batch(self.parent_id, metrics=metrics, tags=run_tags({MLFLOW_RUN_NOTE: note} | dict(runs)))

    def has_report_of(self, digest: str) -> bool:
        """Whether the report on the parent was made from the trials table of this digest."""
        return bool(self.parent.data.tags.get(names.REPORT_OF) == digest)

    def set_report_of(self, digest: str) -> None:
        self._client.set_tag(self.parent_id, names.REPORT_OF, digest)

    def stopped(self, stopped_at: int | None) -> None:
        """Notes that the stop rule ended the search with so many plan numbers: the sample size was not fixed before."""
        tags = (
            {names.STOPPED_AT: stopped_at, names.STOPPED_EARLY: "true"}
            if stopped_at is not None
            else {names.STOPPED_AT: ""}
        )
        if stopped_at is not None or names.STOPPED_AT in self.parent.data.tags:
            self._client.log_batch(self.parent_id, tags=run_tags(tags))

    def close_parent(self, status: str) -> None:
        self._client.set_terminated(self.parent_id, status)

    def launcher(self, own_run: str | None) -> str:
        """The command that started this one, without its parameters."""
        if own_run is None:
            return "python -m search"
        try:
            tags = self._client.get_run(own_run).data.tags
        except TrackingError:
            return "mlflow run ."
        manager = {"conda": ""}.get(tags.get(MLFLOW_PROJECT_ENV, ""), tags.get(MLFLOW_PROJECT_ENV, "local"))
        return "mlflow run ." + (f" --env-manager {manager}" if manager else "")

    def link(self, run_id: str) -> str:
        """The path of a run of the study within the MLflow UI."""
        return f"#/experiments/{self.experiment_id}/runs/{run_id}"

    def _new_parent(self) -> str:
        experiment = os.environ.get("MLFLOW_EXPERIMENT_ID")
        if not experiment:
            name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or self._study
            found = self._client.get_experiment_by_name(name)
            experiment = found.experiment_id if found is not None else self._client.create_experiment(name)
        tags = {
            MLFLOW_RUN_NAME: self._study,
            MLFLOW_GIT_COMMIT: self._commit,
            MLFLOW_USER: getpass.getuser(),
            MLFLOW_SOURCE_NAME: "python -m search",
            MLFLOW_SOURCE_TYPE: "LOCAL",
        }
        run = self._client.create_run(experiment, tags={key: value for key, value in tags.items() if value})
        return str(run.info.run_id)

    def _children(self, condition: str) -> Iterator[Run]:
        query = f"tags.`{MLFLOW_PARENT_RUN_ID}` = '{self.parent_id}' and {condition}"
        return pages(self._client, [self.experiment_id], query)


def logged_models(client: MlflowClient, experiment_id: str, run_id: str) -> list[LoggedModel]:
    """All models that a run has, half-made ones included."""
    return list(client.search_logged_models([experiment_id], filter_string=f"source_run_id = '{run_id}'"))


def git_commit(project: Path) -> str:
    """The commit that the project stands at, or an empty text outside a checkout."""
    from mlflow.utils.git_utils import get_git_commit

    return get_git_commit(str(project)) or ""


def _fill(location: str, write: Callable[[Path], None]) -> None:
    """Has `write` make the files of an artifact location: in place where that is a folder here, else by way of one."""
    store = get_artifact_repository(location, tracking_uri=tracking_uri())
    if isinstance(store, LocalArtifactRepository):
        folder = Path(store.artifact_dir)
        folder.mkdir(parents=True, exist_ok=True)
        write(folder)
        return
    with tempfile.TemporaryDirectory() as temporary:
        write(Path(temporary))
        if any(Path(temporary).iterdir()):
            store.log_artifacts(temporary)


def pages(
    client: MlflowClient, experiments: Sequence[str], query: str, view: str = ViewType.ACTIVE_ONLY
) -> Iterator[Run]:
    """All runs that a query finds, however many."""
    token = None
    while True:
        page = client.search_runs(list(experiments), query, run_view_type=view, max_results=1000, page_token=token)
        yield from page
        token = page.token
        if not token:
            return
