"""Intervals for the expected best of N trials that hold on real scores, with ties, collapsed trials and skew.

With F the distribution of one trial's score on [a, b], E(best of N) = b - integral of F^N. The observed scores
y_1 <= ... <= y_M leave F unknown in two ways. First, F(y_i) is distributed like U_i, the i-th of M sorted uniform
numbers. Second, between two neighbouring scores F may take any value between its values at both. The limits are

    low  = the lower quantile of  y_M - sum over i of U_i^N (y_i - y_{i-1}),   y_0 = a
    high = the upper quantile of  b   - sum over i of U_i^N (y_{i+1} - y_i),   y_{M+1} = b

Between two scores, `low` takes F as high as F can be there, and `high` takes F as low. The quantiles are over K draws
of U from a fixed seed, so the interval is a function of the scores alone. All N share one set of draws, which makes the
limits monotone in N.

Assumption: independent draws, all scores within the bounds. Proven: nothing for N > 1; for the mean of 0/1 scores the
interval is Clopper-Pearson's. Simulated (`python -m benchmarks.coverage`): coverage 0.959 in the lowest of 161 cells,
0.988 on average. Range: N from 1 to M, N = M included. Cost: K exponentials a trial and N; K is 10,000 up to 200
trials, 2,000 from 1,000 on. Monte-Carlo error: the level of each limit has the standard error sqrt(tail (1 - tail) /
K). Source: Gaffke, "Three test statistics for a nonparametric one-sided hypothesis on the mean of a nonnegative
variable" (2005); Learned-Miller and Thomas, "A New Confidence Interval for the Mean of a Bounded Random Variable"
(arXiv:1905.06208), who conjecture the coverage for the mean. F^N in place of F is this project's step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np

from analysis.estimates.band import Band
from analysis.estimates.curves import Direction, checked_at, expected_level
from analysis.estimates.order_statistics import checked_tail
from analysis.reading.pool import Pool

Bounds = tuple[float, float]
SOURCES = "Gaffke 2005; Learned-Miller and Thomas, arXiv:1905.06208, for the mean"
SEED = 20120
_MOST_DRAWS, _FEWEST_DRAWS = 10_000, 2_000
_NUMBERS = 2_000_000  # the size of a block of draws that is made at once and kept


def draws_for(m: int) -> int:
    """K, the number of draws of M sorted uniforms."""
    return min(_MOST_DRAWS, max(_FEWEST_DRAWS, _NUMBERS // m))


def monte_carlo_error(m: int, tail: float) -> float:
    """Standard error of the level of one limit, because K draws stand for the distribution of U."""
    return math.sqrt(tail * (1.0 - tail) / draws_for(m))


def simulated(m: int, tail: float) -> str:
    """The method of the interval in words: its name, its sources, and how its coverage is known."""
    return (
        f"Gaffke-type interval ({SOURCES}); its coverage for the best of N is shown by simulation, not proven; "
        f"{draws_for(m):,} draws, each limit's level {tail:g} \u00b1 {monte_carlo_error(m, tail):.1g}"
    )


def best_of_n_interval(
    scores: Sequence[float] | np.ndarray,
    n: int,
    level: float = 0.95,
    bounds: Bounds = (0.0, 1.0),
    direction: Direction = "maximize",
) -> tuple[float, float]:
    """(low, high) for the expected best score of N trials, from the scores of M trials drawn alike.

    The module's docstring has formula, assumption, proof, simulation and source. A NaN is a failed trial and counts as
    the worst bound. The worst bound must be finite. The best bound may be infinite, and that end of the interval is
    then infinite too. Where ties push the estimate out of the interval, the interval is extended to the estimate.

    Raises:
        ValueError: N is no whole number from 1 to M, a score lies outside the bounds, or the bounds are no interval.
    """
    upwards, limits = oriented(scores, bounds, direction)
    y = np.sort(upwards)
    at = checked_at([n], len(y))
    low, high = limits_at(y, at, (checked_tail(level),), limits)
    estimate = float(expected_level(y, at)[0])
    ends = min(float(low[0, 0]), estimate), max(float(high[0, 0]), estimate)
    return ends if direction == "maximize" else (-ends[1], -ends[0])


def oriented(
    scores: Sequence[float] | np.ndarray, bounds: Bounds, direction: Direction
) -> tuple[np.ndarray, tuple[float, float]]:
    """The scores, turned so that higher is better and with the worst bound for NaN, and the (worst, best) bound."""
    if direction not in ("maximize", "minimize"):
        raise ValueError(f"direction is maximize or minimize: got {direction!r}")
    low, high = bounds
    worst, best = (low, high) if direction == "maximize" else (-high, -low)
    if not (low < high and math.isfinite(worst)):
        raise ValueError(f"bounds are (lowest, highest) score, the worst of them finite: got {bounds}, {direction}")
    values = np.asarray(scores, dtype=float)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"an interval needs the score of at least one trial: got shape {values.shape}")
    values = np.where(np.isnan(values), worst, values if direction == "maximize" else -values)
    outside = (values < worst) | (values > best)
    if outside.any():
        raise ValueError(f"scores lie within the bounds {bounds}: got {np.asarray(scores)[outside][0]}")
    return values, (worst, best)


def turned_upwards(pool: Pool) -> Pool:
    """The pool with its scores turned so that higher is better; its bounds are then the (worst, best) score."""
    val, limits = oriented(pool.val, pool.bounds, "maximize" if pool.sign > 0 else "minimize")
    return replace(pool, val=val, test=pool.sign * pool.test, bounds=limits, worst=pool.sign * pool.worst, sign=1)


def limits_at(
    levels: np.ndarray, at: Sequence[float] | np.ndarray, tails: Sequence[float], bounds: Bounds
) -> tuple[np.ndarray, np.ndarray]:
    """Low and high limit at each N in `at` (real numbers too), each missed with a probability in `tails`.

    `levels`: (..., M), ordered by the rank of the score that selects. For the best score, levels are the sorted scores.
    For the test score of the selected trial, levels need not ascend; the interval then holds only where refusals.py
    says. Returns two arrays (tails, ..., N). The limits are not extended to contain the estimate.
    """
    m, shape = levels.shape[-1], levels.shape[:-1]
    worst, best = bounds
    below = np.diff(levels, prepend=worst)
    above = np.diff(levels, append=best if math.isfinite(best) else 0.0)
    gaps = np.concatenate([below.reshape(-1, m), above.reshape(-1, m)]).T
    draws = draws_for(m)
    # The place of a limit among the sorted sums, counted from the end and rounded to the wider side.
    places = [max(int(tail * (draws + 1)), 1) - 1 for tail in tails]
    blocks = [_log_uniforms(m, part) for part in range(_parts(m))]
    low, high = np.empty((2, len(tails), *shape, len(at)))
    for j, n in enumerate(at):
        sums = np.concatenate([_powers_times(block, n, gaps) for block in blocks])
        lost, left = np.split(sums, 2, axis=1)
        lost.partition([draws - 1 - place for place in places], axis=0)
        left.partition(places, axis=0)
        for i, place in enumerate(places):
            low[i, ..., j] = levels[..., -1] - lost[draws - 1 - place].reshape(shape)
            high[i, ..., j] = best - left[place].reshape(shape)
    return low, high


def selected_limits_at(
    val: np.ndarray, value: np.ndarray, at: Sequence[float] | np.ndarray, tails: Sequence[float], bounds: Bounds
) -> tuple[np.ndarray, np.ndarray]:
    """Low and high limits, (tails, ..., N), of the value of the trial that validation picks among N.

    Formula: limits_at of the values in the order of validation scores. Among trials tied on validation, the worst value
    stands highest for the low limit, and the best value stands highest for the high limit. The mean over tied trials
    would drop the scatter within ties: coverage fell to 0.88. Assumption: independent draws. Proven: nothing.
    Simulated: coverage 0.95 and more (benchmarks.coverage). Range: N up to M/10. Source: this project's step from
    Gaffke's interval (module docstring).
    """
    orders = np.lexsort((-value, val)), np.lexsort((value, val))
    levels = np.stack([np.take_along_axis(value, order, axis=-1) for order in orders], axis=-2)
    low, high = limits_at(levels, at, tails, bounds)
    return low[..., 0, :], high[..., 1, :]


def _powers_times(log_uniforms: np.ndarray, n: float, gaps: np.ndarray) -> np.ndarray:
    """The product U^N @ gaps, without the ranks at which U^N is below 1e-17 in every draw."""
    first = int(np.searchsorted(log_uniforms.max(axis=0), -40.0 / n))
    return np.exp(n * log_uniforms[:, first:]) @ gaps[first:]


def proven_limits_at(
    levels: np.ndarray, at: Sequence[float] | np.ndarray, band: Band, bounds: Bounds
) -> tuple[np.ndarray, np.ndarray]:
    """Low and high limit at each N, from a band [lo, hi] that contains the distribution function at all scores at once.

    Formula: the sums of the module's docstring, with hi in place of U for the lower limit and lo for the upper limit.
    Assumption: independent draws. Proven: the band holds with its confidence, and where the band holds, all N are
    covered at once. Range: any N. Cost: O(M) for each N, beside the band. Source: Anderson, "Confidence limits for the
    expected value of an arbitrary bounded random variable" (1969), for the mean; the band as analysis.estimates.band.
    """
    worst, best = bounds
    powers = np.asarray(at, dtype=float)[:, None]
    low = levels[..., -1:] - np.diff(levels, prepend=worst) @ (band.hi**powers).T
    if not math.isfinite(best):
        return low, np.full(low.shape, best)
    return low, best - np.diff(levels, append=best) @ (band.lo**powers).T


def assumed_best(levels: np.ndarray, n: float, rows: int | None, best: float) -> float:
    """A best possible score below the bound, under an assumption about the tail.

    Formula: y_M + 4 (y_M - the k-th distinct lower score) with k = max(2, M / N rounded up), at least 4 / rows above
    y_M and at most the bound. With fewer distinct scores, or an unknown number of rows, the bound itself. Assumption:
    no configuration lies further above the best score seen than four times the distance from that score down to the
    k-th. Proven: nothing. Simulated: coverage 0.957 in the lowest of 161 cells, with and without ties. The
    assumption fails where a rare configuration is far better than all that were seen. Source: this project.
    """
    distinct = np.unique(levels)
    k = max(2, math.ceil(len(levels) / n))
    if len(distinct) <= k or rows is None:
        return best
    top = float(distinct[-1])
    return min(best, top + 4.0 * max(top - float(distinct[-1 - k]), 1.0 / rows))


def _parts(m: int) -> int:
    return math.ceil(draws_for(m) / max(1, _NUMBERS // m))


@lru_cache(maxsize=2)
def _log_uniforms(m: int, part: int) -> np.ndarray:
    """Logarithms of sorted uniforms, (draws, m); a large pool has several parts, so that memory stays bounded."""
    rows = max(1, _NUMBERS // m)
    rows = min(rows, draws_for(m) - part * rows)
    sums = np.random.default_rng([SEED, m, part]).standard_exponential((rows, m + 1)).cumsum(axis=1)
    return np.log(sums[:, :-1] / sums[:, -1:])
