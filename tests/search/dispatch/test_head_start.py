"""A new study's first trials run before its stores are open."""

from pathlib import Path

from rich.console import Console

from models.core.errors import ConfigError
from search.command_line.options import read_options
from search.commands.session import run_search
from search.dispatch.head_start import HeadStart
from search.stores.paths import StudyPaths
from search.workers.engine import Done
from tests.search.fakes import FakeEngine
from tests.search.jobs import job


def test_begun_jobs_run_once_and_their_room_is_for_them_alone() -> None:
    engine = FakeEngine(slots=3)
    ahead = HeadStart(engine, [job(0), job(1)])
    assert engine.jobs == [job(0), job(1)]
    assert ahead.room() == 2
    ahead.submit(job(0))
    ahead.submit(job(1))
    assert engine.jobs == [job(0), job(1)], "a begun job must not run twice"
    assert ahead.room() == 1
    ahead.submit(job(2))
    assert engine.jobs == [job(0), job(1), job(2)]
    ended = [event for _ in range(9) for event in ahead.events(0.1) if isinstance(event, Done)]
    assert sorted(event.outcome.number for event in ended) == [0, 1, 2]
    assert not engine.abandoned


def test_a_begun_job_that_another_driver_has_run_meanwhile_is_given_up() -> None:
    engine = FakeEngine(slots=2)
    ahead = HeadStart(engine, [job(0), job(1)])
    ahead.submit(job(1))
    ahead.events(0.1)
    assert engine.abandoned == [(0, 0)]
    assert ahead.room() == 1


def test_a_study_that_is_refused_after_its_head_start_leaves_nothing(workdir: Path) -> None:
    """The experiment's name is taken, which the search learns from the tracking store after training has begun."""
    console = Console(quiet=True)

    def options(name: str) -> list[str]:
        return ["--study", "digits-random", "--name", name, "--trials", "1", "--workers", "1"]

    def search(name: str) -> tuple[FakeEngine, int | str]:
        engine = FakeEngine()
        try:
            return engine, run_search(read_options(options(name)), console, make=lambda *_: engine)
        except ConfigError as error:
            return engine, str(error)

    assert search("first")[1] == 0
    from mlflow import MlflowClient

    client = MlflowClient()
    client.delete_experiment(client.create_experiment("second"))
    engine, said = search("second")
    assert [each.number for each in engine.jobs] == [0]
    assert "must not be deleted" in str(said)
    paths = StudyPaths("second", workdir)
    assert paths.outcomes() == []
