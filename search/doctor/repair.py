"""The doctor's hold on one study: its plan, outbox and stores are read, and differences are mended."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from analysis.reading.addresses import shown_address
from analysis.reading.mlflow_client import objective_of, whole_number
from models.core import names, states
from models.core.errors import ConfigError
from models.core.results import TrialResult
from models.core.runtime import PROJECT
from models.data.sources import find_data
from search.commands.ending import DEFAULT_UI
from search.commands.preparation import split_study
from search.commands.replay import find_differences, replay, source_of
from search.doctor.attempts import evidence_of, wrong_scores
from search.doctor.seen import Difference, Seen, Waiting
from search.driver.conclusion import conclude
from search.driver.delivery import Delivery, Stores
from search.driver.driver import Driver, Ended
from search.driver.keeping import ModelKeeper, ModelPolicy
from search.driver.left_outcomes import awaits
from search.driver.progress import ConsoleProgress
from search.stores import outbox
from search.stores.databases import check_storage
from search.stores.lock import DriverLock
from search.stores.optuna_attempts import OptunaAttempt, look_up, results_of, study_names
from search.stores.optuna_study import StudyStore
from search.stores.paths import StudyPaths, root_of
from search.study.distributions import distributions
from search.study.growing import TrialEnd
from search.study.plan import Plan, PlannedTrial
from search.tracking.child_runs import children_of, continuations_of, epochs_of
from search.tracking.logged_models import runs_with_models
from search.tracking.logged_studies import read_study
from search.tracking.logged_trials import read_trial
from search.tracking.parent_run import ParentRun
from search.tracking.tracking_store import open_tracking, tracking_ui
from search.tracking.trial_runs import TrialRuns
from search.workers.in_process import NoEngine

_NEED_DATA = ("deliver", "remake", "model")


class Doctor:
    """Holds one study until `release`, so that no driver can start meanwhile.

    Raises:
        ConfigError: there is no such study, one of its stores does not answer, or a living driver holds the study.
    """

    def __init__(self, name: str, storage: str, dataset: str | None) -> None:
        check_storage(storage)
        stored = look_up(storage, name)
        if not stored.parent_run_id:
            known = ", ".join(study_names(storage)) or "none"
            raise ConfigError(f"study must be one that was started in {shown_address(storage)} ({known}), got {name!r}")
        self._client = open_tracking()
        self._storage, self._dataset, self._data_sha256 = storage, dataset, stored.data_sha256
        self._paths = StudyPaths(name, root_of(storage))
        self._parent = ParentRun(name, PROJECT)
        self._parent.look(stored.parent_run_id)
        self._runs = TrialRuns(self._parent)
        self._objective = objective_of(self._parent.run)
        self._quiet = ConsoleProgress(Console(quiet=True), self._objective)
        self._described = False
        self.plan: Plan
        self._tried: set[str] = set()
        self._lock = DriverLock(self._paths, storage)
        try:
            logged = read_study(self._parent.id, name, stored.planned)
            self._logged, self.settings = logged, logged.settings
            self._study = StudyStore(storage, self.settings, stored.data_sha256, self._objective, self._lock.hold)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        self._lock.release()

    def look(self) -> Seen:
        """The study's plan, outbox and stores as they are now."""
        self._parent.look(self._parent.id)
        parent = self._parent.run
        children, unreadable = children_of(parent)
        attempts = self._study.attempts()
        # The plan grows by results; a result that one store has lost is taken from the other.
        told = {each.number: each.end for each in children if each.final and not each.deleted}
        waiting = self._read_plan(told | results_of(attempts))
        with_models = any(each.models == "all" for each in children)
        whole = runs_with_models(self._client, self._parent.experiment_id) if with_models else ()
        return Seen(
            plan=self.plan,
            objective=self._objective,
            outbox=waiting,
            partial=self._paths.partial(),
            staged=self._paths.staged.outcomes(),
            foreign=self._paths.foreign(),
            attempts=attempts,
            strangers=self._study.strangers(),
            children=children,
            unreadable=unreadable,
            evidence=evidence_of(attempts, children, self._objective),
            with_models=frozenset(whole),
            parent=self._parent.id,
            parent_status=parent.info.status,
            parent_deleted=self._parent.deleted,
            experiment_deleted=self._parent.experiment_deleted,
            continuations=continuations_of(parent),
            plan_hashes={"Optuna": self._study.plan_hash, "MLflow": parent.data.tags.get(names.PLAN_HASH, "")},
            stopped_at=whole_number(parent, names.STOPPED_AT),
        )

    def mend(self, seen: Seen, found: Sequence[Difference]) -> None:
        """Carries out the cures of `found` in the order of `_cures`, in which each cure makes way for the next."""
        wanted = {each.cure for each in found}
        without_run = any(each.cure == "close" and each.number is not None and not each.run_id for each in found)
        if without_run or wanted & set(_NEED_DATA):
            self._describe()
        if not (seen.parent_deleted or seen.experiment_deleted):
            # Until `conclude` closes the parent run, the next look must see a repair that died before its end.
            self._client.update_run(self._parent.id, status="RUNNING")
        for cure, act in self._cures(seen).items():
            for each in found:
                if each.cure == cure:
                    act(each)
        if wanted & {"deliver", "close", "set aside"}:
            self._deliver_and_close(seen)
        for each in found:
            if each.cure == "model":
                self._train_for_model(each)

    def conclude(self, seen: Seen) -> None:
        """Writes tables, headline and report of the study as it is now, and closes the parent run."""
        ended = Ended(len(seen.missing), 0, stopped_at=seen.stopped_at)
        conclude(self._parent, self.plan, ended, seen.finished, Console(quiet=True))

    def _cures(self, seen: Seen) -> dict[str, Callable[[Difference], None]]:
        return {
            "restore experiment": lambda each: self._parent.restore_experiment(),
            "restore": lambda each: self._runs.restore(each.run_id),
            "remove": lambda each: _path(each).unlink(),
            "drop": lambda each: _path(each).unlink(),
            "move": self._move_aside,
            "note": lambda each: self._note_plan(),
            "retag": lambda each: self._retag(each, seen),
            "score": lambda each: self._score_again(each, seen),
            "discard": lambda each: self._runs.discard(each.run_id),
            "set aside": lambda each: self._study.set_aside(_trial(each)),
            "remake": lambda each: self._remake(each, seen),
            "end": lambda each: self._runs.end(each.run_id, each.state, each.reason),
            "lose": lambda each: self._runs.end(each.run_id, states.FAILED, states.DRIVER_LOST),
            "record": lambda each: self._record(each, seen),
        }

    def _retag(self, each: Difference, seen: Seen) -> None:
        """Writes the tags that say which attempt a run holds, from Optuna's record."""
        (known,) = [one for one in seen.attempts if one.trial == each.trial]
        self._runs.tag(
            each.run_id,
            {
                names.TRIAL_NUMBER: known.number,
                names.ATTEMPT: known.attempt,
                names.SEED: known.seed,
                names.CONFIG_HASH: known.config_hash,
            },
        )

    def _score_again(self, each: Difference, seen: Seen) -> None:
        (known,) = [one for one in seen.attempts if one.trial == each.trial]
        (child,) = [one for one in seen.children if one.run_id == each.run_id]
        self._runs.score_again(each.run_id, wrong_scores(known, child, seen.evidence[each.run_id], self._objective))

    def _move_aside(self, each: Difference) -> None:
        self._paths.aside.mkdir(exist_ok=True)
        _path(each).rename(self._paths.aside / _path(each).name)

    def _note_plan(self) -> None:
        self._parent.note_plan(self.plan.hash, self.plan.size)
        self._study.remember(plan_hash=self.plan.hash, planned_trials=self.plan.size)

    def _remake(self, each: Difference, seen: Seen) -> None:
        """Makes a run for an attempt whose run is gone: it failed as before, or as lost where it had a result."""
        number, attempt = _key(each)
        (known,) = [one for one in seen.attempts if one.trial == each.trial]
        state, reason = (
            (states.FAILED, states.DRIVER_LOST) if known.state == states.COMPLETE else (known.state, known.reason)
        )
        run_id = self._runs.start(self._planned(number), attempt, self._delivery([]).child_tags(number), 0)
        self._runs.end(run_id, state, reason)

    def _record(self, each: Difference, seen: Seen) -> None:
        """Writes MLflow's record of an attempt to Optuna."""
        number, attempt = _key(each)
        (child,) = [one for one in seen.children if one.run_id == each.run_id]
        if any(one.trial == each.trial and one.state != states.RUNNING for one in seen.attempts):
            self._study.set_aside(_trial(each))
        planned = self._planned(number)
        complete = child.state == states.COMPLETE
        told = OptunaAttempt(
            number=number,
            attempt=attempt,
            state=child.state,
            reason=child.reason,
            score=child.score if complete else None,
            test_score=child.test_score if complete else None,
            run_id=child.run_id,
            seed=planned.seed,
            config_hash=planned.config.hash(),
            trial=-1,
        )
        # Epochs of cross-validated trials are never reported to Optuna.
        epochs = {} if self.settings.folds else epochs_of(child.run_id, self._objective)
        self._study.record(planned, told, distributions(self.settings, planned), epochs)

    def _deliver_and_close(self, seen: Seen) -> None:
        """Delivers and closes with a driver that starts no trial. The next look reports a store that is away."""
        delivery = self._delivery(self._study.attempts(), _policy(seen))
        growth = self._logged.growing(self._objective.direction, {})
        Driver(self.plan, NoEngine(), delivery, growth=growth).run(["only mended"])

    def _delivery(self, attempts: list[OptunaAttempt], policy: ModelPolicy | None = None) -> Delivery:
        keeper = ModelKeeper(policy or ModelPolicy("all"), self._paths, attempts, self._objective)
        stores = Stores(self._paths, self._runs, self._study, tracking_ui() or DEFAULT_UI)
        return Delivery(self.settings, self.plan, stores, keeper, self._quiet)

    def _train_for_model(self, each: Difference) -> None:
        """Replays a trial and logs its model, if the replay is bit-equal to the trial."""
        if each.run_id in self._tried:
            return
        self._tried.add(each.run_id)
        logged = read_trial(each.run_id)
        split = self._split
        try:
            source = source_of(logged, trust=False)
        except ConfigError:  # the user's file is missing: the model stays missing, and the verdict says so
            return
        result = replay(logged, split, source, lambda epoch: None)
        if isinstance(result, TrialResult) and not find_differences(logged, split, result):
            self._runs.add_model(each.run_id, result)

    def _describe(self) -> None:
        """Loads the data, whose description new child runs and models carry."""
        if not self._described:
            where = self._parent.run.data.tags.get(names.DATASET_LOCATION, self.settings.dataset)
            dataset = find_data(where, self._data_sha256, self._dataset)
            self._split = split_study(self.settings, dataset)
            self._parent.describe(dataset, self._split, {})
            self._described = True

    def _read_plan(self, results: Mapping[int, TrialEnd]) -> list[Waiting]:
        """Draws the plan as far as results allow, and returns the outcomes in the outbox, whose results count too."""
        direction, waiting = self._objective.direction, []
        growing = self._logged.growing(direction, results)
        self.plan = self._logged.plan(direction, results) if growing is None else growing.plan
        for path in self._paths.outcomes():
            one, result = self._waiting(path)
            waiting.append(one)
            if growing is not None and one.final and result is not None:
                growing.told(one.number, result)
                self.plan = growing.plan
        return waiting

    def _planned(self, number: int) -> PlannedTrial:
        planned = self.plan.get(number)
        assert planned is not None  # a trial that is not drawn has no cure
        return planned

    def _waiting(self, path: Path) -> tuple[Waiting, TrialEnd | None]:
        """An outcome in the outbox, with its result where it can be read."""
        try:
            outcome = outbox.take(path)
        except outbox.UnreadableOutcome:
            return Waiting(path, *self._paths.attempt_in(path), final=False, ours=False), None
        drawn = self.plan.holds(outcome.number, outcome.seed, outcome.config_hash)
        ours = drawn or awaits(self.plan, outcome)
        result = outcome.end if drawn else None
        return Waiting(path, outcome.number, outcome.attempt, outcome.final, ours, drawn), result


def _policy(seen: Seen) -> ModelPolicy:
    """The policy on models that the newest trial was run with."""
    told = [each.models for each in sorted(seen.children, key=lambda one: one.number) if each.models]
    return ModelPolicy.read(told[-1]) if told else ModelPolicy("all")


def _key(each: Difference) -> tuple[int, int]:
    assert each.number is not None
    assert each.attempt is not None
    return each.number, each.attempt


def _trial(each: Difference) -> int:
    assert each.trial is not None
    return each.trial


def _path(each: Difference) -> Path:
    assert each.path is not None
    return each.path
