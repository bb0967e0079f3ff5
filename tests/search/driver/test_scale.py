"""Thousands of trials: what one costs the driver does not grow with how many there were before it."""

import statistics
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from benchmarks.engine import scale
from search.driver.driver import Ended
from search.study.settings import StudySettings
from search.workers.job import Job
from tests.search.fakes import FakeEngine

WINDOW = 50


class Timed(FakeEngine):
    """Notes this process' CPU seconds at each submission: other work on the machine does not count."""

    def __init__(self) -> None:
        super().__init__(slots=2)
        self.marks: list[float] = []

    def submit(self, job: Job) -> None:
        self.marks.append(time.process_time())
        super().submit(job)


def test_the_last_of_many_trials_costs_what_the_first_did(
    search: Callable[..., Ended], settings: StudySettings
) -> None:
    engine = Timed()
    assert search(replace(settings, trials=5 * WINDOW), engine, models="best:2", stop_below=0.0001).complete
    costs = [after - before for before, after in zip(engine.marks, engine.marks[1:], strict=False)]
    medians = [statistics.median(costs[start : start + WINDOW]) for start in range(0, len(costs), WINDOW)]
    assert medians[-1] < 1.4 * medians[0], medians


@pytest.mark.slow
def test_two_thousand_trials_in_flat_time_and_memory_resumed_and_shown_in_seconds() -> None:
    found = scale(2000)
    windows = found["windows"]
    assert max(window["seconds"] for window in windows) < 0.15, windows
    assert windows[-1]["megabytes"] - windows[0]["megabytes"] < 60, windows
    assert found["again"] < 10
    assert found["resumed"] < 6
    assert found["pages"]["mlflow_first_page"] < 2
    assert found["pages"]["mlflow_study"] < 2
