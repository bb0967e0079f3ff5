"""Delete-one jackknife of the best-of-N curves: exact replicates in O(M), and the range of N where it may be quoted."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import stdtrit

from analysis.estimates.curves import same_length, subset_probabilities

SAFE = 10  # N <= M / SAFE: covers 0.92 to 0.95 of a nominal 0.95
LAST = 5  # N <= M / LAST: flagged; beyond: refused


def leave_one_out(val: np.ndarray, value: np.ndarray, n: float) -> np.ndarray:
    """The curve's value at N on each of the M pools that lack one trial; element j lacks trial j.

    Formula: with P_i = C(i, N) / C(M-1, N), groups of trials tied on `val` at ranks a..b with mean z_g, and trial j
    in group g, the sum over groups h below g of (P_b - P_{a-1}) z_h, over groups above g of (P_{b-1} - P_{a-2}) z_h,
    and of g itself without j, (P_{b-1} - P_{a-1}) (sum of g - z_j) / (size - 1). Prefix sums give all M of them.
    Assumption: none, it is arithmetic. Range: 1 <= N <= M - 1 (real N interpolates). Cost: O(M log M) time, O(M)
    memory.
    Ties: the mean of a group is taken anew without j; keeping the pool's mean would drop the variance within ties.
    Source: Tukey (1958); Arvesen, "Jackknifing U-statistics" (1969).
    """
    m = len(same_length(value, val))
    if not 1 <= n <= m - 1:
        raise ValueError(f"the jackknife needs 1 <= N <= M - 1, here {m - 1}: got {n}")
    order = np.argsort(val, kind="stable")
    ranked, z = val[order], value[order]
    starts = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    ends = np.r_[starts[1:], m]
    sizes = ends - starts
    origin = z[starts[-1] :].mean()  # the weights add to one: moving the origin costs nothing and keeps the digits
    z = z - origin
    sums = np.add.reduceat(z, starts)
    means = sums / sizes
    # P_i at index i + 1, for i = -1 (padding) to m (padding)
    lower = subset_probabilities(np.array([float(n)]), m - 1)[0][::-1]
    p = np.concatenate([[0.0, 0.0], lower, [1.0, 1.0]])
    below = np.r_[0.0, np.cumsum((p[ends + 1] - p[starts + 1]) * means)[:-1]]
    above_terms = (p[ends] - p[starts]) * means
    above = np.r_[np.cumsum(above_terms[::-1])[::-1][1:], 0.0]
    own = (p[ends] - p[starts + 1]) / np.maximum(sizes - 1, 1)
    group = np.repeat(np.arange(len(starts)), sizes)
    replicates = np.empty(m)
    rest = np.where(sizes[group] > 1, sums[group] - z, 0.0)
    replicates[order] = below[group] + above[group] + own[group] * rest
    return replicates + origin


def jackknife_variance(replicates: np.ndarray) -> float:
    """(M - 1) / M times the sum of squared deviations of the delete-one replicates from their mean.

    Bias: upwards (Efron and Stein, "The jackknife estimate of variance", 1981); falls with N / M.
    """
    m = len(replicates)
    return float((m - 1) / m * np.sum((replicates - replicates.mean()) ** 2))


def jackknife_error(val: np.ndarray, value: np.ndarray, n: float) -> float:
    """Standard error of the mean of `value` over the trials that `val` selects among N."""
    return math.sqrt(jackknife_variance(leave_one_out(val, value, n)))


def range_of(n: float, m: int) -> str:
    """`safe`, `flagged` or `refused`: what the jackknife is worth at this N in a pool of m trials."""
    if n * SAFE <= m:
        return "safe"
    return "flagged" if n * LAST <= m else "refused"


def half_width(error: float, m: int, confidence: float) -> float:
    """Student's t with m - 1 degrees of freedom times the standard error (two-sided)."""
    return float(stdtrit(m - 1, (1 + confidence) / 2)) * error
