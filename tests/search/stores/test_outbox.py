"""The commit point: an outcome is there whole, or not at all."""

from dataclasses import replace
from pathlib import Path

import pytest

from models.core.config import TrialConfig
from search.stores import outbox
from search.stores.paths import StudyPaths
from search.workers.job import Job
from search.workers.outcome import Outcome
from tests.search.fakes import complete

JOB = Job("small", 7, 1, TrialConfig.from_parameters({"width": 8}), 99)


def test_an_outcome_comes_back_as_it_was_put(workdir: Path) -> None:
    paths, outcome = StudyPaths("small"), complete(JOB)
    outbox.put(outcome, paths)
    assert outbox.take(paths.outcome(7, 1)) == outcome
    assert outbox.take(paths.outcome(7, 1)).result.model == b"not a model"  # type: ignore[union-attr]
    outbox.remove(outcome, paths)
    assert paths.outcomes() == []


def test_a_failure_comes_back_with_its_traceback_and_its_epochs(workdir: Path) -> None:
    failed = replace(complete(JOB), state="failed", reason="diverged", message="a\nb", result=None, picture=b"")
    outbox.put(failed, StudyPaths("small"))
    assert outbox.take(StudyPaths("small").outcome(7, 1)) == failed


def test_a_write_that_is_cut_off_leaves_no_outcome(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        outbox.put(complete(JOB), StudyPaths("small"))
    assert StudyPaths("small").outcomes() == []


def test_an_outcome_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="a result exactly when it is complete"):
        Outcome(0, 0, "complete", 1, "a")
    with pytest.raises(ValueError, match=r"one of the reasons .*, got 'bad luck'"):
        Outcome(0, 0, "failed", 1, "a", "bad luck")
