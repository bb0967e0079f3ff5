"""What is shown of a search: finished of planned, how fast, how long still, and the best score as what it is."""

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from models.core import names, states
from models.tasks.objective import Objective
from search.driver import progress
from search.driver.progress import ConsoleProgress, Tally, duration


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The seconds that have passed, in a list that a test changes."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def lines_of(clock: list[float], seconds_a_trial: float, trials: int) -> list[str]:
    """What a log file has of a search whose trials take so long each."""
    written = io.StringIO()
    shown = ConsoleProgress(Console(file=written, width=110), Objective(names.VAL_ACCURACY))
    shown.begin(trials, 0)
    for number in range(trials):
        clock[0] += seconds_a_trial
        shown.seen(states.COMPLETE, 0.5 + number / 10 / trials)
        shown.advance()
    shown.close()
    return written.getvalue().splitlines()


def test_a_log_file_gets_finished_of_planned_the_rate_the_time_left_and_the_best_by_name(clock: list[float]) -> None:
    lines = lines_of(clock, 2.0, 40)
    assert lines[0] == "training 40 trials (0 of 40 are finished already)"
    assert lines[1] == "5 of 40 trials, 0 failed, 30 a minute, about 70 s left, best val_accuracy so far 0.5100"
    assert lines[-1] == "40 of 40 trials, 0 failed, 30 a minute, best val_accuracy so far 0.5975"
    assert len(lines) == 9


def test_a_long_search_writes_no_line_a_trial_and_is_never_silent_for_long(clock: list[float]) -> None:
    assert len(lines_of(clock, 1.0, 36_000)) < 200  # ten hours
    assert len(lines_of(clock, 3600.0, 3)) == 1 + 3


def test_the_first_trials_which_pay_for_starting_up_tell_no_rate(clock: list[float]) -> None:
    lines = lines_of(clock, 60.0, 5)
    assert lines[3] == "3 of 5 trials, 0 failed, best val_accuracy so far 0.5400"
    assert "4 of 5 trials, 0 failed, 1 a minute, about 60 s left," in lines[4]


def test_a_tally_counts_failures_and_names_no_best_before_there_is_one() -> None:
    tally = Tally(Objective(names.VAL_ACCURACY))
    tally.begin(3, 1)
    tally.count(states.FAILED, None)
    tally.advance()
    assert tally.words == "2 of 3 trials, 1 failed, no val_accuracy yet"


@pytest.mark.parametrize(("seconds", "rate"), [(0.01, "6000 a minute"), (4.5, "13 a minute"), (400.0, "0.15 a minute")])
def test_a_rate_is_a_plain_number(clock: list[float], seconds: float, rate: str) -> None:
    assert rate in lines_of(clock, seconds, 8)[-1]


@pytest.mark.parametrize(("seconds", "words"), [(50, "50 s"), (119, "2 min"), (3540, "59 min"), (12_000, "3 h 20 min")])
def test_a_duration_is_said_in_the_unit_that_fits(seconds: float, words: str) -> None:
    assert duration(seconds) == words
