"""The folds of a trial on several workers: the driver sees one job with one end, as with one worker."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from models.core.results import EpochReport
from models.data.sources import load_dataset
from models.data.splits import split_dataset
from search.dispatch.folds import FoldsEngine
from search.workers.dask_engine import DaskEngine
from search.workers.engine import Done, Epoch, Lost, Started
from search.workers.in_process import InProcessEngine
from search.workers.job import Job
from search.workers.outcome import Outcome
from tests.search.fakes import FakeEngine, complete, fails
from tests.search.jobs import CONFIG, LONG, job, submit, wait

SPLIT = split_dataset(load_dataset("digits"), 0.2, seed=1, folds=3)


@pytest.fixture
def engine() -> Iterator[FoldsEngine]:
    engine = FoldsEngine(DaskEngine(SPLIT, workers=2), 3)
    engine.start()
    yield engine
    engine.close()


def repeatable(outcome: Outcome) -> object:
    assert outcome.result is not None
    history = [(epoch.epoch, epoch.metrics) for epoch in outcome.history]
    return outcome.result.repeatable(), history, outcome.picture, outcome.state


def test_folds_on_two_workers_make_the_very_trial_that_one_process_makes(engine: FoldsEngine) -> None:
    submit(engine, [job(0), job(1)])
    events = wait(engine, 2)
    here, twin = [], InProcessEngine(SPLIT)
    twin.start()
    for each in (job(0), job(1)):
        twin.submit(each)
        here += wait(twin, 1)
    twin.close()
    ours = {event.outcome.number: event.outcome for event in events if isinstance(event, Done)}
    theirs = {event.outcome.number: event.outcome for event in here if isinstance(event, Done)}
    assert {number: repeatable(one) for number, one in ours.items()} == {
        number: repeatable(one) for number, one in theirs.items()
    }
    assert [event.number for event in events if isinstance(event, Started)] == [0, 1]
    assert sum(isinstance(event, Epoch) for event in events) == 2 * 3 * CONFIG.epochs
    assert all(one.started_ms < one.ended_ms and not one.fold for one in ours.values())


def test_an_attempt_that_is_stopped_ends_once_and_its_workers_are_free_again(engine: FoldsEngine) -> None:
    submit(engine, [job(0, LONG)])
    while not any(isinstance(event, Epoch) for event in engine.events(0.2)):
        pass
    engine.ask_to_stop(0, 0, "timeout")
    (done,) = [event for event in wait(engine, 1, seconds=20) if isinstance(event, Done | Lost)]
    assert isinstance(done, Done)
    assert (done.outcome.state, done.outcome.reason, done.outcome.fold) == ("failed", "timeout", 0)
    submit(engine, [job(1)])
    ended = [event for event in wait(engine, 1) if isinstance(event, Done | Lost)]
    assert [event.outcome.number for event in ended if isinstance(event, Done)] == [1]


def ends_of(engine: FoldsEngine) -> list[Done | Lost]:
    return [event for _ in range(20) for event in engine.events(0.01) if isinstance(event, Done | Lost)]


def of_fold(job: Job) -> Outcome:
    history = (EpochReport(1, {f"fold_{job.fold}_val_loss": 0.5}, 1),)
    return replace(complete(job), fold=job.fold, history=history)


def test_of_folds_that_fail_the_lowest_is_told_with_the_epochs_up_to_there() -> None:
    def behave(job: Job) -> Outcome:
        return replace(fails("diverged")(job), fold=job.fold, history=()) if job.fold in (2, 3) else of_fold(job)

    inner = FakeEngine(behave, slots=3)  # tells the end of the last job first
    engine = FoldsEngine(inner, 3)
    engine.submit(job(0))
    (done,) = ends_of(engine)
    assert isinstance(done, Done)
    assert (done.outcome.state, done.outcome.reason, done.outcome.fold) == ("failed", "diverged", 0)
    assert [list(epoch.metrics) for epoch in done.outcome.history] == [["fold_1_val_loss"]]
    assert sorted(each.fold for each in inner.jobs) == [1, 2, 3], "nothing is joined"


def test_an_attempt_that_loses_a_folds_worker_is_lost_once_and_runs_again_as_another() -> None:
    inner = FakeEngine(lambda job: "gone" if (job.fold, job.attempt) == (2, 0) else of_fold(job), slots=1)
    engine = FoldsEngine(inner, 3)
    engine.submit(job(0))
    assert ends_of(engine) == [Lost(0, 0, "gone")]
    assert [each.fold for each in inner.jobs] == [1, 2], "the third is not begun"
    engine.submit(replace(job(0), attempt=1))
    ends_of(engine)
    assert [(each.attempt, each.fold) for each in inner.jobs[2:]] == [(1, 1), (1, 2), (1, 3), (1, 0)]


def test_there_is_room_for_a_trial_once_the_folds_of_those_before_are_begun() -> None:
    engine = FoldsEngine(FakeEngine(of_fold, slots=2), 3)
    assert engine.room() == 1
    engine.submit(job(0))
    assert engine.room() == 0
    while not any(isinstance(event, Done) for event in engine.events(0.01)) and not engine.room():
        pass
    assert engine.room() == 1


@pytest.mark.parametrize("lost", [False, True])
def test_the_refit_of_a_trial_is_told_though_it_has_the_number_of_one_that_ended(lost: bool) -> None:
    inner = FakeEngine(lambda job: "gone" if lost and job.fold == 1 else of_fold(job), slots=2)
    engine = FoldsEngine(inner, 3)
    engine.submit(job(0))
    assert len(ends_of(engine)) == 1
    engine.submit(replace(job(0), refit=True, seed=5))
    (done,) = ends_of(engine)
    assert isinstance(done, Done)
    assert done.outcome.seed == 5
