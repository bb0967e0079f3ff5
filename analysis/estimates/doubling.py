"""The stop rule: a search ends once doubling its trials seems to buy less than x. A decision, not an interval.

The decision was right in every run tried. The limit that the decision rests on must not be quoted: "doubling buys less
than this with 95% confidence" held in 0.71 to 0.95 of searches, so no sentence, page or table says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from analysis.estimates import curves
from analysis.estimates.curves import same_length, subset_probabilities, tie_starts
from analysis.reading.pool import Pool, has_prefix, pool_of
from analysis.reading.table import TrialTable

LAST = 5  # beyond N = M / LAST the jackknife's variance says nothing
SHARE = 10  # the rule judges at N = M / SHARE, so that 2N stays within M / LAST
FEWEST = 2 * SHARE


@dataclass(frozen=True)
class DoublingGain:
    """How much better the best of 2N trials is than the best of N, judged from M trials.

    `gain`: U_2N - U_N; `upper`: its upper limit, which the rule compares with the threshold. `why`: the reason where
    there is no judgement; gain, error and limit are then None.
    """

    trials: int
    n: int
    confidence: float
    gain: float | None = None
    standard_error: float | None = None
    upper: float | None = None
    why: str | None = None

    def below(self, threshold: float) -> bool:
        """Whether the rule takes doubling to buy less than `threshold`; False where there is no judgement."""
        return self.upper is not None and self.upper < threshold

    def sentence(self) -> str:
        """The result in words."""
        if self.gain is None or self.upper is None:
            return f"no judgement on doubling: {self.why}"
        return (
            f"doubling from {self.n} to {2 * self.n} trials bought {self.gain:.5f} on average; doubling {self.trials} "
            "buys no more than that if gains do not grow"
        )


def doubling_gain(table: TrialTable, confidence: float = 0.95) -> DoublingGain:
    """The gain of doubling at N = M // 10 and its upper limit, on the finished prefix of M trials.

    Formula: U_2N - U_N; its standard error is the delete-one jackknife's of the difference, its limit Student's t with
    M - 1 degrees of freedom. Assumption: exchangeable trials. To speak of doubling M, the gain of a doubling must not
    grow from M/10 on: true of scores with a bounded, regular upper tail, false where one configuration in more than
    M/10 is much better. Bias: none in the gain; as a statement about doubling M, the gain is far on the safe side.
    Simulated: the limit holds for the step from N to 2N in 0.71 to 0.95 of searches, so only the decision uses the
    limit. Range: M >= 20. Cost: O(M log M). Source: Hoeffding (1948) for U, Arvesen (1969) for the jackknife; the rule
    is this project's.
    """
    pool = pool_of(table)
    if table.sampler == "list":
        return DoublingGain(pool.trials, 0, confidence, why="a list of chosen configurations has no next draw")
    return doubling_gain_at(pool, pool.trials // SHARE, confidence)


def doubling_gain_at(pool: Pool, n: int, confidence: float = 0.95) -> DoublingGain:
    """The same as doubling_gain, at any N with 2N <= M/5."""
    return _doubling_gain(pool.upwards, n, confidence)


def _doubling_gain(val: np.ndarray, n: int, confidence: float) -> DoublingGain:
    m = len(val)
    if m < FEWEST:
        return DoublingGain(m, n, confidence, why=f"needs {FEWEST} finished trials, has {m}")
    if 2 * n * LAST > m:
        return DoublingGain(m, n, confidence, why=f"2N = {2 * n} lies beyond M/{LAST} (M = {m})")
    at_n, at_2n = curves.best_val(val, [n, 2 * n]).tolist()
    difference = leave_one_out(val, val, 2 * n) - leave_one_out(val, val, n)
    error = float(np.sqrt(jackknife_variance(difference)))
    if error < 1e-12:
        return DoublingGain(m, n, confidence, why="no spread among the trials to judge an error from")
    gain = at_2n - at_n
    upper = gain + float(stdtrit(m - 1, confidence)) * error
    return DoublingGain(m, n, confidence, gain, error, upper)


def stop_at(table: TrialTable, threshold: float, confidence: float = 0.95) -> int | None:
    """The number of trials, in plan order, after which the rule ends the search; None while the search goes on.

    The rule looks at the finished prefix each time the prefix has another 10 trials, and the first look below the
    threshold decides. The same plan ends at the same trial, in whatever order the trials arrived. Several looks make a
    wrong end more likely than a single look would; the report says that the sample size was not fixed.

    Raises:
        ValueError: the threshold does not lie between 0 and 1.
    """
    if not 0.0 < threshold < 1.0:
        raise ValueError(f"stop_when_gain_below lies between 0 and 1: got {threshold}")
    if table.sampler == "list" or not has_prefix(table):
        return None
    pool = pool_of(table)
    m = first_stop(pool.upwards, threshold, confidence)
    return None if m is None else int(pool.numbers[m - 1]) + 1


def first_stop(
    val: Sequence[float] | np.ndarray, threshold: float, confidence: float = 0.95, looked: int = 0
) -> int | None:
    """The number of trials at the first look whose gain is below the threshold; None without such a look.

    `val`: validation scores in plan order, turned so that higher is better. `looked`: looks at up to this many trials
    were made before and did not end the search; they are not repeated.
    """
    for m in range(FEWEST, len(val) + 1, SHARE):
        if m > looked and _doubling_gain(np.asarray(val[:m], dtype=float), m // SHARE, confidence).below(threshold):
            return m
    return None


def leave_one_out(val: np.ndarray, value: np.ndarray, n: float) -> np.ndarray:
    """The curve's value at N on each of the M pools that lack one trial; element j lacks trial j.

    Formula: with P_i = C(i, N) / C(M-1, N), groups of trials tied on `val` at ranks a..b with mean z_g, and trial j
    in group g, the sum over groups h below g of (P_b - P_{a-1}) z_h, over groups above g of (P_{b-1} - P_{a-2}) z_h,
    and of g itself without j, (P_{b-1} - P_{a-1}) (sum of g - z_j) / (size - 1). Prefix sums give all M of them.
    Assumption: none; the formula is arithmetic. Range: 1 <= N <= M - 1 (a real N interpolates). Cost: O(M log M) time,
    O(M) memory.
    Ties: the mean of j's group is taken without j; the mean with j would drop the variance within ties.
    Source: Tukey (1958); Arvesen, "Jackknifing U-statistics" (1969).
    """
    m = len(same_length(value, val))
    if not 1 <= n <= m - 1:
        raise ValueError(f"the jackknife needs 1 <= N <= M - 1, here {m - 1}: got {n}")
    order = np.argsort(val, kind="stable")
    ranked, z = val[order], value[order]
    starts = tie_starts(ranked)
    ends = np.r_[starts[1:], m]
    sizes = ends - starts
    origin = z[starts[-1] :].mean()  # the weights add to one, so the origin may move; this keeps the digits
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

    Assumption: exchangeable trials. Bias: upwards (Efron and Stein, "The jackknife estimate of variance", 1981),
    smaller for a smaller N / M. Source: Tukey (1958).
    """
    m = len(replicates)
    return float((m - 1) / m * np.sum((replicates - replicates.mean()) ** 2))
