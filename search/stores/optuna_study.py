"""The study in Optuna's storage. Only the driver writes it, so nothing here guards against a second writer."""

import io
import json
import uuid
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import optuna
from optuna.artifacts import ArtifactMeta, FileSystemArtifactStore
from optuna.artifacts._upload import ARTIFACTS_ATTR_PREFIX
from optuna.distributions import BaseDistribution
from optuna.exceptions import StorageInternalError
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from models.core import names, states
from models.core.errors import ConfigError
from models.core.results import EpochReport
from models.core.states import is_final
from search.stores.databases import sqlite_file, sync, use_few_syncs, use_wal
from search.stores.optuna_internals import TrialRow, read_trials, write_study, write_trial
from search.stores.paths import optuna_artifacts
from search.study.plan import PlannedTrial
from search.study.settings import StudySettings, differences
from search.workers.outcome import Outcome

Values = Mapping[int, float]

StudyError = (StorageInternalError, SQLAlchemyError, OSError)
"""What Optuna raises when its storage is away: the outcome waits in the outbox meanwhile."""
_PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "none": NopPruner,
    # One epoch says little: wait for two, and for five full trials to compare with.
    "median": lambda: MedianPruner(n_startup_trials=5, n_warmup_steps=2),
    "halving": lambda: SuccessiveHalvingPruner(min_resource=2, reduction_factor=3),
}
_ASIDE = "set_aside"  # the study's attribute with Optuna's numbers of the trials that count no more
_STATES = {states.COMPLETE: TrialState.COMPLETE, states.FAILED: TrialState.FAIL, states.PRUNED: TrialState.PRUNED}
NOTED = 500
"""Numbers below this have a note with a link in the dashboard."""
_ATTRIBUTES = ("number", names.ATTEMPT, names.STATE_REASON, names.RUN_ID, "seed", names.CONFIG_HASH)


@dataclass(frozen=True)
class Attempt:
    """What Optuna knows of one attempt."""

    number: int
    attempt: int
    state: str
    """complete | failed | pruned | running."""
    reason: str
    value: float | None
    run_id: str
    seed: int
    config_hash: str
    trial: int
    """Optuna's own number of it."""

    @property
    def final(self) -> bool:
        return is_final(self.state, self.reason)


class StudyStore:
    """An Optuna study under the name of ours. `lock` makes sure that it still is.

    Raises:
        ConfigError: on opening, when the study exists with settings that make other trials.
    """

    def __init__(
        self, url: str, settings: StudySettings, data_sha256: str, lock: Callable[[], None] = lambda: None
    ) -> None:
        self.lock = lock
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._url = url
        use_few_syncs()
        self._storage = RDBStorage(url)
        use_wal(url)
        identity = settings.identity(data_sha256)
        self.is_new = _study_id(self._storage, settings.name) is None
        # The sampler draws nothing here: every trial comes with the plan's parameters.
        self._study = optuna.create_study(
            storage=self._storage,
            study_name=settings.name,
            direction="maximize",
            sampler=optuna.samplers.RandomSampler(seed=settings.seed),
            pruner=_PRUNERS[settings.pruner](),
            load_if_exists=True,
        )
        stored = self._study.user_attrs.get("settings")
        if stored is None and not self.is_new and read_trials(self._storage, self._study._study_id, ()):
            raise ConfigError(f"name must be that of a new study or of one made here, got {settings.name!r}")
        if stored is not None and stored != json.loads(json.dumps(identity)):
            changed = "; ".join(differences(stored, identity))
            raise ConfigError(
                f"a study keeps the settings that decide its trials; start another with a new name, got {changed}"
            )
        if self.is_new:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                self._study.set_metric_names([names.VAL_ACCURACY])  # what the dashboard writes at its axes
        for key, value in {"settings": identity, "sampler": settings.sampler, "seed": settings.seed}.items():
            if self._study.user_attrs.get(key) is None:
                self._study.set_user_attr(key, value)
        self.prunes = settings.pruner != "none"
        self._artifacts = optuna_artifacts(url)
        self._study_id = self._study._study_id
        self._load()

    @property
    def parent_run_id(self) -> str | None:
        return self._study.user_attrs.get(names.PARENT_RUN_ID)

    def remember(self, **attributes: str | int) -> None:
        """Keeps facts about the study beside it; `parent_run_id` is how the next start finds the MLflow run."""
        for key, value in attributes.items():
            if self._study.user_attrs.get(key) != value:
                self._study.set_user_attr(key, value)

    def attempts(self) -> list[Attempt]:
        """Every attempt, in the order they were asked for."""
        return [attempt for _, attempt in self._stored()]

    def strangers(self) -> list[int]:
        """Optuna's numbers of trials that nobody here asked for."""
        rows = read_trials(self._storage, self._study_id, _ATTRIBUTES)
        return [row.number for row in rows if "number" not in row.user_attrs and row.number not in self._aside()]

    def close_strangers(self) -> None:
        """Ends trials that were enqueued or asked for by hand: nobody here will run them."""
        for row in read_trials(self._storage, self._study_id, _ATTRIBUTES):
            if "number" not in row.user_attrs and not row.state.is_finished():
                self._storage.set_trial_state_values(row.trial_id, TrialState.FAIL)

    def set_aside(self, trial: int) -> None:
        """Leaves one of Optuna's trials out from now on: a finished one can be neither changed nor deleted there."""
        self._study.set_user_attr(_ASIDE, sorted({*self._aside(), trial}))
        self._load()

    def record(
        self, planned: PlannedTrial, ended: Attempt, distributions: Mapping[str, BaseDistribution], epochs: Values
    ) -> None:
        """Has an attempt end as the tracking store tells of it; `epochs` is val_accuracy by epoch.

        One that is running here is told so, else the attempt is added: a finished trial cannot be changed.
        """
        attributes = {names.RUN_ID: ended.run_id} | ({names.STATE_REASON: ended.reason} if ended.reason else {})
        running = self._running.get((planned.number, ended.attempt))
        if running is not None:
            write_trial(self._storage, running.trial_id, epochs, attributes)
            values = None if ended.value is None else [ended.value]
            self._storage.set_trial_state_values(running.trial_id, _STATES[ended.state], values)
        else:
            trial = optuna.trial.create_trial(
                state=_STATES[ended.state],
                value=ended.value,
                params=dict(planned.parameters),
                distributions=dict(distributions),
                user_attrs=_identity(planned, ended.attempt) | attributes,
                intermediate_values=dict(epochs),
            )
            self._study.add_trial(trial)
        self._load()

    def ask(self, planned: PlannedTrial, attempt: int, distributions: Mapping[str, BaseDistribution]) -> None:
        """Makes the attempt a running trial, in one transaction.

        Optuna's enqueue and ask are several: they cost more, and an attempt that was enqueued when the storage went
        away would be given to the next ask, which is for another.
        """
        trial = optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params=dict(planned.parameters),
            distributions=dict(distributions),
            user_attrs=_identity(planned, attempt),
        )
        key = planned.number, attempt
        self._in_doubt = True
        self._running[key] = _Running(self._storage.create_new_trial(self._study_id, trial))
        self._known.add(key)
        self._in_doubt = False

    def link(self, number: int, attempt: int, run_id: str, url: str) -> None:
        """Points the trial at its MLflow run: the run's ID as an attribute, its address in the trial's note.

        From number NOTED on the address is an attribute too, not a link: for each trial that it shows, the dashboard
        looks through all notes of the study, half a minute at 5,000.
        """
        running = self._running.get((number, attempt))
        if running is None:
            return
        noted = number < NOTED
        attributes = {names.RUN_ID: run_id} if noted else {names.RUN_ID: run_id, "run_url": url}
        write_trial(self._storage, running.trial_id, user_attrs=attributes)
        if noted:
            self._write_note(f"{running.trial_id}:", f"Trial {number}, attempt {attempt}: [run in MLflow]({url})")

    def note(self, text: str) -> None:
        """What the dashboard shows first of the study (Markdown)."""
        self._write_note("", text)

    def _write_note(self, of: str, text: str) -> None:
        # As optuna_dashboard.save_note, whose import takes a second and which reads all trials' notes to write one.
        note = f"dashboard:{of}note"
        write_study(self._storage, self._study_id, {f"{note}_ver": 1, f"{note}_str:0": text})

    def report(self, number: int, attempt: int, epochs: Sequence[EpochReport]) -> None:
        """Intermediate values: val_accuracy an epoch."""
        running = self._running.get((number, attempt))
        if running is not None:
            write_trial(self._storage, running.trial_id, running.unreported(epochs))
            running.reported.update(epoch.epoch for epoch in epochs)

    def should_prune(self, number: int, attempt: int) -> bool:
        """Whether the study's pruner would end the attempt, from what was reported of all attempts so far."""
        running = self._running.get((number, attempt))
        return running is not None and optuna.Trial(self._study, running.trial_id).should_prune()

    def finish(self, outcome: Outcome) -> None:
        """Tells Optuna how the attempt ended. Once: an attempt that is finished already stays as it is."""
        key = outcome.number, outcome.attempt
        if self._in_doubt:
            self._load()
        running = self._running.get(key)
        if running is None:
            return
        attributes: dict[str, object] = {names.STATE_REASON: outcome.reason} if outcome.reason else {}
        if outcome.result is not None:
            shown, metrics = (
                (names.TEST_ACCURACY, names.VAL_LOSS, names.VAL_ACCURACY_STD, names.N_PARAMETERS),
                outcome.result.metrics,
            )
            attributes |= {name: metrics[name] for name in shown if name in metrics}
        write_trial(
            self._storage,
            running.trial_id,
            running.unreported(outcome.history),
            attributes,
            self._keep_picture(outcome) if outcome.picture else {},
        )
        value = outcome.score
        if outcome.state == states.PRUNED and outcome.history:  # Optuna's own convention for pruned trials
            value = outcome.history[-1].metrics[names.VAL_ACCURACY]
        self._in_doubt = True
        self._storage.set_trial_state_values(
            running.trial_id, _STATES[outcome.state], None if value is None else [value]
        )
        sync(self._url)
        del self._running[key]
        self._in_doubt = False

    def has(self, number: int, attempt: int) -> bool:
        """Whether the attempt is there, finished or not."""
        if self._in_doubt:
            self._load()
        return (number, attempt) in self._known

    def _load(self) -> None:
        """Takes over which attempts the storage has, and which of them run."""
        stored = self._stored()
        self._known = {(each.number, each.attempt) for _, each in stored}
        self._running = {
            (each.number, each.attempt): _Running(trial_id) for trial_id, each in stored if each.state == states.RUNNING
        }
        self._in_doubt = False  # whether a write has failed that may have come through all the same

    def _stored(self) -> list[tuple[int, Attempt]]:
        """Every attempt with its trial's ID, in the order they were asked for."""
        rows = read_trials(self._storage, self._study_id, _ATTRIBUTES)
        aside = self._aside()
        ours = (row for row in rows if "number" in row.user_attrs and row.number not in aside)
        return [(row.trial_id, _attempt(row)) for row in ours]

    def _aside(self) -> list[int]:
        return list(self._study.user_attrs.get(_ASIDE, ()))

    def _keep_picture(self, outcome: Outcome) -> dict[str, str]:
        """The attempt's picture as an artifact, under an ID of its own for ever; the attribute that says so."""
        name = f"{self._study.study_name}/{outcome.number}/{outcome.attempt}"
        artifact = ArtifactMeta(str(uuid.uuid5(uuid.NAMESPACE_URL, name)), "confusion.png", "image/png", None)
        self._artifacts.mkdir(exist_ok=True)
        FileSystemArtifactStore(self._artifacts).write(artifact.artifact_id, io.BytesIO(outcome.picture))
        return {f"{ARTIFACTS_ATTR_PREFIX}{artifact.artifact_id}": json.dumps(asdict(artifact))}


@dataclass
class _Running:
    """A running trial and the epochs whose values this process has written."""

    trial_id: int
    reported: set[int] = field(default_factory=set)

    def unreported(self, epochs: Sequence[EpochReport]) -> dict[int, float]:
        """Of a fold's epochs none: each fold has an epoch 1 of its own."""
        fresh = (each for each in epochs if each.epoch not in self.reported and names.VAL_ACCURACY in each.metrics)
        return {each.epoch: each.metrics[names.VAL_ACCURACY] for each in fresh}


def study_reason(error: BaseException) -> BaseException:
    """What the database itself said: Optuna's words for it are the same whatever happened."""
    said = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ is not None else error
    return said.orig if isinstance(said, DBAPIError) and said.orig is not None else said


def _identity(planned: PlannedTrial, attempt: int) -> dict[str, int | str]:
    return {
        "number": planned.number,
        names.ATTEMPT: attempt,
        "seed": planned.seed,
        names.CONFIG_HASH: planned.config.hash(),
    }


def _attempt(row: TrialRow) -> Attempt:
    words = {TrialState.COMPLETE: states.COMPLETE, TrialState.FAIL: states.FAILED, TrialState.PRUNED: states.PRUNED}
    return Attempt(
        number=row.user_attrs["number"],
        attempt=row.user_attrs[names.ATTEMPT],
        state=words.get(row.state, states.RUNNING),
        reason=row.user_attrs.get(names.STATE_REASON, ""),
        value=row.value if row.state == TrialState.COMPLETE else None,
        run_id=row.user_attrs.get(names.RUN_ID, ""),
        seed=row.user_attrs["seed"],
        config_hash=row.user_attrs[names.CONFIG_HASH],
        trial=row.number,
    )


@dataclass(frozen=True)
class Stored:
    """What is known of a study before it is opened."""

    planned: int = 0
    finished: frozenset[int] = frozenset()
    parent_run_id: str = ""
    data_sha256: str = ""
    plan_hash: str = ""


def study_names(url: str) -> list[str]:
    """Of the studies in a storage. Creates no database."""
    file = sqlite_file(url)
    return [] if file is not None and not file.exists() else optuna.get_all_study_names(storage=url)


def look_up(url: str, name: str) -> Stored:
    """How far the stored study is; nothing where there is none. Creates no database."""
    file = sqlite_file(url)
    if file is not None and not file.exists():
        return Stored()
    storage = RDBStorage(url)
    study_id = _study_id(storage, name)
    if study_id is None:
        return Stored()
    facts = storage.get_study_user_attrs(study_id)
    rows = read_trials(storage, study_id, _ATTRIBUTES)
    ours = (row for row in rows if "number" in row.user_attrs and row.number not in facts.get(_ASIDE, ()))
    finished = frozenset(attempt.number for attempt in map(_attempt, ours) if attempt.final)
    known = {fact: str(facts.get(fact, "")) for fact in (names.PARENT_RUN_ID, names.DATA_SHA256, names.PLAN_HASH)}
    return Stored(int(facts.get(names.PLANNED_TRIALS, 0)), finished, **known)


def _study_id(storage: RDBStorage, name: str) -> int | None:
    try:
        return storage.get_study_id_from_name(name)
    except KeyError:
        return None
