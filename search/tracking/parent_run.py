"""The parent run of a study: adopted or made, found again, described, and closed."""

import getpass
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import DatasetInput, LifecycleStage, Metric, Param, Run
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import (
    MLFLOW_EXPERIMENT_PRIMARY_METRIC_GREATER_IS_BETTER,
    MLFLOW_EXPERIMENT_PRIMARY_METRIC_NAME,
    MLFLOW_GIT_COMMIT,
    MLFLOW_RUN_NAME,
    MLFLOW_RUN_NOTE,
    MLFLOW_SOURCE_NAME,
    MLFLOW_SOURCE_TYPE,
    MLFLOW_USER,
)

from analysis.command_line.program import Program
from analysis.reading.addresses import in_one_line, shown_address
from analysis.reading.mlflow_client import baselines_of, check_format, objective_of, parents_found, whole_number
from models.core import names
from models.core.errors import ConfigError
from models.data.dataset import Dataset
from models.data.splits import Split
from models.tasks.objective import Baselines, Objective
from search.stores.databases import use_few_syncs, use_wal
from search.tracking.mlflow_internals import dataset_inputs, git_commit
from search.tracking.records import run_tags
from search.tracking.tracking_store import tracking_uri
from search.tracking.ui_internals import run_link, trials_link, trials_view

_EXPERIMENT_KIND = "mlflow.experimentKind"
_MOST_PARAMS = 100  # that MLflow takes at once


@dataclass(frozen=True)
class StudyData:
    """The data of a study, as its runs describe them."""

    split: Split
    inputs: list[DatasetInput]
    tags: Mapping[str, object]

    @property
    def parts(self) -> dict[str, tuple[str, str]]:
        """By prefix of a metric's name: name and digest of the part of the data on which the metric is measured."""
        entities = zip(names.PREFIXES.values(), self.inputs, strict=True)
        return {prefix: (each.dataset.name, each.dataset.digest) for prefix, each in entities}

    @property
    def rows(self) -> dict[str, int]:
        return {f"{part}{names.ROWS}": self.split.rows(part) for part in self.split.labels}


class ParentRun:
    """The run that a study's trials lie below. Only the driver writes it."""

    def __init__(self, study: str, project: Path) -> None:
        use_few_syncs()
        self.study = study
        self.commit = git_commit(project)
        self.run: Run = None  # `open` or `look` sets both, and is called before anything else
        self.objective = Objective(names.VAL_ACCURACY)
        self.data: StudyData | None = None
        self.own_run: str | None = None
        """The run that `mlflow run` made for this command; None of other commands."""
        self._client = MlflowClient()

    @property
    def id(self) -> str:
        return str(self.run.info.run_id)

    @property
    def experiment_id(self) -> str:
        return str(self.run.info.experiment_id)

    def open(self, remembered: str | None, own_run: str | None, plan_hash: str, objective: Objective) -> None:
        """Opens the study's parent run.

        `remembered` is the parent run that the study knows of, `own_run` the run that `mlflow run` made for this
        command. A new study adopts `own_run` as its parent. For a study that has a parent, `own_run` is an invocation,
        and its description says so.

        Raises:
            ConfigError: the parent run is deleted, or can neither be found nor made in this tracking store.
        """
        self.own_run = own_run
        if remembered:
            self.look(remembered)
            self._check_alive()
            check_format(self.run)
            generation = whole_number(self.run, names.GENERATION) or 1
        else:
            generation = self._next_generation()
            self.look(own_run or self._make())
        self.objective = objective
        self._client.update_run(self.id, status="RUNNING")
        use_wal(tracking_uri())
        self._tag_as_parent(plan_hash, generation)
        self._prepare_experiment()
        if own_run and own_run != self.id:
            self._note_invocation(own_run)

    def _tag_as_parent(self, plan_hash: str, generation: int) -> None:
        tags = {
            names.STUDY: self.study,
            names.PLAN_HASH: plan_hash,
            names.FORMAT: names.FORMAT_NOW,
            names.GENERATION: generation,
            names.OBJECTIVE: self.objective.name,
            names.DIRECTION: self.objective.direction,
            MLFLOW_RUN_NAME: self.study,
        }
        known = self.run.data.tags
        self._client.log_batch(self.id, tags=run_tags({k: v for k, v in tags.items() if known.get(k) != str(v)}))

    def _prepare_experiment(self) -> None:
        """Has MLflow's UI show the experiment's training runs, and rank them by the objective."""
        if _EXPERIMENT_KIND in self._client.get_experiment(self.experiment_id).tags:
            return
        for tag, value in (
            # Without a kind the UI takes an experiment for one of prompts and traces, and hides the training runs.
            (_EXPERIMENT_KIND, "custom_model_development"),
            (MLFLOW_EXPERIMENT_PRIMARY_METRIC_NAME, self.objective.name),
            (MLFLOW_EXPERIMENT_PRIMARY_METRIC_GREATER_IS_BETTER, str(self.objective.direction == "maximize")),
        ):
            self._client.set_experiment_tag(self.experiment_id, tag, value)

    def look(self, run_id: str) -> None:
        """Reads a parent run without opening it.

        Raises:
            ConfigError: it cannot be found in this tracking store.
        """
        try:
            self.run = self._client.get_run(run_id)
            self.objective = objective_of(self.run)
        except MlflowException as error:
            raise ConfigError(
                f"the study's parent run must be had in the tracking store, {shown_address(tracking_uri())}; for "
                f"another store start the study under another name, got: {in_one_line(error)}"
            ) from None

    @property
    def deleted(self) -> bool:
        return bool(self.run.info.lifecycle_stage == LifecycleStage.DELETED)

    @property
    def experiment_deleted(self) -> bool:
        return bool(self._client.get_experiment(self.experiment_id).lifecycle_stage == LifecycleStage.DELETED)

    def restore_experiment(self) -> None:
        self._client.restore_experiment(self.experiment_id)

    def note_plan(self, plan_hash: str, planned: int) -> None:
        """Writes the plan's hash and size."""
        tags: dict[str, object] = {names.PLAN_HASH: plan_hash, names.PLANNED_TRIALS: planned}
        self._client.log_batch(self.id, tags=run_tags(tags))

    def show_trials(self, objective: Objective, tested: bool, searched: Sequence[str]) -> None:
        """Saves the view of the study's trials that `trials_link` opens in MLflow's UI."""
        tag, view = trials_view(self.study, self.id, int(self.run.info.start_time), objective, tested, searched)
        self._client.set_experiment_tag(self.experiment_id, tag, view)

    def resolve(self, settings: Mapping[str, object]) -> None:
        """Writes the study's settings, where `mlflow run` has logged only that an option was left to the study.

        MLflow's parameters cannot be changed, and `mlflow run` logs its own under the options' names. So the settings
        have names of their own. They are written once: the settings that decide a study's trials never change.
        """
        known = self.run.data.params
        named = {names.RESOLVED + key: str(value) for key, value in settings.items()}
        fresh = [Param(key, value) for key, value in named.items() if key not in known]
        for start in range(0, len(fresh), _MOST_PARAMS):
            self._client.log_batch(self.id, params=fresh[start : start + _MOST_PARAMS])

    def describe(self, dataset: Dataset, split: Split, facts: Mapping[str, object]) -> None:
        """Writes the data with its hash, and `facts` as tags."""
        tags: dict[str, object] = {
            names.DATA_SHA256: dataset.sha256,
            names.DATASET: dataset.name,
            names.DATASET_LOCATION: dataset.location,
            names.TASK: dataset.target.task,
            names.CLASSES: json.dumps([str(name) for name in split.target.class_names])[:5000],
        }
        self.data = StudyData(split, dataset_inputs(dataset, split), tags)
        self._client.log_inputs(self.id, self.data.inputs)
        self._client.log_batch(self.id, tags=run_tags(tags | self.data.rows | dict(facts)))

    def note_baselines(self, found: Baselines) -> None:
        """Writes the baselines' scores, unless the run has them."""
        if baselines_of(self.run) != found:
            self._client.log_batch(self.id, tags=run_tags({names.BASELINES: json.dumps(found)}))
            self.look(self.id)

    def attach(self, files: Mapping[str, str] | None = None, paths: Sequence[Path] = (), folder: str = "") -> None:
        """Writes text files by name, and files by path, as artifacts. A file of the same name is replaced."""
        for name, text in (files or {}).items():
            self._client.log_text(self.id, text, name)
        for path in paths:
            self._client.log_artifact(self.id, str(path), folder or None)

    def summarise(
        self, curve: Mapping[int, float], scores: Mapping[str, float], runs: Mapping[str, str], note: str, trials: int
    ) -> None:
        """Writes the headline: `best_of_n` with step N, so that the UI draws the curve; `scores`, and `runs` as tags.

        `trials`, the number of finished trials, is the step of `scores`: MLflow shows the value of the highest step.
        """
        # The timestamp never changes: a curve that is written again unchanged adds nothing.
        at = int(self.run.info.start_time)
        metrics = [Metric(names.BEST_OF_N, value, at, n) for n, value in curve.items()]
        metrics += [Metric(name, value, at, trials) for name, value in scores.items()]
        self._client.log_batch(self.id, metrics=metrics, tags=run_tags({MLFLOW_RUN_NOTE: note} | dict(runs)))

    def has_report_of(self, digest: str) -> bool:
        """Whether the attached report was made from the trials table of this digest."""
        return bool(self.run.data.tags.get(names.REPORT_OF) == digest)

    def set_report_of(self, digest: str) -> None:
        self._client.set_tag(self.id, names.REPORT_OF, digest)

    def note_stop(self, stopped_at: int | None) -> None:
        """Notes at how many plan numbers the stop rule ended the search: the sample size was not fixed before."""
        tags: dict[str, object] = {names.STOPPED_AT: ""}
        if stopped_at is not None:
            tags = {names.STOPPED_AT: stopped_at, names.STOPPED_EARLY: "true"}
        if stopped_at is not None or names.STOPPED_AT in self.run.data.tags:
            self._client.log_batch(self.id, tags=run_tags(tags))

    def close(self, status: str) -> None:
        self._client.set_terminated(self.id, status)

    def link(self, run_id: str, artifact: str = "") -> str:
        """The path of one of the study's runs within the MLflow UI, or of one of its artifacts."""
        return run_link(self.experiment_id, run_id, artifact)

    @property
    def trials_link(self) -> str:
        """The path of the study's trials, the best first, within the MLflow UI."""
        return trials_link(self.experiment_id, self.id)

    def _check_alive(self) -> None:
        if self.experiment_deleted:
            what, how = f"its experiment {self.experiment_id}", f"experiments restore -x {self.experiment_id}"
        elif self.deleted:
            what, how = f"its parent run {self.id}", f"runs restore --run-id {self.id}"
        else:
            return
        raise ConfigError(
            f"a study goes on where its runs are, got {self.study!r}, of which {what} is in MLflow's trash: "
            f"`mlflow {how}` brings it back, as the doctor does with repair=true"
        )

    def _next_generation(self) -> int:
        """One more than the highest generation among the parent runs of the study's name."""
        found = [whole_number(run, names.GENERATION) or 0 for run in parents_found(self._client, self.study)]
        return 1 + max(found, default=0)

    def _note_invocation(self, own_run: str) -> None:
        invocation = {
            names.STUDY: self.study,
            names.PARENT_RUN_ID: self.id,
            MLFLOW_RUN_NAME: f"{self.study} (again)",
            MLFLOW_RUN_NOTE: f"This run only continued the study: see [its parent run]({self.link(self.id)}).",
        }
        self._client.log_batch(own_run, tags=run_tags(invocation))

    def _make(self) -> str:
        experiment = os.environ.get("MLFLOW_EXPERIMENT_ID")
        if not experiment:
            name = os.environ.get("MLFLOW_EXPERIMENT_NAME") or self.study
            found = self._client.get_experiment_by_name(name)
            if found is not None and found.lifecycle_stage == LifecycleStage.DELETED:
                raise ConfigError(
                    f"the experiment of a study must not be deleted, got {name!r} in MLflow's trash: `mlflow "
                    f"experiments restore -x {found.experiment_id}` brings it back; or start under another name"
                )
            experiment = found.experiment_id if found is not None else self._client.create_experiment(name)
        tags = {
            MLFLOW_RUN_NAME: self.study,
            MLFLOW_GIT_COMMIT: self.commit,
            MLFLOW_USER: _user(),
            MLFLOW_SOURCE_NAME: Program.of_process().start,
            MLFLOW_SOURCE_TYPE: "LOCAL",
        }
        run = self._client.create_run(experiment, tags={key: value for key, value in tags.items() if value})
        return str(run.info.run_id)


def _user() -> str:
    """The user's name; empty where there is none: a container's user may have no entry in passwd."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""
