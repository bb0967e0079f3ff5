"""`python -m search`: runs a search from its options to its exit code; makes and joins the parts of a search."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rich.console import Console

from models.core.errors import ConfigError
from models.core.runtime import PROJECT, settle, without_collections
from models.data.splits import Split
from models.tasks.objective import Objective
from search.command_line.console import make_console
from search.command_line.exit_codes import COMPLETE, MISSING, run_command
from search.command_line.options import Options, read_options
from search.commands.ending import PreparedEnd, conclude_search, ui_url_of
from search.commands.preparation import Search, Tags, prepare
from search.commands.signals import asked_to_stop
from search.dispatch.folds import FoldsEngine
from search.dispatch.head_start import HeadStart
from search.stores.paths import StudyPaths, root_of, stores_lock
from search.study.identity import OtherSettings
from search.study.settings import StudySettings
from search.study.study_file import load_settings
from search.workers import fork_server
from search.workers.choice import make_engine
from search.workers.engine import Engine
from search.workers.job import Job

if TYPE_CHECKING:  # imported where they are used, beside the worker processes' own imports
    from search.driver.driver import Ended
    from search.driver.progress import Progress
    from search.stores.lock import DriverLock
    from search.stores.optuna_study import StudyStore
    from search.study.growing import Growing
    from search.study.plan import Plan
    from search.tracking.parent_run import ParentRun

MakeEngine = Callable[[int, str | None, Split, str, bool], Engine]


def run_search(options: Options, console: Console, make: MakeEngine = make_engine) -> int:
    """`python -m search`: searches, tracks and reports. `make` makes the engine.

    Returns:
        COMPLETE when every planned trial is finished and delivered, else MISSING.

    Raises:
        ConfigError: bad input; nothing has been made.
    """
    with _fork_server_for(options):
        with without_collections():
            settings = load_settings(options.study, **said_of_study(options))
        return run_study(settings, options, console, make=make)


@contextmanager
def _fork_server_for(options: Options) -> Iterator[None]:
    """Has another process import TensorFlow for the workers, while this one imports everything else.

    Within another such block nothing is started anew.
    """
    if options.workers != 0 and options.scheduler is None:
        fork_server.start()
    try:
        yield
    finally:
        fork_server.stop()


def said_of_study(options: Options) -> dict[str, Any]:
    """The options that replace values of a study file, by the argument of `make_settings` that takes each."""
    return {
        "name": options.name,
        "data": options.data,
        "trials": options.trials,
        "seed": options.seed,
        "pruner": options.pruner,
        "objective": options.objective,
        "class_weight": options.class_weight,
        "network": options.network,
        "sampler": options.sampler,
    }


def run_study(
    settings: StudySettings,
    options: Options,
    console: Console,
    tags: Tags | None = None,
    make: MakeEngine = make_engine,
    host: "Callable[[Objective], Progress] | None" = None,
) -> int:
    """Runs the missing trials of a study; returns and raises as `run_search`.

    Args:
        tags: further tags of the trials' runs; with them, the caller prints the headline of a complete study.
        make: makes the engine.
        host: makes the progress of a program that runs the search; the suggested next commands are not printed then.
    """
    with _fork_server_for(options), without_collections():
        search = replace(prepare(settings, options, console, tags or {}), host=host)
        if options.dry_run:
            from search.commands.dry_run import dry_run
            from search.tracking.tracking_store import check_tracking

            check_tracking()
            dry_run(search)
            return COMPLETE
        return _train(search, make)


def _train(search: Search, make: MakeEngine) -> int:
    # `mlflow run` passes its run in the environment. A worker that saw the variable would reopen and rename the run.
    own_run = os.environ.pop("MLFLOW_RUN_ID", None)
    options, settings, workers = search.options, search.settings, search.workers
    engine = make(workers, options.scheduler, search.split, settings.device, settings.source is not None)
    if settings.folds and (workers > 1 or options.scheduler is not None):
        engine = FoldsEngine(engine, settings.folds)
    with asked_to_stop() as asked:
        try:
            if search.missing:
                if search.host is None and workers:
                    # The start takes seconds, and half a minute right after an installation: Python compiles all files.
                    search.console.print(f"starting {search.workers_words}", markup=False, highlight=False)
                engine.start()  # workers import TensorFlow while this process imports MLflow and opens the databases
            return _track(search, engine, own_run, asked)
        finally:
            engine.close()


def _track(search: Search, engine: Engine, own_run: str | None, asked: list[str]) -> int:
    """Holds the study, opens both stores, and searches."""
    from search.commands.introduction import introduce
    from search.driver.store_errors import StoreError, explain
    from search.stores.lock import DriverLock, Taken
    from search.tracking.logged_studies import source_changes
    from search.tracking.tracking_store import check_tracking

    settings, options = search.settings, search.options
    check_tracking()
    if search.is_new and options.scheduler is None and settings.device == "cpu":
        first = search.plan.trials[: search.workers]
        engine = HeadStart(engine, [Job.of(settings.name, trial, 0, settings.source) for trial in first])
    lock = DriverLock(StudyPaths(settings.name, root_of(options.storage)), options.storage)
    try:
        study, parent = _open_stores(search, own_run, lock)
        introduce(search, parent)
        ended, plan = _drive(search, engine, study, parent, asked)
        search = replace(search, plan=plan)
        return conclude_search(search, study, parent, ended, own_run, with_report=not asked)
    except OtherSettings as error:
        raise ConfigError(f"{error}{source_changes(error.parent_run_id, settings.source)}") from None
    except Taken as error:  # another driver took the study while the database was away
        search.console.print(str(error), markup=False)
        return MISSING
    except StoreError as error:  # before the driver started: a running driver waits for stores that go away
        search.console.print(f"{explain(error)}\nthe same command goes on where this one ended", markup=False)
        return MISSING
    finally:
        if search.later is not None:
            search.later.stop()
        lock.release()


def _open_stores(search: Search, own_run: str | None, lock: "DriverLock") -> "tuple[StudyStore, ParentRun]":
    """The study in Optuna, held by `lock`, and its parent run in MLflow; each store knows the other."""
    from search.stores.lock import alone
    from search.stores.optuna_study import StudyStore
    from search.tracking.own_run import note_address
    from search.tracking.parent_run import ParentRun

    settings, storage, plan, dataset = search.settings, search.options.storage, search.plan, search.dataset
    with alone(stores_lock(storage)):
        study = StudyStore(storage, settings, dataset.sha256, search.objective, lock.hold)
        study.check_plan(plan)
        parent = ParentRun(settings.name, PROJECT)
        if own_run is not None:
            note_address(own_run)
        parent.open(study.parent_run_id, own_run, plan.hash, search.objective)
        # At once: if this process were killed, a parent run unknown to the study would stay RUNNING.
        study.remember(
            parent_run_id=parent.id,
            plan_hash=plan.hash,
            planned_trials=plan.size,
            data_sha256=dataset.sha256,
        )
    return study, parent


def _drive(
    search: Search, engine: Engine, study: "StudyStore", parent: "ParentRun", asked: Sequence[str]
) -> "tuple[Ended, Plan]":
    """Trains the missing trials, then the refit of a complete cross-validated study; also returns the whole plan."""
    from search.commands.introduction import note_for_optuna
    from search.driver.delivery import Delivery, Stores
    from search.driver.driver import Driver
    from search.driver.keeping import ModelKeeper, ModelPolicy
    from search.tracking.trial_runs import TrialRuns

    settings, options, plan = search.settings, search.options, search.plan
    ui_url = ui_url_of(options)
    study.note(note_for_optuna(search, parent, ui_url))
    stores = Stores(StudyPaths(settings.name, root_of(options.storage)), TrialRuns(parent), study, ui_url)
    progress = _begin_progress(search)
    policy = ModelPolicy("none") if settings.folds else options.models  # folds have no model: the refit has
    keeper = ModelKeeper(policy, stores.paths, study.attempts(), search.objective)
    delivery = Delivery(settings, plan, stores, keeper, progress, search.tags, options.limits)
    end = PreparedEnd(search)
    driver = Driver(plan, engine, delivery, search.rule, _growth(search, study, parent), end.tell_left)
    settle()
    try:
        ended = driver.run(asked)
        if not asked:
            end.wait()
        if settings.folds and ended.complete:
            from search.driver.refit import refit_best

            with_model = options.models.mode == "all"
            ended = refit_best(driver.plan, ended, engine, delivery, asked, with_model)
        return ended, driver.plan
    finally:
        progress.close()


def _begin_progress(search: Search) -> "Progress":
    """The progress as the host or the console shows it; first says how many cells of a grid count."""
    from search.driver.progress import ConsoleProgress

    shown = partial(ConsoleProgress, search.console) if search.host is None else search.host
    progress = shown(search.objective)
    equal, different = search.settings.equal_cells, search.settings.population or 0
    if equal:
        progress.say(
            f"of the grid's {equal + different} cells {equal} are the same networks as others: {different} different "
            "ones count"
        )
    return progress


def _growth(search: Search, study: "StudyStore", parent: "ParentRun") -> "Growing | None":
    """What draws the rest of the plan while trials run; None where the plan is drawn already."""
    if search.later is None:
        return search.replicates
    from search.tracking.growth import Growth

    return Growth(search.later, search.settings, study, parent, search.options.storage)


def main(arguments: Sequence[str]) -> int:
    return run_command(lambda: run_search(read_options(list(arguments)), make_console()))
