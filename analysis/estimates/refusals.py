"""When a number has no interval, and when there is no number: every rule, with the reason that is shown.

The pool itself refuses an adaptive sampler's trials (analysis.reading.pool); all other rules stand here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import stdtr

from analysis.estimates.band import LARGEST
from analysis.reading.pool import Pool
from analysis.reading.table import TrialTable
from models.tasks.objective import Objective

SELECTED = 10
"""The test score of the selected trial has an interval up to N = M / SELECTED."""
TREND_FLAGGED, TREND_REFUSED = 0.05, 0.001


def nothing_to_infer(table: TrialTable, trials: int) -> str | None:
    """Why a pool of `trials` trials needs no interval: the pool is the whole population, or no random draw from one."""
    if table.sampler == "list":
        return "the trials are a list, not a random draw: the value is exact for this list and says nothing beyond it"
    if table.sampler == "grid" and table.grid_size is not None and trials >= table.grid_size:
        return f"exact: all {table.grid_size} cells of the grid were run, the choice of cells has no sampling error"
    return None


def of_selected(n: float, trials: int, objective: Objective) -> str | None:
    """Why the expected test score of the selected trial, and its gap, have no interval at this N.

    Test scores are not monotone in validation scores. The interval's upper end needs monotone scores where few of them
    decide: simulated coverage falls to 0.69 beyond M/10. A test score without a worst value has no interval at any N.
    """
    if not objective.bounded:
        return f"a mean of test scores without a worst value has no interval, and {objective.label} has no worst value"
    if n * SELECTED <= trials:
        return None
    return f"beyond N = M/{SELECTED} (M = {trials}) no interval held for the test score of the trial so chosen"


def of_selections_share() -> str:
    """Why the optimism that selection added has no interval."""
    return "no interval was shown to hold: both gaps rest on the same trials"


def of_seconds() -> str:
    """Why the test score of the selected trial has no interval at equal seconds."""
    return "at equal seconds N is itself estimated, and the test score of the trial so chosen need not rise with N"


def of_band(trials: int) -> str | None:
    """Why a pool is too large for the simultaneous band."""
    if trials <= LARGEST:
        return None
    return f"the simultaneous band is computed up to M = {LARGEST} trials, here {trials}"


@dataclass(frozen=True)
class Trend:
    """Spearman's rank correlation `rho` of score and number; draws without a trend reach it with probability `p`."""

    rho: float
    p: float


def trend_of(scores: np.ndarray) -> Trend:
    """The trend of scores in plan order.

    Formula: the correlation of the mean ranks; p two-sided from t = rho sqrt((M - 2) / (1 - rho^2)), M - 2 degrees of
    freedom. Assumption: without a trend, trials are exchangeable. Measured: of 1,000 pools without a trend, p < 0.05
    flags about 50 and p < 0.001 refuses about 1; p < 0.05 flags 93% of TPE pools. Range: M >= 4; a smaller pool shows
    no trend. Cost: a sort. Source: Spearman (1904); Kendall and Stuart for the t approximation.
    """
    m = len(scores)
    if m < 4 or np.ptp(scores) == 0:
        return Trend(0.0, 1.0)
    rho = float(np.corrcoef(np.arange(m), pd.Series(scores).rank())[0, 1])
    if 1.0 - abs(rho) < 1e-12:
        return Trend(math.copysign(1.0, rho), 0.0)
    return Trend(rho, 2.0 * float(stdtr(m - 2, -abs(rho) * math.sqrt((m - 2) / (1.0 - rho**2)))))


def trend_flag(table: TrialTable, pool: Pool) -> str | None:
    """The flag of a trend that speaks against draws at random; None without such a trend.

    Raises:
        ValueError: no recorded plan shows that the trials were drawn at random, and a strong trend speaks against it.
    """
    if table.sampler not in ("random", "grid") or nothing_to_infer(table, pool.trials) is not None:
        return None
    found = trend_of(pool.val)
    if found.p >= TREND_FLAGGED:
        return None
    seen = f"Spearman's correlation {found.rho:.2f}, p = {found.p:.1g}"
    if found.p < TREND_REFUSED and table.sampler == "random" and table.plan_hash is None:
        raise ValueError(
            "trials drawn at random have no trend of score against number, and a search that looks at its scores has "
            f"one: got {seen} over {pool.trials} trials said to be random (their sampler may be list)"
        )
    return (
        f"Scores change with the trials' numbers ({seen}), which draws at random do in one pool of "
        f"{1 / TREND_FLAGGED:.0f}: if the search looked at its scores, no interval here holds."
    )
