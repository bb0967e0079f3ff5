"""One command from its options to its exit code: every part of a search is made and joined here."""

import os
from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from rich.console import Console

from models.core import names
from models.core.errors import ConfigError
from models.data.dataset import Dataset
from models.data.sources import load_dataset
from models.data.splits import Split, split_by
from search.commands.options import Options
from search.driver.signals import asked_to_stop
from search.stores.databases import check_storage, check_writable
from search.stores.paths import StudyPaths, root_of, stores_lock
from search.study.settings import StudySettings, load_settings
from search.workers import fork_server
from search.workers.engine import Engine, InProcessEngine

if TYPE_CHECKING:  # imported where they are used, beside the worker processes' own imports
    from search.driver.stopping import StopRule
    from search.study.plan import Plan

PROJECT = Path(__file__).parent.parent
COMPLETE, MISSING, BAD_INPUT = 0, 1, 2
DEFAULT_UI = "http://127.0.0.1:5000"

Tags = Mapping[int, Mapping[str, object]]
"""Further tags of a plan number's child runs."""


def run_search(options: Options, console: Console) -> int:
    """`python -m search`: searches, tracks and reports.

    Returns:
        COMPLETE when every planned trial is finished and delivered, else MISSING.

    Raises:
        ConfigError: bad input; nothing has been made.
    """
    settings = load_settings(
        options.study,
        name=options.name,
        dataset=options.dataset,
        trials=options.trials,
        seed=options.seed,
        pruner=options.pruner,
    )
    if options.sampler is not None and settings.sampler != options.sampler:
        raise ConfigError(
            f"the sampler {options.sampler} needs a {options.sampler} study, got {settings.name!r}, whose sampler is "
            f"{settings.sampler}"
        )
    return run_study(settings, options, console)


def run_study(settings: StudySettings, options: Options, console: Console, tags: Tags | None = None) -> int:
    """Runs what is missing of a study; returns and raises as `run_search`. With `tags` the headline is the caller's."""
    if options.workers and options.scheduler is None:
        fork_server.start()  # imports TensorFlow while this process imports everything else
    try:
        return _run_study(settings, options, console, tags or {})
    finally:
        fork_server.stop()


def _run_study(settings: StudySettings, options: Options, console: Console, tags: Tags) -> int:
    from search.study.plan import make_plan

    dataset = load_dataset(settings.dataset)
    split = split_study(settings, dataset)
    if settings.folds and options.models.mode == "best":
        raise ConfigError(
            f"models must be all or none where trials are cross-validated, the refit alone has one, got "
            f"{options.models} with {settings.folds} folds"
        )
    plan = make_plan(settings)
    rule = None
    if options.stop_when_gain_below is not None:
        from search.driver.stopping import StopRule

        rule = StopRule(options.stop_when_gain_below, settings)
    check_storage(options.storage)
    check_writable(Path(), "what MLflow keeps")
    check_writable(root_of(options.storage), "the outbox")
    from search.stores.optuna_study import look_up

    stored = look_up(options.storage, settings.name)
    if stored.planned > len(plan.trials):  # a plan is extended, never cut
        settings = replace(settings, trials=stored.planned)
        plan = make_plan(settings)
    if options.dry_run:
        from search.commands.dry_run import dry_run
        from search.stores.tracking import check_tracking

        check_tracking()
        return dry_run(settings, plan, stored.finished, split, options, console)
    # `mlflow run` hands its run over in the environment. No worker may see it: it would reopen and rename that run.
    own_run = os.environ.pop("MLFLOW_RUN_ID", None)
    missing = sum(trial.number not in stored.finished for trial in plan.trials)
    # A worker without a trial would only prepare the data: on MNIST a forest takes most of a minute.
    engine = make_engine(replace(options, workers=min(options.workers, max(missing, 1))), split)
    with asked_to_stop() as asked:
        try:
            if missing:
                engine.start()  # workers import TensorFlow while this process imports MLflow and opens the databases
            return _run(settings, options, dataset, split, plan, engine, own_run, asked, tags, rule, console)
        finally:
            engine.close()


def split_study(settings: StudySettings, dataset: Dataset) -> Split:
    """The study's training, validation and test parts."""
    return split_by(dataset, **settings.split)  # type: ignore[arg-type]


def make_engine(options: Options, split: Split) -> Engine:
    if options.workers == 0 and options.scheduler is None:
        return InProcessEngine(split)
    from search.workers.dask_engine import DaskEngine

    if options.scheduler is not None:
        from search.workers.cluster import check_scheduler

        check_scheduler(options.scheduler)
    return DaskEngine(split, options.workers, options.scheduler)


def _run(
    settings: StudySettings,
    options: Options,
    dataset: Dataset,
    split: Split,
    plan: "Plan",
    engine: Engine,
    own_run: str | None,
    asked: list[str],
    tags: Tags,
    rule: "StopRule | None",
    console: Console,
) -> int:
    from search.driver.delivery import Delivery
    from search.driver.driver import Driver
    from search.driver.keeping import ModelKeeper, ModelPolicy
    from search.driver.progress import ConsoleProgress
    from search.stores.lock import DriverLock, Taken, alone
    from search.stores.optuna_study import StudyStore
    from search.stores.store_errors import StoreError, explain
    from search.stores.tracking import Tracking, check_tracking, tracking_ui

    check_tracking()
    paths = StudyPaths(settings.name, root_of(options.storage))
    lock = DriverLock(paths, options.storage)
    try:
        with alone(stores_lock(options.storage)):
            study = StudyStore(options.storage, settings, dataset.sha256, lock.hold)
            tracking = Tracking(settings.name, PROJECT)
            parent = tracking.open_parent(study.parent_run_id, own_run, plan.hash)
            # At once: a parent that the study does not know of would stay RUNNING if this process were killed.
            study.remember(
                parent_run_id=parent, plan_hash=plan.hash, planned_trials=len(plan.trials), data_sha256=dataset.sha256
            )
        tracking.describe(dataset, split, _facts(settings, plan))
        tracking.attach({"plan.csv": plan.csv, "study.yaml": settings.to_yaml()})
        ui_url = options.ui_url or tracking_ui() or DEFAULT_UI
        study.note(
            f"**{settings.name}**: {settings.sampler} sampler, seed {settings.seed}, {len(plan.trials)} trials.\n\n"
            f"{settings.description}\n\n[Parent run in MLflow]({ui_url}/{tracking.link(parent)})"
        )
        progress = ConsoleProgress(console)
        keeper = ModelKeeper(ModelPolicy("none") if settings.folds else options.models, paths, study.attempts())
        delivery = Delivery(settings, plan, study, tracking, keeper, paths, progress, f"{ui_url}/", tags)
        driver = Driver(
            settings.name,
            plan,
            engine,
            delivery,
            progress,
            rule,
            options.limits,
            # Seconds of imports, on the core of the first worker that has nothing left to do.
            when_idle=Thread(target=_import_report, daemon=True).start,
        )
        try:
            ended = driver.run(asked)
            if settings.folds and ended.complete:
                from search.driver.refit import refit_best

                with_model = options.models.mode == "all"
                ended = refit_best(settings, plan, ended, study, engine, tracking, progress, asked, with_model)
        except Taken as error:  # while the database was away
            console.print(str(error), markup=False)
            return MISSING
        finally:
            progress.close()
        from search.driver.conclusion import conclude, print_next_steps
        from search.driver.summary import print_summary

        summary = conclude(settings, plan, tracking, ended, console, with_report=not asked)
        if not tags or not ended.complete:
            if summary is not None:
                print_summary(summary, console)
            best = None if summary is None or options.models.mode == "none" else summary.table.network_run_id
            print_next_steps(settings, options.given, ended, best, tracking.launcher(own_run), console)
        return COMPLETE if ended.complete else MISSING
    except StoreError as error:  # before the driver could start: it waits for stores that go away later
        console.print(f"{explain(error)}\nthe same command goes on where this one ended", markup=False)
        return MISSING
    finally:
        lock.release()


def _import_report() -> None:
    for name in ("search.driver.conclusion", "analysis.report.contents"):
        import_module(name)


def _facts(settings: StudySettings, plan: "Plan") -> dict[str, object]:
    facts: dict[str, object] = {
        "sampler": settings.sampler,
        "seed": settings.seed,
        names.PLANNED_TRIALS: len(plan.trials),
        "pruner": settings.pruner,
    }
    return facts | settings.split | ({names.GRID_SIZE: settings.population} if settings.sampler == "grid" else {})
