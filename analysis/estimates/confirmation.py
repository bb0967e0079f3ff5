"""The second look: the best trials of a search, trained again with fresh seeds, beside their scores in the search."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.estimates.curves import Point
from analysis.estimates.proportions import repeats_interval
from analysis.reading.table import TrialTable
from models.core import names, states
from models.tasks.objective import Objective

METHOD = "seeds' and test set's error in quadrature"


@dataclass(frozen=True)
class Confirmed:
    """One configuration: the scores of its network in the search, and the scores of its repeats.

    `test`: the mean test score over the repeats with its interval, None while no repeat is complete. `test_deviation`:
    the standard deviation over repeats, None for fewer than two. `val_mean`: the mean validation score over the
    repeats; it stays optimistic, because the same rows chose the trials. `failed`: repeats that did not complete; means
    and deviations are over the complete repeats.
    """

    number: int
    repeats: int
    failed: int
    search_val: float
    search_test: float
    val_mean: float | None
    test: Point | None
    test_deviation: float | None

    @property
    def shrinkage(self) -> float | None:
        """The score in the search less the mean of the repeats: positive on average, because the best were chosen."""
        return None if self.val_mean is None else self.search_val - self.val_mean


def confirm_summary(search: TrialTable, confirm: TrialTable) -> tuple[Confirmed, ...]:
    """One row a confirmed configuration, in the order of rank in the search.

    Assumption: the repeats differ in their training seed only, and are never part of the search's pool.
    Bias: none in the mean on test. The mean on validation stays optimistic: the same rows chose the trials, and the
    luck of these rows is in every repeat. Lost repeats (worker lost, driver lost, interrupted) are left out. The
    interval is proportions.repeats_interval; it contains the test set's binomial error where a score is a share of
    rows.

    Raises:
        ValueError: the search was not tested, a repeat does not say which trial it repeats, or names an unknown trial.
    """
    if not search.tested:
        raise ValueError(f"the second look is at trials that were tested: got {search.study}, whose refit is that")
    if names.CONFIRMS not in confirm.frame or (confirm.frame[names.CONFIRMS] == "").any():
        raise ValueError(
            "every trial of a confirming study has the tag `confirms`, the number it repeats: got one without"
        )
    repeats = confirm.frame.assign(confirms=pd.to_numeric(confirm.frame[names.CONFIRMS]).astype(int))
    unknown = sorted(set(repeats[names.CONFIRMS]) - set(search.frame[names.NUMBER]))
    if unknown:
        raise ValueError(f"a confirmed number is a trial of {search.study}: got {unknown[0]}")
    numbers = sorted(set(repeats[names.CONFIRMS]))
    original = {n: search.frame[search.frame[names.NUMBER] == n].iloc[0] for n in numbers}
    objective = search.objective
    tested_on = (confirm.test_rows or search.test_rows) if objective.proportion else None
    rows = [_row(n, original[n], repeats[repeats[names.CONFIRMS] == n], tested_on, objective) for n in numbers]
    return tuple(sorted(rows, key=lambda row: objective.place(row.search_val, row.number)))


def _row(number: int, original: pd.Series, group: pd.DataFrame, rows: int | None, objective: Objective) -> Confirmed:
    lost = group[names.STATE_REASON].isin(states.MACHINE_REASONS)
    done = group[(group[names.STATE] == states.COMPLETE) & group[objective.name].notna()]
    of_test = done[objective.test_name]
    return Confirmed(
        number=number,
        repeats=len(done),
        failed=len(group) - len(done) - int(lost.sum()),
        search_val=float(original[objective.name]),
        search_test=float(original[objective.test_name]),
        val_mean=float(done[objective.name].mean()) if len(done) else None,
        test=_mean(of_test, rows, objective.proportion) if len(done) else None,
        test_deviation=float(of_test.std(ddof=1)) if len(done) > 1 else None,
    )


def _mean(scores: pd.Series, rows: int | None, proportion: bool) -> Point:
    mean = float(scores.mean())
    if len(scores) < 2:
        return Point(mean, None, None, "one repeat", "one repeat says nothing of the seeds: an interval needs two")
    if proportion and rows is None:
        why = "the number of test rows is unknown, and so is the test set's own error"
        return Point(mean, None, None, "mean alone", why)
    return Point(mean, *repeats_interval(mean, float(scores.std(ddof=1)), len(scores), rows), METHOD)
