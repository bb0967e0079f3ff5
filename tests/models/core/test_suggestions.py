"""Hints for misspelt names."""

import pytest

from models.core.parameters import MONITORS
from models.core.suggestions import did_you_mean, listed, no_such


@pytest.mark.parametrize(
    ("written", "known", "meant"),
    [
        ("widht", ["depth", "width"], "width"),
        ("val_acc", MONITORS, "val_accuracy"),  # nearer by letters: val_auc
        ("--trial", ["--trial-timeout", "--trials"], "--trials"),
        ("digit-random", ["digits-random", "mnist-random"], "digits-random"),
    ],
)
def test_a_name_that_begins_so_is_meant_before_one_that_looks_like_it(
    written: str, known: list[str], meant: str
) -> None:
    assert did_you_mean(written, known) == f"; did you mean {meant!r}?"


def test_nothing_is_guessed_of_a_word_that_is_like_no_name() -> None:
    assert did_you_mean("w", ["width"]) == did_you_mean("colour", ["width"]) == ""
    assert no_such("colour", "parameter", ["width", "depth"]) == "'colour' is no parameter: there are width, depth"


def test_a_long_list_is_cut_with_its_count() -> None:
    assert listed(range(30), 3) == "0, 1, 2, ... (30 in all)"
