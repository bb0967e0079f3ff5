"""A simultaneous band for the distribution of one trial's score, and limits of the median best-of-N.

Order statistics give limits at each N alone; the band gives limits that hold at all N at once.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincinv, gammaln, pdtrc, xlogy

from analysis.estimates.curves import Curve, Point
from analysis.estimates.order_statistics import (
    checked_tail,
    median_best,
    median_interval,
    median_quantile,
    trials_for_upper_limit,
)

LARGEST = 5000  # trials up to which the band is computed: about 5 s


@dataclass(frozen=True)
class Band:
    """Limits lo[i-1] <= F(y_(i)) <= hi[i-1] that hold for all i = 1..M together with the stated confidence."""

    lo: np.ndarray
    hi: np.ndarray
    confidence: float
    local_level: float


def box_probability(lo: np.ndarray, hi: np.ndarray) -> float:
    """P(lo_i <= U_(i) <= hi_i for all i) for the order statistics of n independent uniforms.

    Formula: a Poisson process of rate n, conditioned on n points by time 1. The distribution of its count is carried
    from limit to limit with Poisson increments, and counts outside [#{hi <= t}, #{lo < t}] are cut off. Assumption: lo
    and hi ascend. Range: n up to a few thousand. Cost: O(n * width of the band) time, O(n) memory; error about 1e-13.
    Source: Khmaladze and Shinjikashvili, "Calculation of noncrossing probabilities for Poisson processes and its
    corollaries" (2001); Moscovich and Nadler, "Fast calculation of boundary crossing probabilities for Poisson
    processes" (2017), section 2.
    """
    n = len(lo)
    times = np.unique(np.concatenate([np.clip(lo, 0.0, 1.0), np.clip(hi, 0.0, 1.0), [1.0]]))
    least = np.searchsorted(hi, times, side="right")
    most = np.searchsorted(lo, times, side="left")
    least[-1] = most[-1] = n
    means = n * np.diff(np.r_[0.0, times])
    # Longer increments have a probability below 1e-25.
    longest = 1
    while longest < n and pdtrc(longest, float(means.max())) > 1e-25:
        longest += 1
    k = np.arange(longest + 1)
    increments = np.exp(xlogy(k, means[:, None]) - means[:, None] - gammaln(k + 1.0))
    state, first = np.ones(1), 0
    for step, low, high in zip(increments, least.tolist(), most.tolist(), strict=True):
        if high < low:
            return 0.0
        moved = np.convolve(state, step)
        state = moved[max(low - first, 0) : high - first + 1]
        first = max(low, first)
        if not len(state):
            return 0.0
    at_n = state[n - first] if n - first < len(state) else 0.0
    return float(at_n / math.exp(n * math.log(n) - n - math.lgamma(n + 1.0)))


def limits(n: int, local_level: float) -> tuple[np.ndarray, np.ndarray]:
    """Equal-tailed limits of each U_(i) ~ Beta(i, n + 1 - i) at one local level."""
    i = np.arange(1, n + 1)
    tail = (1.0 - local_level) / 2.0
    lo = betaincinv(i, n + 1 - i, tail)
    return lo, 1.0 - lo[::-1]  # U_(i) and 1 - U_(n+1-i) have the same distribution


@lru_cache(maxsize=32)
def simultaneous_band(n: int, confidence: float = 0.95) -> Band:
    """The band with equal local levels: each order statistic's limits miss with the same probability.

    Formula: limits(n, level), with the level at which box_probability equals the confidence, found by root finding.
    Nothing is simulated, so the band is the same each time. Assumption: independent draws; ties make the band
    conservative. Bias: none. Range: n = 1 to 5,000 here. Cost: about ten box probabilities.
    Source: Berk and Jones (1979); Aldor-Noiman et al., "The power to see" (2013); Weine, McPeek and Abney,
    "Application of equal local levels to improve Q-Q plot testing bands" (2023).
    """
    if not 1 <= n <= LARGEST:
        raise ValueError(f"the simultaneous band is computed for 1 to {LARGEST} trials: got {n}")
    alpha = 2.0 * checked_tail(confidence)

    def excess(log_miss: float) -> float:
        return box_probability(*limits(n, 1.0 - math.exp(log_miss))) - confidence

    # the local miss lies between alpha / n (Bonferroni) and alpha
    if n == 1:
        level = confidence
    else:
        root = brentq(excess, math.log(alpha / n), math.log(alpha), xtol=1e-9, rtol=1e-12)
        level = 1.0 - math.exp(root)
    lo, hi = limits(n, level)
    for limit in (lo, hi):
        limit.flags.writeable = False
    return Band(lo, hi, confidence, level)


def median_band_ranks(band: Band, n: int) -> tuple[int, int]:
    """Ranks (lower, upper) of the band's limits for the median best-of-N; 0 and M + 1 where there is no limit.

    With q = 0.5 ** (1/N): where hi_i <= q, y_(i) lies at or below the q-quantile; where lo_i >= q, at or above it.
    """
    q, _ = median_quantile(n)
    lower = int(np.searchsorted(band.hi, q, side="right"))
    upper = int(np.searchsorted(band.lo, q, side="left")) + 1
    return lower, upper


def median_points(y: np.ndarray, ns: Sequence[int], confidence: float) -> Curve:
    """The median best-of-N of sorted scores with its order-statistic interval at each N."""
    m = len(y)
    found = {n: median_interval(m, n, confidence) for n in ns}
    open_top = {
        n: f"open upwards: at N = {n} an upper limit needs M >= {trials_for_upper_limit(n, confidence)} trials"
        for n in ns
    }
    ranks = {n: (interval.lower, interval.upper) for n, interval in found.items()}
    return _ranked(y, ranks, "order statistics", open_top)


def median_band_points(y: np.ndarray, ns: Sequence[int], confidence: float) -> Curve:
    """The median best-of-N of sorted scores with the band's limits, which hold for all N together."""
    band = simultaneous_band(len(y), confidence)
    ranks = {n: median_band_ranks(band, n) for n in ns}
    open_top = dict.fromkeys(ns, "open upwards: the band has no upper limit at this N with so few trials")
    return _ranked(y, ranks, "simultaneous band, equal local levels", open_top)


def _ranked(y: np.ndarray, ranks: Mapping[int, tuple[int, int]], method: str, open_top: Mapping[int, str]) -> Curve:
    """Points whose limits are the scores at the ranks; ranks 0 and M + 1 stand for no limit."""
    m = len(y)
    curve = {}
    for n, value in zip(ranks, median_best(y, tuple(ranks)).tolist(), strict=True):
        lower, upper = ranks[n]
        low = float(y[lower - 1]) if lower >= 1 else None
        high = float(y[upper - 1]) if upper <= m else None
        why = open_top[n] if high is None else None
        if low is None:
            why = f"no lower limit with {m} trials" + (f"; {why}" if why else "")
        curve[n] = Point(value, low, high, method, why)
    return curve
