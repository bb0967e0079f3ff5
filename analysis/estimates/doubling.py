"""When to stop: does doubling the trials buy less than x? Judged on the finished prefix, in plan order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from analysis.estimates import curves, jackknife
from analysis.reading.pool import Pool, has_prefix, pool_of
from analysis.reading.table import TrialTable

SHARE = 10  # judged at N = M / SHARE, so that 2N stays within the jackknife's last range, M / 5
FEWEST = 2 * SHARE


@dataclass(frozen=True)
class DoublingGain:
    """What 2N trials reach beyond N, judged from M: `gain` = U_2N - U_N, `upper` its one-sided upper limit.

    `why` says why there is no judgement; the numbers are then None.
    """

    trials: int
    n: int
    confidence: float
    gain: float | None = None
    standard_error: float | None = None
    upper: float | None = None
    why: str | None = None

    def below(self, threshold: float) -> bool:
        """Whether doubling buys less than `threshold` with the stated confidence. No judgement is no."""
        return self.upper is not None and self.upper < threshold

    def sentence(self) -> str:
        """The result in words."""
        if self.gain is None or self.upper is None:
            return f"no judgement on doubling: {self.why}"
        return (
            f"doubling from {self.n} to {2 * self.n} trials bought {self.gain:.5f}, less than {self.upper:.5f} with "
            f"{self.confidence:.0%} confidence; doubling {self.trials} buys no more than that if gains do not grow"
        )


def doubling_gain(table: TrialTable, confidence: float = 0.95) -> DoublingGain:
    """The gain of doubling at N = M // 10, with its one-sided upper limit, on the table's finished prefix of M trials.

    Formula: U_2N - U_N, its error the delete-one jackknife of that difference, Student's t with M - 1 degrees of
    freedom.
    Assumption: exchangeable trials; and for the step from N to M, that the gain of a doubling does not grow from M/10
    on (so for scores with a bounded, regular upper tail; not where one configuration in more than M/10 is much
    better).
    Bias: none in the gain; as a statement about doubling M it is far on the safe side. Range: M >= 20. Cost: O(M log
    M).
    Source: Hoeffding (1948) for U, Arvesen (1969) for the jackknife; the rule itself is this project's.
    """
    pool = pool_of(table)
    if table.sampler == "list":
        return DoublingGain(pool.trials, 0, confidence, why="a list of chosen configurations has no next draw")
    return doubling_gain_at(pool, pool.trials // SHARE, confidence)


def doubling_gain_at(pool: Pool, n: int, confidence: float = 0.95) -> DoublingGain:
    """As doubling_gain, at any N with 2N <= M/5."""
    return _doubling_gain(pool.val, n, confidence)


def _doubling_gain(val: np.ndarray, n: int, confidence: float) -> DoublingGain:
    m = len(val)
    if m < FEWEST:
        return DoublingGain(m, n, confidence, why=f"needs {FEWEST} finished trials, has {m}")
    if jackknife.range_of(2 * n, m) == "refused":
        return DoublingGain(m, n, confidence, why=f"2N = {2 * n} lies beyond M/{jackknife.LAST} (M = {m})")
    at_n, at_2n = curves.best_val(val, [n, 2 * n]).tolist()
    difference = jackknife.leave_one_out(val, val, 2 * n) - jackknife.leave_one_out(val, val, n)
    error = float(np.sqrt(jackknife.jackknife_variance(difference)))
    if error < 1e-12:
        return DoublingGain(m, n, confidence, why="no spread among the trials to judge an error from")
    gain = at_2n - at_n
    upper = gain + float(stdtrit(m - 1, confidence)) * error
    return DoublingGain(m, n, confidence, gain, error, upper)


def stop_at(table: TrialTable, threshold: float, confidence: float = 0.95) -> int | None:
    """The number of plan numbers with which the search ends by the rule, None while it goes on.

    The finished prefix is looked at in plan order, each time another 10 trials are in it; the first look that is below
    the threshold decides. However the trials arrived, the same plan ends at the same trial. Looking several times
    makes the error more likely than a single look would; the report says that the sample size was not fixed.
    """
    if not 0.0 < threshold < 1.0:
        raise ValueError(f"stop_when_gain_below lies between 0 and 1: got {threshold}")
    if table.sampler == "list" or not has_prefix(table):
        return None
    pool = pool_of(table)
    m = first_stop(pool.val, threshold, confidence)
    return None if m is None else int(pool.numbers[m - 1]) + 1


def first_stop(
    val: Sequence[float] | np.ndarray, threshold: float, confidence: float = 0.95, looked: int = 0
) -> int | None:
    """The first look at validation scores `val`, in plan order, whose gain is below the threshold: its trials.

    `looked`: looks up to this many trials were made before without ending the search, and are not repeated.
    """
    for m in range(FEWEST, len(val) + 1, SHARE):
        if m > looked and _doubling_gain(np.asarray(val[:m], dtype=float), m // SHARE, confidence).below(threshold):
            return m
    return None
