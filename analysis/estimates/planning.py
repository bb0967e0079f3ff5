"""How many trials: the chance to reach a target, the trials needed for a target, and the gain of further trials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from analysis.estimates.curves import Direction, checked_at, checked_scores, subset_probabilities
from analysis.estimates.order_statistics import checked_tail


@dataclass(frozen=True)
class Reach:
    """The number of trials after which the best reaches `target` with probability `probability`.

    `trials`: the estimate, None when none of the `pool` trials reached the target. `low`, `high`: limits of the number
    that hold with `confidence`; `high` is None when nothing bounds the number. `reached`: trials of the pool that
    reached the target. `direction`: whether a higher or a lower score reaches the target.
    """

    target: float
    probability: float
    confidence: float
    pool: int
    reached: int
    trials: int | None
    low: int
    high: int | None
    direction: Direction = "maximize"


def probability_of_reaching(val: Sequence[float] | np.ndarray, target: float, at: Sequence[int]) -> np.ndarray:
    """P(best of N >= target), at each N of `at`, for N trials drawn from this pool without replacement.

    Formula: 1 - C(M-K, N) / C(M, N) with K trials at or above the target. Assumption: exchangeable trials. Bias: none.
    Range: N = 1 to M. Cost: O(M) for each N. Source: the hypergeometric distribution at zero.
    """
    y = checked_scores("val", val)
    m, k = len(y), int(np.count_nonzero(np.asarray(val) >= target))
    n = checked_at(at, m)
    if k == 0:
        return np.zeros(len(n))
    if k == m:
        return np.ones(len(n))
    return np.array([1.0 - subset_probabilities(np.array([float(x)]), m)[0][k - 1] for x in n])


def trials_to_reach(
    val: Sequence[float] | np.ndarray,
    target: float,
    probability: float = 0.95,
    confidence: float = 0.95,
    direction: Direction = "maximize",
) -> Reach:
    """The number of trials of a new search after which its best reaches the target with the given probability.

    Formula: n = ceil(log(1 - p) / log(1 - K/M)) with K of M trials at or beyond the target; the limits of n follow from
    the Clopper-Pearson limits of K/M in place of K/M. Assumption: independent draws from the same space. Bias: n is a
    convex function of K/M, so n is too high on average when K is small; the limits hold at any K. Range: M >= 1,
    0 < p < 1. Cost: O(M).
    Source: the geometric distribution for n; Clopper and Pearson (1934) for the limits.
    """
    if not 0.0 < probability < 1.0:
        raise ValueError(f"a probability to reach a target lies between 0 and 1: got {probability}")
    y = checked_scores("val", val)
    m, k = len(y), int(np.count_nonzero(y >= target if direction == "maximize" else y <= target))
    tail = checked_tail(confidence)
    least = float(betaincinv(k, m - k + 1, tail)) if k else 0.0
    most = float(betaincinv(k + 1, m - k, 1.0 - tail)) if k < m else 1.0
    estimate = _draws(k / m, probability)
    fewest = _draws(most, probability)
    return Reach(target, probability, confidence, m, k, estimate, fewest or 1, _draws(least, probability), direction)


@dataclass(frozen=True)
class Prediction:
    """What `trials` further draws reach.

    As a new search, the draws reach at least `at_least` with `confidence`; None where the pool is too small to say.
    Added to this search, the draws beat its best score with probability at most `beats`.
    """

    trials: int
    confidence: float
    at_least: float | None
    beats: float


def prediction(
    val: Sequence[float] | np.ndarray, n: int, confidence: float = 0.95, direction: Direction = "maximize"
) -> Prediction:
    """The prediction limit of a new search of n trials, and the chance that n more trials beat the best one seen.

    Formula: the limit is y_(r) with the largest rank r for which C(r-1+n, n) / C(M+n, n) <= 1 - confidence; the
    fraction is the probability that all new draws lie below the r-th old score. The chance to beat the best is
    n / (M + n). Assumption: the new trials are drawn as the old ones were. Proven: exact for scores without ties, and
    conservative with ties. The limit is for one search, not for the mean over searches.
    Range: n >= 1. Cost: O(M). Source: prediction by ranks, David and Nagaraja, "Order Statistics" (2003), section 7.3.
    """
    if n < 1:
        raise ValueError(f"a prediction is for at least one trial: got {n}")
    sign = 1.0 if direction == "maximize" else -1.0
    y = np.sort(sign * checked_scores("val", val))
    m = len(y)
    # Element k, the probability at rank M - k, is the probability at the next higher rank times rank / (rank + n).
    ranks = np.arange(m, 0, -1, dtype=float)
    below = np.cumprod(ranks / (ranks + n))
    likely = int(np.count_nonzero(below > 2.0 * checked_tail(confidence)))
    at_least = None if likely == m else float(sign * y[m - 1 - likely])
    return Prediction(n, confidence, at_least, n / (m + n))


def _draws(share: float, probability: float) -> int | None:
    if share <= 0.0:
        return None
    if share >= 1.0:
        return 1
    return max(1, math.ceil(math.log1p(-probability) / math.log1p(-share) - 1e-9))
