"""One `python -m search`: from options to exit code."""

import os
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from models.config import ConfigError
from models.data import Dataset, load_dataset
from models.seeds import derive_seed
from models.splits import Split, split_dataset
from search.databases import check_storage, check_writable
from search.engine import Engine, EngineError, InProcessEngine
from search.options import Options
from search.paths import StudyPaths
from search.plan import Plan, make_plan
from search.settings import StudySettings, load_settings
from search.signals import asked_to_stop

PROJECT = Path(__file__).parent.parent
COMPLETE, MISSING, BAD_INPUT = 0, 1, 2
DEFAULT_UI = "http://127.0.0.1:5000"


def run_search(options: Options, console: Console) -> int:
    """Searches, tracks and reports.

    Returns:
        COMPLETE when every planned trial is finished and delivered, else MISSING.

    Raises:
        ConfigError: bad input; nothing has been made.
    """
    settings = _settings(options)
    dataset = load_dataset(settings.dataset)
    split = split_dataset(
        dataset, settings.validation, derive_seed(settings.seed, "validation"), settings.preprocessing
    )
    plan = make_plan(settings)
    if options.dry_run:
        from search.dry_run import dry_run

        return dry_run(settings, plan, split, options, console)
    check_storage(options.storage)
    check_writable(Path(), "the outbox")
    # `mlflow run` hands its run over in the environment. No worker may see it: it would reopen and rename that run.
    own_run = os.environ.pop("MLFLOW_RUN_ID", None)
    engine = make_engine(options, split)
    with asked_to_stop() as asked:
        try:
            return _search(options, settings, dataset, split, plan, engine, own_run, asked, console)
        finally:
            engine.close()


def make_engine(options: Options, split: Split) -> Engine:
    if options.workers == 0 and options.scheduler is None:
        return InProcessEngine(split)
    from search.workers import DaskEngine

    return DaskEngine(split, options.workers, options.scheduler)


def _search(
    options: Options,
    settings: StudySettings,
    dataset: Dataset,
    split: Split,
    plan: Plan,
    engine: Engine,
    own_run: str | None,
    asked: list[str],
    console: Console,
) -> int:
    from search.study import finished_numbers

    if not {trial.number for trial in plan.trials} <= finished_numbers(options.storage, settings.name):
        engine.start()  # workers import TensorFlow while this process imports MLflow and opens the databases

    from search.driver import Driver
    from search.keeping import ModelKeeper
    from search.lock import DriverLock
    from search.progress import ConsoleProgress
    from search.report import conclude, print_next_steps
    from search.study import StudyStore
    from search.tracking import Tracking, check_tracking, tracking_ui

    check_tracking()
    study = StudyStore(options.storage, settings, dataset.sha256)
    settings, plan = _at_least_as_many(settings, plan, study.planned_trials)
    paths = StudyPaths(settings.name)
    lock = DriverLock(paths)
    ui_url = options.ui_url or tracking_ui() or DEFAULT_UI
    try:
        tracking = Tracking(settings.name, PROJECT)
        parent = tracking.open_parent(study.parent_run_id, own_run, plan.hash)
        tracking.describe(dataset, split, _facts(settings, plan))
        tracking.attach({"plan.csv": plan.csv, "study.yaml": settings.to_yaml()})
        study.remember(
            parent_run_id=parent, plan_hash=plan.hash, planned_trials=len(plan.trials), data_sha256=dataset.sha256
        )
        study.note(
            f"**{settings.name}**: {settings.sampler} sampler, seed {settings.seed}, {len(plan.trials)} trials.\n\n"
            f"{settings.description}\n\n[Parent run in MLflow]({ui_url}/{tracking.child_link(parent)})"
        )
        keeper = ModelKeeper(options.models, paths, study.attempts())
        progress = ConsoleProgress(console)
        driver = Driver(settings, plan, engine, study, tracking, keeper, paths, progress, f"{ui_url}/")
        try:
            ended = driver.run(asked)
        finally:
            progress.close()
        conclude(settings, tracking, ended, console)
        print_next_steps(settings, options.given, ended, tracking.launcher(own_run), console)
        return COMPLETE if ended.complete else MISSING
    except EngineError as error:
        console.print(f"error: {error}", markup=False, highlight=False)
        return MISSING
    finally:
        lock.release()


def _settings(options: Options) -> StudySettings:
    settings = load_settings(
        options.study, name=options.name, dataset=options.dataset, trials=options.trials, seed=options.seed
    )
    if options.sampler is not None and settings.sampler != options.sampler:
        raise ConfigError(
            f"the sampler {options.sampler} needs a {options.sampler} study, got {settings.name!r}, whose sampler is "
            f"{settings.sampler}"
        )
    return settings


def _at_least_as_many(settings: StudySettings, plan: Plan, planned_before: int) -> tuple[StudySettings, Plan]:
    """A plan is extended, never cut: with fewer trials than before it stays as it is."""
    if planned_before <= len(plan.trials):
        return settings, plan
    settings = replace(settings, trials=planned_before)
    return settings, make_plan(settings)


def _facts(settings: StudySettings, plan: Plan) -> dict[str, object]:
    facts: dict[str, object] = {
        "sampler": settings.sampler,
        "seed": settings.seed,
        "planned_trials": len(plan.trials),
        "validation": settings.validation,
        "preprocessing": settings.preprocessing,
    }
    return facts | ({"grid_size": settings.population} if settings.sampler == "grid" else {})
