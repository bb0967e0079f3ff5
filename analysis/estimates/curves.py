"""Best-of-N curves from one pool of M trials: exact averages over all N-subsets.

All curves here are one functional. N of the M trials are drawn without replacement, validation picks the best of them
(tied winners are averaged), and a value of the picked trial is read: its validation score (`best_val`), its test score
(`test_of_best`), or the difference (`gap`). The average over all C(M, N) draws is a complete U-statistic of order N.

With the trials sorted by validation score, z_(i) the value at rank i (mean over the ranks tied with i) and
p_i = C(i, N) / C(M, N) = P(all N drawn lie among the lowest i),

    U_N = z_(M) - sum over i < M of p_i (z_(i+1) - z_(i)),        p_M = 1, p_{i-1} = p_i (i - N) / i.

Assumption: the trials are exchangeable draws (random search; a random order of a grid). Bias: none, at any N <= M.
Range: N = 1 (the mean) to M (the best one seen; an observation, not an estimate). Cost: O(M log M) to sort, then O(M)
time and memory for each N. Error: about 1e-15 of the range of z; constant when all are equal; for z = validation score
monotone in N to the last bit.
Source: Hoeffding, "A class of statistics with asymptotically normal distribution" (1948), for U-statistics; Tang et
al., "Showing Your Work Doesn't Always Work" (2020), for U as the unbiased best-of-N, where Dodge et al., "Show Your
Work" (2019), have the biased V. The recursion in p avoids the binomials, which overflow, and log-gamma, which loses
digits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from models.tasks.metrics import Direction as Direction

_BLOCK = 1 << 16  # numbers worked on at once: a block of N values stays in the cache, memory stays linear in M


@dataclass(frozen=True)
class Point:
    """A curve at one N. `low` and `high` are None where no valid limit exists; `why` then gives the reason."""

    value: float
    low: float | None
    high: float | None
    method: str
    why: str | None = None

    def __post_init__(self) -> None:
        """Raise ValueError where a limit is missing without a reason."""
        if (self.low is None or self.high is None) and not self.why:
            raise ValueError(f"a point without a limit says why: got {self}")

    def turned(self) -> Point:
        """The point of the negative score."""
        low, high = (None if end is None else -end for end in (self.high, self.low))
        return replace(self, value=-self.value, low=low, high=high)


Curve = dict[int, Point]


def checked_at(at: Sequence[int], m: int) -> np.ndarray:
    """The values of N as a float array; ValueError unless each is a whole number from 1 to m."""
    for n in at:
        if isinstance(n, bool) or int(n) != n or not 1 <= n <= m:
            raise ValueError(f"N is a whole number from 1 to the number of trials, here {m}: got {n}")
    return np.asarray(at, dtype=float)


def checked_scores(name: str, scores: Sequence[float] | np.ndarray) -> np.ndarray:
    """Scores as a float array; ValueError unless the array has one axis, at least one score and no NaN."""
    values = np.asarray(scores, dtype=float)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"{name} holds the score of at least one trial: got shape {values.shape}")
    if np.isnan(values).any():
        raise ValueError(f"{name} holds no NaN (a trial without a score stands at the floor): got NaN")
    return values


def subset_probabilities(n: np.ndarray, m: int) -> np.ndarray:
    """The probabilities p_i for i = m-1 down to 1, (len(n), m-1); a real n >= 1 interpolates between whole numbers."""
    ranks = np.arange(m, 1, -1, dtype=float)
    return np.cumprod(np.maximum(ranks - n[:, None], 0.0) / ranks, axis=1)


def expected_level(levels: np.ndarray, at: np.ndarray) -> np.ndarray:
    """U_N at each N of `at`, from levels (M,) by rank, averaged over ties: z_(M) - sum p_i (z_(i+1) - z_(i))."""
    m = len(levels)
    steps = np.diff(levels)[::-1]
    rows = max(1, _BLOCK // m)
    result = np.empty(len(at))
    for start in range(0, len(at), rows):
        part = at[start : start + rows]
        # einsum adds every row in the same order, which keeps the curve monotone to the last bit; BLAS would not
        result[start : start + rows] = np.einsum("ij,j->i", subset_probabilities(part, m), steps)
    return levels[-1] - result


def best_val(val: Sequence[float] | np.ndarray, at: Sequence[int], direction: Direction = "maximize") -> np.ndarray:
    """Expected best validation score of N trials (module docstring, z = validation score).

    A score of -inf (+inf when minimising) ranks a trial last. U_N is infinite while some N-subset holds nothing but
    such trials.
    """
    y = np.sort(_oriented(checked_scores("val", val), direction))
    n = checked_at(at, len(y))
    if y[-1] == math.inf:
        raise ValueError(f"a score is finite, or infinitely bad: got the best score {_sign(direction) * y[-1]}")
    last = int(np.count_nonzero(y == -math.inf))
    if last == len(y):
        return np.full(len(n), -_sign(direction) * math.inf)
    y[:last] = y[last]  # of no weight where N > last
    return _sign(direction) * np.where(n <= last, -math.inf, expected_level(y, n))


def expected_test_of_best(
    val: Sequence[float] | np.ndarray,
    test: Sequence[float] | np.ndarray,
    at: Sequence[int],
    direction: Direction = "maximize",
) -> np.ndarray:
    """Expected test score of the trial that validation picks among N, tied winners averaged (module docstring).

    The curve need not rise with N. Unlike the best test score, the curve is free of selection on test. The test set's
    own sampling error remains in it.
    """
    rank_by = _oriented(checked_scores("val", val), direction)
    levels = tied_levels(rank_by, same_length(rank_by, checked_scores("test", test)))
    return expected_level(levels, checked_at(at, len(levels)))


def gap(
    val: Sequence[float] | np.ndarray,
    test: Sequence[float] | np.ndarray,
    at: Sequence[int],
    direction: Direction = "maximize",
) -> np.ndarray:
    """Expected best validation score less the test score of the same trial: the optimism of selection.

    At N = 1 nothing was selected, so gap(1) is the difference between the two data sets themselves, and
    gap(N) - gap(1) is the optimism that the selection added. NaN where the best validation score is infinite.
    """
    rank_by = _oriented(checked_scores("val", val), direction)
    n = checked_at(at, len(rank_by))
    ranked = _sign(direction) * np.sort(rank_by)
    last = int(np.count_nonzero(np.isinf(ranked)))
    if last == len(ranked):
        return np.full(len(n), np.nan)
    # One functional of the differences, not the difference of two functionals: no digits are lost on a large offset.
    levels = ranked - tied_levels(rank_by, same_length(rank_by, checked_scores("test", test)))
    levels[:last] = levels[last]  # of no weight where N > last
    return np.where(n <= last, np.nan, expected_level(levels, n))


def best_test_selected_on_test_is_optimistic(
    test: Sequence[float] | np.ndarray, at: Sequence[int], direction: Direction = "maximize"
) -> np.ndarray:
    """Expected best TEST score of N trials: never quote it, for the same data select and report, which biases upwards.

    The function is kept to compare with published curves that were made this way.
    """
    return best_val(test, at, direction)


def tied_levels(val: np.ndarray, value: np.ndarray) -> np.ndarray:
    """`value` by ascending rank of `val`; tied trials on `val` share the mean of their values."""
    order = np.argsort(val, kind="stable")
    ranked, z = val[order], value[order]
    starts = tie_starts(ranked)
    sizes = np.diff(np.r_[starts, len(ranked)])
    first = z[starts]
    # First value plus mean excess: the mean is exact when the tied values are equal.
    excess = np.add.reduceat(z - np.repeat(first, sizes), starts) / sizes
    return np.repeat(first + excess, sizes)


def tie_starts(ranked: np.ndarray) -> np.ndarray:
    """The place of the first score of each group of tied scores, in sorted scores (M,)."""
    return np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])


def same_length(val: np.ndarray, value: np.ndarray) -> np.ndarray:
    """`value`; ValueError unless it has one entry for each trial."""
    if len(val) != len(value):
        raise ValueError(f"one value for each trial: got {len(value)} values for {len(val)} trials")
    return value


def _sign(direction: Direction) -> float:
    if direction not in ("maximize", "minimize"):
        raise ValueError(f"direction is maximize or minimize: got {direction!r}")
    return 1.0 if direction == "maximize" else -1.0


def _oriented(scores: np.ndarray, direction: Direction) -> np.ndarray:
    return _sign(direction) * scores
