"""The study in Optuna's storage. Only the driver writes it, so nothing here guards against a second writer."""

import io
import json
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.artifacts import ArtifactMeta, FileSystemArtifactStore
from optuna.distributions import BaseDistribution
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from models.core import names, states
from models.core.errors import ConfigError
from models.core.results import EpochReport
from models.tasks.objective import Objective
from search.stores.databases import sync, use_few_syncs, use_wal
from search.stores.optuna_attempts import ASIDE, ATTRIBUTES, OptunaAttempt, attempts_in, is_ours, study_id_of
from search.stores.optuna_internals import insert_trial, picture_attribute, read_trials, write_note, write_trial
from search.stores.paths import optuna_artifacts
from search.stores.pruners import make_pruner
from search.stores.states_in_stores import in_stores
from search.study.identity import OtherSettings, differences, identity_of
from search.study.plan import Plan, PlannedTrial
from search.study.settings import StudySettings
from search.workers.outcome import Outcome

Values = Mapping[int, float]

NOTED = 500
"""Trials with numbers below this have a note with a link in the dashboard."""


class StudyStore:
    """The Optuna study of a search, under the same name. `lock` holds the study, or raises.

    Raises:
        OtherSettings: on opening, when the study exists with settings that make other trials.
    """

    def __init__(
        self,
        url: str,
        settings: StudySettings,
        data_sha256: str,
        objective: Objective,
        lock: Callable[[], None] = lambda: None,
    ) -> None:
        self.lock, self.objective = lock, objective
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._url = url
        use_few_syncs()
        self._storage = RDBStorage(url)
        use_wal(url)
        is_new = study_id_of(self._storage, settings.name) is None
        # The sampler draws nothing here: every trial comes with the plan's parameters.
        self._study = optuna.create_study(
            storage=self._storage,
            study_name=settings.name,
            direction=objective.direction,
            sampler=optuna.samplers.RandomSampler(seed=settings.seed),
            pruner=make_pruner(settings.pruner),
            load_if_exists=True,
        )
        self._study_id = self._storage.get_study_id_from_name(settings.name)
        identity = identity_of(settings, data_sha256)
        self._check_identity(settings.name, json.loads(json.dumps(identity)), is_new)
        if is_new:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                self._study.set_metric_names([objective.name])  # the dashboard labels its axes so
        for key, value in {"settings": identity, names.SAMPLER: settings.sampler, names.SEED: settings.seed}.items():
            if self._study.user_attrs.get(key) is None:
                self._study.set_user_attr(key, value)
        self.prunes = settings.pruner != "none"
        self._artifacts = optuna_artifacts(url)
        self._read: list[tuple[int, OptunaAttempt]] | None = None
        self._load()

    def _check_identity(self, name: str, identity: Mapping[str, Any], is_new: bool) -> None:
        stored = self._study.user_attrs.get("settings")
        if stored is None:
            if not is_new and read_trials(self._storage, self._study_id, ()):
                raise ConfigError(f"name must be that of a new study or of one made here, got {name!r}")
            return
        if stored.get(names.FORMAT, "1") != names.FORMAT_NOW:
            raise ConfigError(
                f"a study goes on with the version of this project that began it, or one with the same names of "
                f"metrics ({names.FORMAT} {names.FORMAT_NOW}); start another with a new name, got {name!r} with "
                f"{names.FORMAT} {stored.get(names.FORMAT, '1')}"
            )
        if stored != identity:
            raise OtherSettings(
                f"a study keeps the settings that decide its trials; start another with a new name, got "
                f"{'; '.join(differences(stored, identity))}",
                self.parent_run_id,
            )

    def check_plan(self, plan: Plan) -> None:
        """Raises ConfigError unless every attempt so far is one of the plan's trials."""
        for each in self.attempts():
            planned = plan.get(each.number)
            if planned is not None and not plan.holds(each.number, each.seed, each.config_hash):
                raise ConfigError(
                    f"a study's trials must be those of its plan, so that it can be extended and replayed; start "
                    f"another with a new name, got trial {each.number} with seed {each.seed} and configuration "
                    f"{each.config_hash}, planned with {planned.seed} and {planned.config.hash()}"
                )

    @property
    def parent_run_id(self) -> str | None:
        return self._study.user_attrs.get(names.PARENT_RUN_ID)

    @property
    def plan_hash(self) -> str:
        """The hash of the plan that the study was last extended to; empty before the first plan."""
        return str(self._study.user_attrs.get(names.PLAN_HASH, ""))

    def remember(self, **attributes: str | int) -> None:
        """Keeps facts as attributes of the study; by `parent_run_id` the next start finds the MLflow run."""
        for key, value in attributes.items():
            if self._study.user_attrs.get(key) != value:
                self._study.set_user_attr(key, value)

    def attempts(self) -> list[OptunaAttempt]:
        """Every attempt, in the order of creation."""
        return [attempt for _, attempt in self._stored()]

    def strangers(self) -> list[int]:
        """Optuna's numbers of the trials that no driver made."""
        rows, aside = read_trials(self._storage, self._study_id, ATTRIBUTES), self._aside()
        return [row.number for row in rows if not is_ours(row) and row.number not in aside]

    def close_strangers(self) -> None:
        """Ends trials that somebody enqueued or asked for by hand: no driver will run them."""
        for row in read_trials(self._storage, self._study_id, ATTRIBUTES):
            if not is_ours(row) and not row.state.is_finished():
                self._storage.set_trial_state_values(row.trial_id, TrialState.FAIL)

    def set_aside(self, trial: int) -> None:
        """Leaves one of Optuna's trials out from now on. Optuna can neither change nor delete a finished trial."""
        self._study.set_user_attr(ASIDE, sorted({*self._aside(), trial}))
        self._load()

    def record(
        self, planned: PlannedTrial, ended: OptunaAttempt, distributions: Mapping[str, BaseDistribution], epochs: Values
    ) -> None:
        """Ends an attempt as MLflow has it; `epochs` is the objective by epoch.

        An attempt that runs in Optuna is ended. Any other is added as a new trial: a finished trial cannot be changed.
        """
        attributes: dict[str, object] = {names.RUN_ID: ended.run_id}
        attributes |= {names.STATE_REASON: ended.reason} if ended.reason else {}
        attributes |= {self.objective.test_name: ended.test_score} if ended.test_score is not None else {}
        running = self._running.get((planned.number, ended.attempt))
        if running is not None:
            write_trial(self._storage, running.trial_id, epochs, attributes)
            self._end(running.trial_id, ended.state, ended.score)
        else:
            trial = optuna.trial.create_trial(
                state=_optuna_state(ended.state),
                value=ended.score,
                params=dict(planned.parameters),
                distributions=dict(distributions),
                user_attrs=_identity(planned, ended.attempt) | attributes,
                intermediate_values=dict(epochs),
            )
            self._study.add_trial(trial)
        self._load()

    def ask(self, planned: PlannedTrial, attempt: int, distributions: Mapping[str, BaseDistribution]) -> None:
        """Makes the attempt a running trial, in one transaction.

        Optuna's enqueue and ask take several transactions. They cost more, and an attempt that was enqueued when the
        storage went away would be handed to the next ask, which is for another attempt.
        """
        key, identity = (planned.number, attempt), _identity(planned, attempt)
        self._in_doubt, self._read = True, None
        trial_id = insert_trial(self._storage, self._study_id, planned.parameters, distributions, identity)
        self._running[key] = _Running(trial_id)
        self._known.add(key)
        self._in_doubt = False

    def link(self, number: int, attempt: int, run_id: str, url: str) -> None:
        """Points the trial at its MLflow run: the run's ID as an attribute, its address in the trial's note.

        From number NOTED on, the address is an attribute instead of a link: for each trial that the dashboard shows, it
        looks through all notes of the study, which takes half a minute at 5,000 trials.
        """
        running = self._running.get((number, attempt))
        if running is None:
            return
        self._read = None
        noted = number < NOTED
        attributes = {names.RUN_ID: run_id} if noted else {names.RUN_ID: run_id, "run_url": url}
        write_trial(self._storage, running.trial_id, user_attrs=attributes)
        if noted:
            write_note(
                self._storage,
                self._study_id,
                f"{running.trial_id}:",
                f"Trial {number}, attempt {attempt}: [run in MLflow]({url})",
            )

    def note(self, text: str) -> None:
        """Writes the text, in Markdown, that the dashboard shows first of the study."""
        write_note(self._storage, self._study_id, "", text)

    def report(self, number: int, attempt: int, epochs: Sequence[EpochReport]) -> None:
        """Writes the objective of each epoch as an intermediate value."""
        running = self._running.get((number, attempt))
        if running is not None:
            write_trial(self._storage, running.trial_id, running.unreported(epochs, self.objective.name))
            running.reported.update(epoch.epoch for epoch in epochs)

    def should_prune(self, number: int, attempt: int) -> bool:
        """Whether the study's pruner would end the attempt, by the epochs reported of all attempts so far."""
        running = self._running.get((number, attempt))
        return running is not None and optuna.Trial(self._study, running.trial_id).should_prune()

    def finish(self, outcome: Outcome) -> None:
        """Tells Optuna how the attempt ended. An attempt that is finished already stays as it is."""
        key = outcome.number, outcome.attempt
        if self._in_doubt:
            self._load()
        running = self._running.get(key)
        if running is None:
            return
        attributes: dict[str, object] = {names.STATE_REASON: outcome.reason} if outcome.reason else {}
        if outcome.result is not None:
            objective, metrics = self.objective, outcome.result.metrics
            shown = objective.test_name, names.VAL_LOSS, objective.std_name, names.N_PARAMETERS
            attributes |= {name: metrics[name] for name in shown if name in metrics}
        write_trial(
            self._storage,
            running.trial_id,
            running.unreported(outcome.history, self.objective.name),
            attributes,
            self._keep_picture(outcome) if outcome.picture else {},
        )
        self._read = None
        value = outcome.score
        if outcome.state == states.PRUNED and outcome.history:  # Optuna's own convention for pruned trials
            value = outcome.history[-1].metrics[self.objective.name]
        self._in_doubt = True
        self._end(running.trial_id, outcome.state, value)
        sync(self._url)
        del self._running[key]
        self._in_doubt = False

    def _end(self, trial_id: int, state: str, value: float | None) -> None:
        self._storage.set_trial_state_values(trial_id, _optuna_state(state), None if value is None else [value])

    def has(self, number: int, attempt: int) -> bool:
        """Whether Optuna has the attempt, finished or not."""
        if self._in_doubt:
            self._load()
        return (number, attempt) in self._known

    def _load(self) -> None:
        """Reads which attempts the storage has, and which of them run."""
        self._read = None
        stored = self._stored()
        self._known = {(each.number, each.attempt) for _, each in stored}
        self._running = {
            (each.number, each.attempt): _Running(trial_id) for trial_id, each in stored if each.state == states.RUNNING
        }
        self._in_doubt = False  # whether a failed write may have been committed all the same

    def _stored(self) -> list[tuple[int, OptunaAttempt]]:
        """Every attempt with its trial's ID; read again only after a write."""
        if self._read is None:
            wanted = *ATTRIBUTES, self.objective.test_name
            rows = read_trials(self._storage, self._study_id, wanted)
            self._read = attempts_in(rows, self._aside(), self.objective.test_name)
        return list(self._read)

    def _aside(self) -> list[int]:
        return list(self._study.user_attrs.get(ASIDE, ()))

    def _keep_picture(self, outcome: Outcome) -> dict[str, str]:
        """Keeps the attempt's picture, under an ID that follows from the attempt; returns the trial's attribute."""
        name = f"{self._study.study_name}/{outcome.number}/{outcome.attempt}"
        artifact = ArtifactMeta(str(uuid.uuid5(uuid.NAMESPACE_URL, name)), outcome.picture_file, "image/png", None)
        self._artifacts.mkdir(exist_ok=True)
        FileSystemArtifactStore(self._artifacts).write(artifact.artifact_id, io.BytesIO(outcome.picture))
        return picture_attribute(artifact)


def _optuna_state(state: str) -> TrialState:
    return TrialState[in_stores(state).optuna]


@dataclass
class _Running:
    """A running trial and the epochs whose values this process has written."""

    trial_id: int
    reported: set[int] = field(default_factory=set)

    def unreported(self, epochs: Sequence[EpochReport], metric: str) -> dict[int, float]:
        """Values by epoch that Optuna has not been told.

        Epochs of cross-validated trials are never reported to Optuna: each fold has an epoch 1 of its own.
        """
        fresh = (each for each in epochs if each.epoch not in self.reported and metric in each.metrics)
        return {each.epoch: each.metrics[metric] for each in fresh}


def _identity(planned: PlannedTrial, attempt: int) -> dict[str, int | str]:
    return {
        names.TRIAL_NUMBER: planned.number,
        names.ATTEMPT: attempt,
        names.SEED: planned.seed,
        names.CONFIG_HASH: planned.config.hash(),
    }
