"""Folds in a study file, and their results in the outbox."""

from pathlib import Path
from typing import Any

import pytest

from models.core.errors import ConfigError
from search.stores import outbox
from search.stores.paths import StudyPaths
from search.study.identity import identity_of
from search.study.reading import read_settings
from search.workers.job import Job
from tests.search.commands.test_cross_validation import SPACE, cross_validated


def test_a_result_of_folds_goes_through_the_outbox(workdir: Path) -> None:
    job = Job("cv", 3, 1, read_settings({"sampler": "random", "space": {"width": [4]}}, "a").config({"width": 4}), 9)
    outbox.put(cross_validated(job), StudyPaths("cv"))
    assert outbox.take(StudyPaths("cv").outcome(3, 1)) == cross_validated(job)


def test_a_study_without_folds_is_what_it_was_before_there_were_any() -> None:
    plain, none = read_settings(SPACE, "a"), read_settings(SPACE | {"data": {"folds": 0}}, "a")
    assert plain == none
    assert set(plain.as_written()["data"]) == {"dataset", "validation", "preprocessing"}
    assert set(identity_of(plain, "x")["data"]) == {"validation", "preprocessing", "sha256"}
    assert set(plain.split) == {"validation", "preprocessing", "split_seed"}
    folds = read_settings(SPACE | {"data": {"folds": 3}}, "a")
    assert identity_of(folds, "x")["data"]["folds"] == folds.split["folds"] == 3
    assert read_settings(folds.as_written(), "a") == folds


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data": {"folds": 1}}, "folds must be 0, for none, or 2 or more, got 1"),
        ({"data": {"folds": 2.5}}, "folds must be a whole number, 0 or more, got 2.5"),
        (
            {"data": {"folds": 3}, "pruner": "median"},
            "a pruner compares trials epoch by epoch, .* got pruner median with 3",
        ),
    ],
)
def test_what_cannot_hold_with_folds_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_settings(SPACE | changes, "a")
