import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from models.data.sources import load_dataset
from search.commands.preparation import split_study
from search.commands.signals import asked_to_stop
from search.driver.delivery import Delivery, Stores
from search.driver.driver import Driver, Ended
from search.driver.keeping import ModelKeeper, ModelPolicy
from search.driver.limits import Limits
from search.driver.progress import ConsoleProgress
from search.driver.stopping import StopRule
from search.stores.optuna_study import StudyStore
from search.stores.paths import StudyPaths
from search.study.draws import make_plan
from search.study.reading import read_settings
from search.study.settings import StudySettings
from search.tracking.parent_run import ParentRun
from search.tracking.trial_runs import TrialRuns
from search.workers.engine import Engine

STORAGE = "sqlite:///optuna.db"
SMALL = {
    "sampler": "random",
    "trials": 6,
    "seed": 3,
    "space": {"width": [4, 8, 16], "learning_rate": {"low": 1e-3, "high": 1e-1, "log": True}},
    "training": {"epochs": 2, "batch_size": 64},
}


@pytest.fixture
def settings() -> StudySettings:
    return read_settings(SMALL, "small")


@pytest.fixture
def search(workdir: Path, empty_stores: tuple[Path, Path]) -> Callable[..., Ended]:
    """Runs a search session with the given engine on real SQLite stores, as session.py composes it."""
    for store in empty_stores:
        shutil.copy(store, workdir)

    def run(
        settings: StudySettings,
        engine: Engine,
        models: str = "all",
        own_run: str | None = None,
        stop_below: float | None = None,
        tags: dict[int, dict[str, object]] | None = None,
        limits: Limits | None = None,
    ) -> Ended:
        dataset = load_dataset("digits")
        split = split_study(settings, dataset)
        objective = settings.objective_of(dataset.target.task)
        plan = make_plan(settings)
        study = StudyStore(STORAGE, settings, dataset.sha256, objective)
        study.check_plan(plan)
        parent = ParentRun(settings.name, Path(__file__).parent)
        parent.open(study.parent_run_id, own_run, plan.hash, objective)
        parent.describe(dataset, split, {"sampler": settings.sampler, "seed": settings.seed})
        parent.attach({"study.yaml": settings.to_yaml()})
        study.remember(
            parent_run_id=parent.id, plan_hash=plan.hash, planned_trials=len(plan.trials), data_sha256=dataset.sha256
        )
        paths = StudyPaths(settings.name)
        keeper = ModelKeeper(ModelPolicy.read(models), paths, study.attempts(), objective)
        progress = ConsoleProgress(Console(quiet=True), objective)
        rule = StopRule(stop_below, settings, objective, {}) if stop_below is not None else None

        stores = Stores(paths, TrialRuns(parent), study, "http://127.0.0.1:5000")
        delivery = Delivery(settings, plan, stores, keeper, progress, tags, limits)
        driver = Driver(plan, engine, delivery, rule)
        with asked_to_stop() as asked:
            ended = driver.run(asked)
        parent.note_stop(ended.stopped_at)
        parent.close("FINISHED" if ended.complete else "FAILED")
        return ended

    return run


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of the doctor that do not wrap."""
    monkeypatch.setattr("search.doctor.command.make_console", lambda: Console(width=300))
