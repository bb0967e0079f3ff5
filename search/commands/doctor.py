"""`python -m search doctor`: compares plan, outbox, Optuna and MLflow of a study, and mends what differs if told to."""

import os
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

from models.core import names, states
from models.core.errors import ConfigError
from models.core.results import TrialResult
from models.data.sources import find_data
from search.commands.command import run_command
from search.commands.console import make_console
from search.commands.differences import MENDED, Difference, Seen, Waiting, compare
from search.commands.options import DEFAULT, Parser, flag
from search.commands.replay import find_differences, replay
from search.commands.session import DEFAULT_UI, PROJECT, split_study
from search.driver.conclusion import conclude
from search.driver.delivery import Delivery
from search.driver.driver import Driver, Ended
from search.driver.keeping import ModelKeeper, ModelPolicy
from search.driver.progress import ConsoleProgress
from search.stores import outbox
from search.stores.child_runs import children_of, continuations_of, epochs_of, runs_with_models
from search.stores.databases import check_storage, without_secrets
from search.stores.lock import DriverLock
from search.stores.logged_trials import open_tracking, read_trial
from search.stores.optuna_study import Attempt, StudyStore, look_up, study_names
from search.stores.paths import StudyPaths, root_of
from search.stores.tracking import Tracking, TrackingError, note_run, tracking_ui
from search.study.plan import distributions, make_plan
from search.study.settings import StudySettings, read_settings
from search.workers.engine import NoEngine

AGREES, DIFFERS = 0, 1
_PASSES = 4  # what one cure brings to light, the next look finds; this many are enough for any chain of them
_NEED_DATA = ("deliver", "remake", "model")


class Doctor:
    """One study, held for as long as this lives: no driver can start meanwhile.

    Raises:
        ConfigError: there is no such study, one of its stores cannot be had, or a living driver holds it.
    """

    def __init__(self, name: str, storage: str, dataset: str | None) -> None:
        check_storage(storage)
        stored = look_up(storage, name)
        if not stored.parent_run_id:
            names = ", ".join(study_names(storage)) or "none"
            raise ConfigError(
                f"study must be one that was started in {without_secrets(storage)} ({names}), got {name!r}"
            )
        self._client = open_tracking()
        self._storage, self._dataset, self._data_sha256 = storage, dataset, stored.data_sha256
        self._paths = StudyPaths(name, root_of(storage))
        self._tracking = Tracking(name, PROJECT)
        self._tracking.look_at_parent(stored.parent_run_id)
        self._quiet = ConsoleProgress(Console(quiet=True))
        self._described = False
        self._tried: set[str] = set()
        self._lock = DriverLock(self._paths, storage)
        try:
            self.settings = self._settings(name, stored.planned)
            self.plan = make_plan(self.settings)
            self._study = StudyStore(storage, self.settings, stored.data_sha256, self._lock.hold)
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        self._lock.release()

    def look(self) -> Seen:
        """What there is now."""
        parent_id = self._tracking.parent_id
        self._tracking.look_at_parent(parent_id)
        parent = self._tracking.parent
        tags = parent.data.tags
        stored = look_up(self._storage, self.settings.name)
        children = children_of(parent)
        return Seen(
            plan=self.plan,
            outbox=[self._waiting(path) for path in self._paths.outcomes()],
            partial=self._paths.partial(),
            staged=self._paths.staged.outcomes(),
            attempts=self._study.attempts(),
            strangers=self._study.strangers(),
            children=children,
            with_models=frozenset(runs_with_models(parent) if any(each.models == "all" for each in children) else ()),
            parent=parent_id,
            parent_status=parent.info.status,
            parent_deleted=parent.info.lifecycle_stage == "deleted",
            continuations=continuations_of(parent),
            plan_hashes={"Optuna": stored.plan_hash, "MLflow": tags.get(names.PLAN_HASH, "")},
            stopped_at=int(tags[names.STOPPED_AT]) if tags.get(names.STOPPED_AT) else None,
        )

    def mend(self, seen: Seen, found: Sequence[Difference]) -> None:
        """Carries out the cures of `found`, in the order in which one makes way for the next."""
        wanted = {each.cure for each in found}
        without_run = any(each.cure == "close" and each.number is not None and not each.run_id for each in found)
        if without_run or wanted & set(_NEED_DATA):
            self._describe()
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
        """Writes tables, headline and report of what is there now, and closes the parent."""
        ended = Ended(len(seen.missing), 0, stopped_at=seen.stopped_at)
        conclude(self.settings, self.plan, self._tracking, ended, Console(quiet=True))

    def _cures(self, seen: Seen) -> dict[str, Callable[[Difference], None]]:
        return {
            "restore": lambda each: self._tracking.restore(each.run_id),
            "remove": lambda each: _path(each).unlink(),
            "move": self._move_aside,
            "note": lambda each: self._note_plan(),
            "discard": lambda each: self._tracking.discard(each.run_id),
            "set aside": lambda each: self._study.set_aside(_trial(each)),
            "remake": lambda each: self._remake(each, seen),
            "end": lambda each: self._tracking.end_trial(each.run_id, each.state, each.reason),
            "lose": lambda each: self._tracking.end_trial(each.run_id, states.FAILED, "driver lost"),
            "record": lambda each: self._record(each, seen),
            "stop": lambda each: self._tracking.close_parent("FAILED"),
        }

    def _move_aside(self, each: Difference) -> None:
        self._paths.aside.mkdir(exist_ok=True)
        _path(each).rename(self._paths.aside / _path(each).name)

    def _note_plan(self) -> None:
        self._tracking.note_plan(self.plan.hash)
        self._study.remember(plan_hash=self.plan.hash, planned_trials=len(self.plan.trials))

    def _remake(self, each: Difference, seen: Seen) -> None:
        """A run for an attempt whose own is gone: how it failed, or that it was lost where it had a result."""
        number, attempt = _key(each)
        (known,) = [one for one in seen.attempts if one.trial == each.trial]
        state, reason = (
            (states.FAILED, "driver lost") if known.state == states.COMPLETE else (known.state, known.reason)
        )
        run_id = self._tracking.start_trial(self.plan.trials[number], attempt, self._delivery([]).child_tags(number), 0)
        self._tracking.end_trial(run_id, state, reason)

    def _record(self, each: Difference, seen: Seen) -> None:
        """Optuna follows MLflow."""
        number, attempt = _key(each)
        (child,) = [one for one in seen.children if one.run_id == each.run_id]
        if any(one.trial == each.trial and one.state != states.RUNNING for one in seen.attempts):
            self._study.set_aside(_trial(each))
        planned = self.plan.trials[number]
        value = child.score if child.state == states.COMPLETE else None
        told = Attempt(
            number, attempt, child.state, child.reason, value, child.run_id, planned.seed, planned.config.hash(), -1
        )
        epochs = {} if self.settings.folds else epochs_of(child.run_id)  # a fold's epochs are not the trial's
        self._study.record(planned, told, distributions(self.settings, planned.parameters), epochs)

    def _deliver_and_close(self, seen: Seen) -> None:
        """By the driver's own beginning and end; what it says of a store that is away, the next look says too."""
        delivery = self._delivery(self._study.attempts(), _policy(seen))
        Driver(self.settings.name, self.plan, NoEngine(), delivery, self._quiet).run(["only mended"])

    def _delivery(self, attempts: list[Attempt], policy: ModelPolicy | None = None) -> Delivery:
        keeper = ModelKeeper(policy or ModelPolicy("all"), self._paths, attempts)
        ui_url = tracking_ui() or DEFAULT_UI
        return Delivery(
            self.settings, self.plan, self._study, self._tracking, keeper, self._paths, self._quiet, f"{ui_url}/"
        )

    def _train_for_model(self, each: Difference) -> None:
        """The model of a trial follows from its run, as all of it does: it is logged if the replay is bit-equal."""
        if each.run_id in self._tried:
            return
        self._tried.add(each.run_id)
        logged = read_trial(each.run_id)
        split = self._split
        result = replay(logged, split, lambda epoch: None)
        if isinstance(result, TrialResult) and not find_differences(logged, split, result):
            self._tracking.log_model(each.run_id, result)

    def _describe(self) -> None:
        """Brings the data in, which new child runs and models are described by."""
        if not self._described:
            where = self._tracking.parent.data.tags.get(names.DATASET_LOCATION, self.settings.dataset)
            dataset = find_data(where, self._data_sha256, self._dataset)
            self._split = split_study(self.settings, dataset)
            self._tracking.describe(dataset, self._split, {})
            self._described = True

    def _settings(self, name: str, planned: int) -> StudySettings:
        try:
            path = self._client.download_artifacts(self._tracking.parent_id, "study.yaml")
            settings = read_settings(yaml.safe_load(Path(path).read_text(encoding="utf-8")), name)
        except TrackingError as error:
            raise ConfigError(f"the parent run must have study.yaml among its artifacts, got {error}") from None
        return replace(settings, trials=max(planned, settings.trials))

    def _waiting(self, path: Path) -> Waiting:
        number, attempt = self._paths.number_of(path), self._paths.attempt_of(path)
        try:
            outcome = outbox.take(path)
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
            return Waiting(path, number, attempt, final=False, ours=False)
        trials = self.plan.trials
        planned = trials[outcome.number] if outcome.number < len(trials) else None
        ours = planned is not None and (outcome.seed, outcome.config_hash) == (planned.seed, planned.config.hash())
        return Waiting(path, outcome.number, outcome.attempt, outcome.final, ours)


def examine(study: str, storage: str, repair: bool, dataset: str | None, own_run: str | None, console: Console) -> int:
    """`python -m search doctor`.

    Returns:
        AGREES when no difference is left, else DIFFERS. Planned trials that are missing are reported, and are none.

    Raises:
        ConfigError: as Doctor; or the data that a repair needs cannot be had.
    """
    doctor = Doctor(study, storage, dataset)
    try:
        seen = doctor.look()
        found = compare(seen)
        first, mended = found, False
        if found:
            _print(f"Study {study}: what differs", found, console)
        for _ in range(_PASSES if repair else 0):
            if not any(each.cure for each in found):
                break
            doctor.mend(seen, found)
            seen, mended = doctor.look(), True
            found = compare(seen)
        if mended:
            doctor.conclude(seen)
            if found:
                _print("What is left", found, console)
    except TrackingError as error:
        raise ConfigError(f"the tracking store must answer, got {without_secrets(str(error))}") from None
    finally:
        doctor.release()
    verdict = _verdict(seen, first, found, mended)
    console.print(verdict, markup=False, highlight=False)
    if own_run is not None:
        tags = {"doctor_of": study, "differences": str(len(found))}
        note_run(own_run, f"doctor of {study}", verdict, tags)
    return DIFFERS if found else AGREES


def _print(title: str, found: Sequence[Difference], console: Console) -> None:
    shown = Table(title=title, title_justify="left")
    shown.add_column("trial", justify="right")
    shown.add_column(names.ATTEMPT, justify="right")
    shown.add_column("what")
    shown.add_column("where")
    shown.add_column("repair")
    for each in found:
        number, attempt = ("" if value is None else str(value) for value in (each.number, each.attempt))
        shown.add_row(number, attempt, each.what, each.where, MENDED[each.cure])
    console.print(shown)


def _verdict(seen: Seen, first: Sequence[Difference], found: Sequence[Difference], mended: bool) -> str:
    planned, missing = len(seen.plan.trials), seen.missing
    lines = []
    if mended:
        lines.append(f"{_count(first)} found, {len(found) or 'none'} left")
    elif found:
        lines.append(f"{_count(found)}; repair=true mends what has a repair")
    else:
        lines.append("plan, outbox, Optuna and MLflow agree")
    if mended and any(each.cure == "model" for each in found):
        lines.append("a model that is still missing did not come out bit-equal again: -e replay says in what")
    lines.append(f"{planned} trials planned, {len(seen.finished)} finished")
    if missing:
        lines.append(f"missing: {_ranges(missing)}; the search's own command, run again, trains them")
    return "\n".join(lines)


def _count(found: Sequence[Difference]) -> str:
    return f"{len(found)} {'difference' if len(found) == 1 else 'differences'}"


def _ranges(numbers: Sequence[int]) -> str:
    """`0-3, 7`: ascending numbers, runs of them joined."""
    known = set(numbers)
    starts = [number for number in numbers if number - 1 not in known]
    ends = [number for number in numbers if number + 1 not in known]
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))


def _policy(seen: Seen) -> ModelPolicy:
    """What the newest trial was told about models."""
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


def main(arguments: Sequence[str]) -> int:
    parser = Parser(prog="python -m search doctor", description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("--study", required=True, metavar="NAME", help="the study's name in MLflow and Optuna")
    add("--storage", default="sqlite:///optuna.db", metavar="URL", help="Optuna's storage (sqlite:///optuna.db)")
    add("--repair", nargs="?", const="true", default="false", metavar="true|false", help="mend what differs (false)")
    add("--dataset", default=DEFAULT, metavar="FILE", help="where the study's data lies now, if a repair needs it")

    def act() -> int:
        given = parser.parse_args(arguments)
        repair = flag("repair", given.repair)
        dataset = None if given.dataset == DEFAULT else given.dataset
        own_run = os.environ.get("MLFLOW_RUN_ID")
        return examine(given.study, given.storage, repair, dataset, own_run, make_console())

    return run_command(act)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
