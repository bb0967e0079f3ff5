"""The median best-of-N: its value in the pool, and an interval that is valid for any distribution of scores."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betainc

from analysis.estimates.curves import checked_at, checked_scores, subset_probabilities


@dataclass(frozen=True)
class RankInterval:
    """Ranks of an interval's ends among M ascending scores, and the probability that each end misses.

    Lower rank 0 means no lower limit; upper rank M + 1 means no upper limit.
    """

    lower: int
    upper: int
    lower_miss: float
    upper_miss: float


def median_best(val: Sequence[float] | np.ndarray, at: Sequence[int]) -> np.ndarray:
    """Lower median over all N-subsets of their best validation score.

    Formula: y_(i) for the smallest i with C(i, N) / C(M, N) >= 1/2. Assumption: exchangeable trials. Bias: as a sample
    quantile's, O(1/M) while N << M; towards N = M it can only be one of the highest scores seen. Range: N = 1 to M.
    Cost: O(M) for each N. Source: the distribution of a maximum without replacement, David and Nagaraja, "Order
    Statistics" (2003), chapter 3.
    """
    y = np.sort(checked_scores("val", val))
    m = len(y)
    result = np.empty(len(at))
    for k, n in enumerate(checked_at(at, m).astype(int)):
        p = subset_probabilities(np.array([float(n)]), m)[0]
        i = m - int(np.count_nonzero(p >= 0.5))
        for near in (i - 1, i):  # p_i within 1e-10 of one half: whole numbers decide, so that rounding does not
            if 1 <= near < m and abs(p[m - 1 - near] - 0.5) < 1e-10:
                i = near if 2 * math.comb(near, n) >= math.comb(m, n) else near + 1
                break
        result[k] = y[i - 1]
    return result


def median_quantile(n: int) -> tuple[float, float]:
    """q = 0.5 ** (1/N) and 1 - q without cancellation: the q-quantile of one score is the median of the best of N."""
    return 0.5 ** (1.0 / n), -math.expm1(-math.log(2.0) / n)


def median_interval(m: int, n: int, confidence: float = 0.95) -> RankInterval:
    """Ranks of the order-statistic interval for the median best-of-N, for any N >= 1.

    Formula: q = 0.5 ** (1/N); the highest l with P(Bin(M, q) <= l - 1) <= alpha/2 and the lowest u with
    P(Bin(M, q) >= u) <= alpha/2. Assumption: independent draws; any distribution, ties make it conservative.
    Bias: none (coverage is at least the nominal one at every M and N). Range: any N; the upper end is finite only if
    M >= N log2(2 / alpha). Cost: O(log M). Source: Thompson (1936); David and Nagaraja, "Order Statistics" (2003),
    section 7.1.
    """
    if m < 1 or n < 1:
        raise ValueError(f"the interval needs M >= 1 trials and N >= 1: got M = {m}, N = {n}")
    tail = checked_tail(confidence)
    _, r = median_quantile(n)

    def at_most(k: int) -> float:  # P(Bin(m, q) <= k)
        return float(betainc(m - k, k + 1, r)) if 0 <= k < m else float(k >= m)

    def at_least(k: int) -> float:  # P(Bin(m, q) >= k)
        return float(betainc(k, m - k + 1, 1 - r)) if 0 < k <= m else float(k <= 0)

    lower = bisect_right(range(m), tail, key=at_most)
    upper = bisect_left(range(1, m + 1), -tail, key=lambda k: -at_least(k)) + 1
    return RankInterval(lower, upper, at_most(lower - 1), at_least(upper) if upper <= m else 0.0)


def trials_for_upper_limit(n: int, confidence: float = 0.95) -> int:
    """The least M for which the interval at N has an upper end: M >= N log2(2 / alpha)."""
    return math.ceil(n * math.log2(1.0 / checked_tail(confidence)) - 1e-9)


def checked_tail(confidence: float) -> float:
    """alpha / 2 of a confidence; ValueError unless the confidence lies between 0 and 1."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"a confidence lies between 0 and 1: got {confidence}")
    # 1 - 0.95 is 0.050000000000000044 in floating point; nobody writes a confidence with more than ten digits.
    return round((1.0 - confidence) / 2.0, 12)
