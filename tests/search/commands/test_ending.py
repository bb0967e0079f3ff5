"""When the end of a search is prepared: late enough not to slow workers down, early enough that nobody waits."""

import time

import pytest

from search.commands.ending import PreparedEnd
from search.commands.preparation import Search


@pytest.fixture
def workers() -> int:
    return 2


@pytest.fixture
def end(monkeypatch: pytest.MonkeyPatch, workers: int) -> PreparedEnd:
    prepared: list[Search] = []
    search = Search.__new__(Search)
    object.__setattr__(search, "workers", workers)
    end = PreparedEnd(search, prepare=prepared.append)
    monkeypatch.setattr(end, "prepared", prepared, raising=False)
    return end


def prepared(end: PreparedEnd) -> bool:
    end.wait()
    return bool(end.prepared)  # type: ignore[attr-defined]


def test_the_end_is_prepared_once_a_worker_has_nothing_left_to_do(end: PreparedEnd) -> None:
    end.tell_left(pending=100, running=2, idle=0)
    time.sleep(0.1)
    end.tell_left(pending=100, running=1, idle=1)
    assert not prepared(end)
    end.tell_left(pending=0, running=1, idle=1)
    end.tell_left(pending=0, running=1, idle=1)
    assert prepared(end)


def test_the_end_is_prepared_while_trials_are_left_that_take_no_longer(end: PreparedEnd) -> None:
    end.tell_left(pending=100, running=2, idle=0)
    time.sleep(0.1)
    end.tell_left(pending=98, running=2, idle=0)  # 0.05 s a trial: 5 s are left
    assert not prepared(end)
    end.tell_left(pending=8, running=2, idle=0)
    assert prepared(end)


@pytest.mark.parametrize("workers", [0])
def test_nothing_is_imported_beside_a_trial_that_this_process_trains(end: PreparedEnd) -> None:
    end.tell_left(pending=2, running=1, idle=0)
    time.sleep(0.01)
    end.tell_left(pending=0, running=1, idle=1)
    assert not prepared(end)
