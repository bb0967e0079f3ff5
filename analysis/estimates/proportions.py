"""Intervals of one measured number: a proportion of test rows, and the mean over repeats on one test set.

Three quantities are kept apart. A network has the accuracy of the weights that were logged. A configuration has a mean
over networks trained alike from fresh seeds. A procedure of N trials has a mean over whole searches
(analysis.estimates.intervals). The first two are estimated here.
"""

from __future__ import annotations

import math

from scipy.special import betaincinv, stdtrit

from analysis.estimates.order_statistics import checked_tail


def binomial_error(accuracy: float, rows: int) -> float:
    """The standard error of an accuracy p in [0, 1] measured on so many rows: sqrt(p (1 - p) / rows)."""
    return math.sqrt(max(accuracy * (1 - accuracy), 0.0) / rows)


def clopper_pearson(share: float, rows: float, level: float = 0.95) -> tuple[float, float]:
    """The interval of a network's accuracy on all data like the test rows, of which the network has `share` right.

    Formula: with k = share * rows, the beta quantiles B(tail; k, rows - k + 1) and B(1 - tail; k + 1, rows - k); 0 for
    k = 0, and 1 for k = rows. Assumption: independent rows, and a network that was not chosen by these rows. Proven:
    coverage of at least the level, for a whole k. Range: share in [0, 1], rows >= 1. Cost: two beta quantiles. Source:
    Clopper and Pearson (1934).
    """
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"a share of test rows lies in [0, 1]: got {share}")
    tail = checked_tail(level)
    right, wrong = share * rows, (1.0 - share) * rows
    low = float(betaincinv(right, wrong + 1.0, tail)) if right > 1e-9 else 0.0
    high = float(betaincinv(right + 1.0, wrong, 1.0 - tail)) if wrong > 1e-9 else 1.0
    return low, high


def repeats_interval(
    mean: float, deviation: float, repeats: int, rows: int | None, level: float = 0.95
) -> tuple[float, float]:
    """The interval of a configuration's mean test score over seeds, from `repeats` networks on one test set.

    Formula: two half-widths added in quadrature on each side. The half-width of the seeds is t s / sqrt(r) with r - 1
    degrees of freedom. The half-width of the test set is the distance from the mean to its Clopper-Pearson limit; all
    repeats share the test set, so this half-width does not shrink with r, and it is left out where the score is no
    proportion (`rows` None). Assumption: scores over seeds near normal. Proven: nothing. Simulated: coverage 0.949 to
    0.977 (benchmarks.coverage), where the mean plus or minus one deviation covers 0.16 to 0.93. Range: r >= 2. Cost:
    none. Source: Student (1908); the quadrature of two independent errors.
    """
    if repeats < 2:
        raise ValueError(f"a deviation needs at least two repeats: got {repeats}")
    seeds = float(stdtrit(repeats - 1, 1.0 - checked_tail(level))) * deviation / math.sqrt(repeats)
    if rows is None:
        return mean - seeds, mean + seeds
    low, high = clopper_pearson(mean, rows, level)
    return max(0.0, mean - math.hypot(seeds, mean - low)), min(1.0, mean + math.hypot(seeds, high - mean))
