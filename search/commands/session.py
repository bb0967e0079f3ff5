"""`python -m search`: one search from its options to its exit code, every part of it made and joined here."""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from rich.console import Console

from models.core import names
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
from search.study.settings import START_UP, StudySettings
from search.study.study_file import load_settings
from search.workers import fork_server
from search.workers.choice import make_engine
from search.workers.engine import Engine
from search.workers.job import Job

if TYPE_CHECKING:  # imported where they are used, beside the worker processes' own imports
    from search.driver.driver import Ended
    from search.driver.progress import Progress
    from search.stores.optuna_study import StudyStore
    from search.study.growing import Growing
    from search.study.plan import Plan
    from search.tracking.parent_run import ParentRun

MakeEngine = Callable[[int, str | None, Split, str, bool], Engine]


def run_search(options: Options, console: Console, make: MakeEngine = make_engine) -> int:
    """`python -m search`: searches, tracks and reports; `make` gives the engine.

    Returns:
        COMPLETE when every planned trial is finished and delivered, else MISSING.

    Raises:
        ConfigError: bad input; nothing has been made.
    """
    settings = load_settings(
        options.study,
        name=options.name,
        data=options.data,
        trials=options.trials,
        seed=options.seed,
        pruner=options.pruner,
        objective=options.objective,
        class_weight=options.class_weight,
        network=options.network,
        sampler=options.sampler,
    )
    return run_study(settings, options, console, make=make)


def run_study(
    settings: StudySettings,
    options: Options,
    console: Console,
    tags: Tags | None = None,
    make: MakeEngine = make_engine,
    host: "Callable[[Objective], Progress] | None" = None,
) -> int:
    """Runs what is missing of a study; returns and raises as `run_search`. With `tags` the headline is the caller's.

    A `host` program shows the progress in its own way, and is not told what to type next.
    """
    if options.workers != 0 and options.scheduler is None:
        fork_server.start()  # imports TensorFlow while this process imports everything else
    with without_collections():
        return _run(settings, options, console, tags or {}, make, host)


def _run(
    settings: StudySettings,
    options: Options,
    console: Console,
    tags: Tags,
    make: MakeEngine,
    host: "Callable[[Objective], Progress] | None",
) -> int:
    try:
        search = replace(prepare(settings, options, console, tags), host=host)
        if options.dry_run:
            from search.commands.dry_run import dry_run
            from search.tracking.tracking_store import check_tracking

            check_tracking()
            dry_run(search)
            return COMPLETE
        return _train(search, make)
    finally:
        fork_server.stop()


def _train(search: Search, make: MakeEngine) -> int:
    # `mlflow run` hands its run over in the environment. No worker may see it: it would reopen and rename that run.
    own_run = os.environ.pop("MLFLOW_RUN_ID", None)
    options, settings, workers = search.options, search.settings, search.workers
    engine = make(workers, options.scheduler, search.split, settings.device, settings.source is not None)
    if settings.folds and (workers > 1 or options.scheduler is not None):
        engine = FoldsEngine(engine, settings.folds)
    with asked_to_stop() as asked:
        try:
            if search.missing:
                if search.host is None and workers:
                    # Else nothing is seen for seconds, after an installation for half a minute: Python compiles it all.
                    search.console.print(f"starting {search.workers_words}", markup=False, highlight=False)
                engine.start()  # workers import TensorFlow while this process imports MLflow and opens the databases
            return _track(search, engine, own_run, asked)
        finally:
            engine.close()


def _track(search: Search, engine: Engine, own_run: str | None, asked: list[str]) -> int:
    """Holds the study, opens both stores, and searches."""
    from analysis.reading.mlflow_client import baselines_of
    from search.driver.store_errors import StoreError, explain
    from search.stores.lock import DriverLock, Taken, alone
    from search.stores.optuna_study import StudyStore
    from search.tracking.growth import keep_space
    from search.tracking.logged_studies import NETWORK_FOLDER, source_changes
    from search.tracking.own_run import note_address
    from search.tracking.parent_run import ParentRun
    from search.tracking.tracking_store import check_tracking

    settings, options, plan, dataset = search.settings, search.options, search.plan, search.dataset
    check_tracking()
    if search.is_new and options.scheduler is None and settings.device == "cpu":
        first = plan.trials[: search.workers]
        engine = HeadStart(engine, [Job.of(settings.name, trial, 0, settings.source) for trial in first])
    lock = DriverLock(StudyPaths(settings.name, root_of(options.storage)), options.storage)
    try:
        with alone(stores_lock(options.storage)):
            study = StudyStore(options.storage, settings, dataset.sha256, search.objective, lock.hold)
            study.check_plan(plan)
            parent = ParentRun(settings.name, PROJECT)
            if own_run is not None:
                note_address(own_run)
            parent.open(study.parent_run_id, own_run, plan.hash, search.objective)
            # At once: a parent that the study does not know of would stay RUNNING if this process were killed.
            study.remember(
                parent_run_id=parent.id,
                plan_hash=plan.hash,
                planned_trials=plan.size,
                data_sha256=dataset.sha256,
            )
        parent.describe(dataset, search.split, _facts(settings, plan))
        parent.resolve(_resolved(search))
        parent.show_trials(search.objective, not settings.folds, plan.searched)
        search.baselines.update(baselines_of(parent.run))
        parent.note_baselines(search.baselines)
        parent.attach({"plan.csv": plan.csv, "study.yaml": settings.to_yaml()})
        if search.space is not None and settings.source is not None:
            files = {f"{NETWORK_FOLDER}/{name}": text for name, text in settings.source.texts}
            parent.attach({**keep_space(search.space, settings, options.storage), **files})
        ended, plan = _drive(search, engine, study, parent, asked)
        search = replace(search, plan=plan)
        return conclude_search(search, study, parent, ended, own_run, with_report=not asked)
    except OtherSettings as error:
        raise ConfigError(f"{error}{source_changes(error.parent_run_id, settings.source)}") from None
    except Taken as error:  # while the database was away
        search.console.print(str(error), markup=False)
        return MISSING
    except StoreError as error:  # before the driver could start: it waits for stores that go away later
        search.console.print(f"{explain(error)}\nthe same command goes on where this one ended", markup=False)
        return MISSING
    finally:
        if search.later is not None:
            search.later.stop()
        lock.release()


def _drive(
    search: Search, engine: Engine, study: "StudyStore", parent: "ParentRun", asked: Sequence[str]
) -> "tuple[Ended, Plan]":
    """Trains what is missing, and the refit of a cross-validated study that is complete; the plan as it is then."""
    from analysis.estimates.notes import NOT_DETERMINISTIC
    from search.driver.delivery import Delivery, Stores
    from search.driver.driver import Driver
    from search.driver.keeping import ModelKeeper, ModelPolicy
    from search.driver.progress import ConsoleProgress
    from search.tracking.growth import Growth
    from search.tracking.trial_runs import TrialRuns

    settings, options, plan = search.settings, search.options, search.plan
    ui_url = ui_url_of(options)
    said = (
        f"**{settings.name}**: {settings.sampler} sampler, seed {settings.seed}, {plan.size} trials.",
        settings.description,
        "" if settings.deterministic else NOT_DETERMINISTIC,
        f"[The trials in MLflow, the best first]({ui_url}/{parent.trials_link}), "
        f"[the study's own run]({ui_url}/{parent.link(parent.id)})",
    )
    study.note("\n\n".join(said))
    stores = Stores(StudyPaths(settings.name, root_of(options.storage)), TrialRuns(parent), study, ui_url)
    shown = partial(ConsoleProgress, search.console) if search.host is None else search.host
    progress = shown(search.objective)
    equal, different = settings.equal_cells, settings.population or 0
    if equal:
        progress.say(
            f"of the grid's {equal + different} cells {equal} are the same networks as others: {different} different "
            "ones count"
        )
    keeper = ModelKeeper(
        ModelPolicy("none") if settings.folds else options.models, stores.paths, study.attempts(), search.objective
    )
    delivery = Delivery(settings, plan, stores, keeper, progress, search.tags, options.limits)
    end = PreparedEnd(search)
    growth: Growing | None = search.replicates
    if search.later is not None:
        growth = Growth(search.later, settings, study, parent, options.storage)
    driver = Driver(plan, engine, delivery, search.rule, growth, end.tell_left)
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


def _facts(settings: StudySettings, plan: "Plan") -> dict[str, object]:
    facts: dict[str, object] = {
        names.SAMPLER: settings.sampler,
        names.SEED: settings.seed,
        names.PLANNED_TRIALS: plan.size,
        "pruner": settings.pruner,
        names.TARGETS: json.dumps(settings.targets),
    }
    adaptive = {} if not settings.replicates else {
        names.REPLICATES: settings.replicates, names.START_UP: min(START_UP, settings.trials_each),
    }  # fmt: skip
    grid = {names.GRID_SIZE: settings.population} if settings.sampler == "grid" else {}
    return facts | settings.split | settings.network_tags | grid | adaptive


def _resolved(search: Search) -> dict[str, object]:
    """What the study says where `mlflow run` logs that an option was left to it."""
    settings = search.settings
    trial = search.plan.trials[0].config.parameters()
    return {
        names.SAMPLER: settings.sampler,
        names.SEED: settings.seed,
        names.DATASET: search.dataset.name,
        names.TASK: search.dataset.target.task,
        "pruner": settings.pruner,
        **settings.split,
        names.OBJECTIVE: search.objective.name,
        **{name: value for name, value in trial.items() if name not in search.plan.searched},
    }


def main(arguments: Sequence[str]) -> int:
    return run_command(lambda: run_search(read_options(list(arguments)), make_console()))
