"""The honest second look: the best trials of a search, trained again with fresh seeds, beside their scores in it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from analysis.reading.table import TrialTable
from models.core import names, states


@dataclass(frozen=True)
class Confirmed:
    """One configuration: its scores in the search, and over its repeats (mean; sample standard deviation, None if one).

    `shrinkage`: score in the search less mean of the repeats. Being chosen for a high score makes it positive on
    average.
    `failed`: repeats that did not complete; means and deviations are over the complete ones.
    """

    number: int
    repeats: int
    failed: int
    search_val: float
    search_test: float
    val_mean: float | None
    val_deviation: float | None
    test_mean: float | None
    test_deviation: float | None

    @property
    def shrinkage(self) -> float | None:
        """The search's validation score less the mean of the repeats."""
        return None if self.val_mean is None else self.search_val - self.val_mean


def confirm_summary(search: TrialTable, confirm: TrialTable) -> tuple[Confirmed, ...]:
    """One row a confirmed configuration, in the order of its rank in the search.

    Assumption: the repeats differ in their training seed only; they are never part of the search's pool.
    Bias: none in the means of the repeats (their seeds are fresh); the scores in the search are maxima, biased
    upwards. Lost repeats (worker lost, driver lost, interrupted) are left out. The deviation of r repeats has r - 1
    degrees of freedom: with 5 its 95% limits are 0.6 and 2.9 times itself.
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
    rows = [_row(n, original[n], repeats[repeats[names.CONFIRMS] == n]) for n in numbers]
    return tuple(sorted(rows, key=lambda row: (-row.search_val, row.number)))


def _row(number: int, original: pd.Series, group: pd.DataFrame) -> Confirmed:
    lost = group[names.STATE_REASON].isin(states.MACHINE_REASONS)
    done = group[(group[names.STATE] == states.COMPLETE) & group[names.VAL_ACCURACY].notna()]
    val_mean, val_deviation = _mean_and_deviation(done[names.VAL_ACCURACY])
    test_mean, test_deviation = _mean_and_deviation(done[names.TEST_ACCURACY])
    return Confirmed(
        number=number,
        repeats=len(done),
        failed=len(group) - len(done) - int(lost.sum()),
        search_val=float(original[names.VAL_ACCURACY]),
        search_test=float(original[names.TEST_ACCURACY]),
        val_mean=val_mean,
        val_deviation=val_deviation,
        test_mean=test_mean,
        test_deviation=test_deviation,
    )


def _mean_and_deviation(scores: pd.Series) -> tuple[float | None, float | None]:
    if not len(scores):
        return None, None
    deviation = float(scores.std(ddof=1)) if len(scores) > 1 else math.nan
    return float(scores.mean()), None if math.isnan(deviation) else deviation
