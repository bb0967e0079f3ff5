"""The study in Optuna's storage. Only the driver writes it, so nothing here guards against a second writer."""

import json
import math
import tempfile
import time
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta, upload_artifact
from optuna.distributions import BaseDistribution
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.storages import RDBStorage
from optuna.trial import FrozenTrial, TrialState

from models.config import ConfigError
from models.results import EpochReport
from models.states import is_final
from search.databases import sqlite_file, use_wal
from search.outcome import Outcome
from search.paths import optuna_artifacts
from search.plan import PlannedTrial
from search.settings import StudySettings, differences

_PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "none": NopPruner,
    # One epoch says little: wait for two, and for five full trials to compare with.
    "median": lambda: MedianPruner(n_startup_trials=5, n_warmup_steps=2),
    "halving": lambda: SuccessiveHalvingPruner(min_resource=2, reduction_factor=3),
}
_STATES = {"complete": TrialState.COMPLETE, "failed": TrialState.FAIL, "pruned": TrialState.PRUNED}


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

    @property
    def final(self) -> bool:
        return is_final(self.state, self.reason)


class StudyStore:
    """An Optuna study under the name of ours.

    Raises:
        ConfigError: on opening, when the study exists with settings that make other trials.
    """

    def __init__(self, url: str, settings: StudySettings, data_sha256: str) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._storage = RDBStorage(url)
        use_wal(url)
        identity = settings.identity(data_sha256)
        names = optuna.get_all_study_names(storage=self._storage)
        self.is_new = settings.name not in names
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
        if stored is None and not self.is_new and self._study.get_trials(deepcopy=False):
            raise ConfigError(f"name must be that of a new study or of one made here, got {settings.name!r}")
        if stored is not None and stored != json.loads(json.dumps(identity)):
            changed = "; ".join(differences(stored, identity))
            raise ConfigError(
                f"a study keeps the settings that decide its trials; start another with a new name, got {changed}"
            )
        if self.is_new:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                self._study.set_metric_names(["val_accuracy"])  # what the dashboard writes at its axes
        for key, value in {"settings": identity, "sampler": settings.sampler, "seed": settings.seed}.items():
            if self._study.user_attrs.get(key) is None:
                self._study.set_user_attr(key, value)
        self.prunes = settings.pruner != "none"
        self._artifacts = optuna_artifacts(url)
        self._trials: dict[tuple[int, int], optuna.Trial] = {}

    @property
    def parent_run_id(self) -> str | None:
        return self._study.user_attrs.get("parent_run_id")

    def remember(self, **attributes: str | int) -> None:
        """Keeps facts about the study beside it; `parent_run_id` is how the next start finds the MLflow run."""
        for key, value in attributes.items():
            if self._study.user_attrs.get(key) != value:
                self._study.set_user_attr(key, value)

    def attempts(self) -> list[Attempt]:
        """Every attempt, in the order they were asked for."""
        return [_attempt(trial) for trial in self._study.get_trials(deepcopy=False) if "number" in trial.user_attrs]

    def close_unfinished(self, reason: str, keep: Collection[tuple[int, int]]) -> None:
        """Ends what a driver that is gone left waiting or running, but for the (number, attempt) of `keep`."""
        while self._study.get_trials(deepcopy=False, states=(TrialState.WAITING,)):
            self._study.ask()
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if (trial.user_attrs.get("number"), trial.user_attrs.get("attempt")) not in keep:
                self._set_reason(trial._trial_id, reason)
                self._study.tell(trial.number, state=TrialState.FAIL)

    def ask(self, planned: PlannedTrial, attempt: int, distributions: Mapping[str, BaseDistribution]) -> None:
        """Makes the attempt a running trial. Enqueued one at a time: asking costs time for every waiting trial."""
        attributes = {
            "number": planned.number,
            "attempt": attempt,
            "seed": planned.seed,
            "config_hash": planned.config.hash(),
        }
        self._study.enqueue_trial(dict(planned.parameters), user_attrs=attributes)
        self._trials[planned.number, attempt] = self._study.ask(fixed_distributions=dict(distributions))

    def link(self, number: int, attempt: int, run_id: str, url: str) -> None:
        """Points the trial at its MLflow run: the run's ID as an attribute, its address in the trial's note."""
        from optuna_dashboard import save_note

        trial = self._trial(number, attempt)
        if trial is not None and trial.user_attrs.get("run_id") != run_id:
            trial.set_user_attr("run_id", run_id)
            save_note(trial, f"Trial {number}, attempt {attempt}: [run in MLflow]({url})")

    def note(self, text: str) -> None:
        """What the dashboard shows first of the study (Markdown)."""
        from optuna_dashboard import get_note, save_note

        if get_note(self._study) != text:
            save_note(self._study, text)

    def report(
        self, number: int, attempt: int, epochs: Sequence[EpochReport], seconds: float = math.inf
    ) -> Sequence[EpochReport]:
        """Intermediate values: val_accuracy an epoch, as many as `seconds` allow. Returns the epochs that are left."""
        trial = self._trial(number, attempt)
        if trial is None:
            return ()
        until = time.monotonic() + seconds
        known = self._storage.get_trial(trial._trial_id).intermediate_values
        for done, epoch in enumerate(epochs):
            if time.monotonic() > until:
                return epochs[done:]
            if epoch.epoch not in known:
                trial.report(epoch.metrics["val_accuracy"], epoch.epoch)
        return ()

    def should_prune(self, number: int, attempt: int) -> bool:
        """Whether the study's pruner would end the attempt, from what was reported of all attempts so far."""
        trial = self._trial(number, attempt)
        return trial is not None and trial.should_prune()

    def finish(self, outcome: Outcome) -> None:
        """Tells Optuna how the attempt ended. Once: an attempt that is finished already stays as it is."""
        key = outcome.number, outcome.attempt
        trial = self._trial(*key)
        if trial is None:
            return
        self.report(*key, outcome.history)
        if outcome.reason:
            self._set_reason(trial._trial_id, outcome.reason)
        if outcome.result is not None:
            for name in ("test_accuracy", "val_loss"):
                trial.set_user_attr(name, outcome.result.scores[name])
            trial.set_user_attr("n_parameters", outcome.result.n_parameters)
        if outcome.picture:
            self._attach(trial, outcome.picture)
        self._study.tell(trial, outcome.score, state=_STATES[outcome.state])
        del self._trials[key]

    def has(self, number: int, attempt: int) -> bool:
        """Whether the attempt is there, finished or not."""
        if (number, attempt) in self._trials:
            return True
        return any(_is(trial, number, attempt) for trial in self._study.get_trials(deepcopy=False))

    def _trial(self, number: int, attempt: int) -> optuna.Trial | None:
        """The attempt, unless it is finished; one that an earlier driver asked for is looked up."""
        key = number, attempt
        if key not in self._trials:
            for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
                if _is(trial, number, attempt):
                    self._trials[key] = optuna.Trial(self._study, trial._trial_id)
        return self._trials.get(key)

    def _attach(self, trial: optuna.Trial, picture: bytes) -> None:
        """The picture as an artifact of the trial, once."""
        if get_all_artifact_meta(study_or_trial=trial, storage=self._storage):
            return
        self._artifacts.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "confusion.png"
            path.write_bytes(picture)
            store = FileSystemArtifactStore(str(self._artifacts))
            upload_artifact(artifact_store=store, file_path=str(path), study_or_trial=trial)

    def _set_reason(self, trial_id: int, reason: str) -> None:
        self._storage.set_trial_user_attr(trial_id, "state_reason", reason)


def _is(trial: FrozenTrial, number: int, attempt: int) -> bool:
    return trial.user_attrs.get("number") == number and trial.user_attrs.get("attempt") == attempt


def _attempt(trial: FrozenTrial) -> Attempt:
    names = {TrialState.COMPLETE: "complete", TrialState.FAIL: "failed", TrialState.PRUNED: "pruned"}
    return Attempt(
        number=trial.user_attrs["number"],
        attempt=trial.user_attrs["attempt"],
        state=names.get(trial.state, "running"),
        reason=trial.user_attrs.get("state_reason", ""),
        value=trial.value if trial.state == TrialState.COMPLETE else None,
        run_id=trial.user_attrs.get("run_id", ""),
    )


@dataclass(frozen=True)
class Stored:
    """What is known of a study before it is opened."""

    planned: int = 0
    finished: frozenset[int] = frozenset()


def look_up(url: str, name: str) -> Stored:
    """How far the stored study is; nothing where there is none. Creates no database."""
    file = sqlite_file(url)
    if (file is not None and not file.exists()) or name not in optuna.get_all_study_names(storage=url):
        return Stored()
    study = optuna.load_study(study_name=name, storage=url, sampler=optuna.samplers.RandomSampler())
    trials = [trial for trial in study.get_trials(deepcopy=False) if "number" in trial.user_attrs]
    finished = frozenset(attempt.number for attempt in map(_attempt, trials) if attempt.final)
    return Stored(int(study.user_attrs.get("planned_trials", 0)), finished)
