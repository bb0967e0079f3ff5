"""Two studies side by side: the difference of their curves at equal N and at equal seconds, with its own error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from analysis.estimates import curves, jackknife
from analysis.estimates.best_of_n import CONFIDENCE, Point, default_at
from analysis.reading.pool import Pool, pool_of
from analysis.reading.table import TrialTable

_CURVES = ("best_val", "test_of_best")


@dataclass(frozen=True)
class Comparison:
    """First study less second. `at_n`: curve -> N -> Point; `at_seconds`: curve -> budget in seconds -> Point.

    `n_at_seconds`: budget -> the two numbers of trials that it pays for, as real numbers.
    """

    first: str
    second: str
    at_n: dict[str, dict[int, Point]]
    at_seconds: dict[str, dict[float, Point]]
    n_at_seconds: dict[float, tuple[float, float]]
    notes: tuple[str, ...]


def compare(
    first: TrialTable,
    second: TrialTable,
    at: Sequence[int] | None = None,
    seconds: Sequence[float] | None = None,
) -> Comparison:
    """The difference curves. N beyond the smaller pool raises ValueError; without durations `at_seconds` is empty.

    Formula: U_N(first) - U_N(second), variance the sum of the two delete-one jackknife variances, Student's t with
    the smaller M - 1 degrees of freedom. At equal seconds t, N = t / (mean seconds of a trial), real, by the
    continuation of p_i = C(i, N) / C(M, N); the jackknife then leaves a trial out of the curve and of the mean
    duration at once, the second to first order. Assumption: independent searches on the same data split; trials run
    one after another.
    Bias: none at equal N; O(1/M) at equal seconds. Range: N as for one curve (M/10, flagged to M/5) in both. Cost:
    O(M).
    Source: Arvesen, "Jackknifing U-statistics" (1969), who treats functions of several U-statistics.
    """
    pools = pool_of(first), pool_of(second)
    for table, pool in zip((first, second), pools, strict=True):
        if not pool.tested:
            raise ValueError(f"studies are compared by validation and test accuracy: got {table.study} without test")
    m = min(pool.trials for pool in pools)
    ns = tuple(int(n) for n in curves.checked_at(at, m)) if at is not None else default_at(m)
    infinite = first.sampler == "list" or second.sampler == "list"
    at_n = {name: {n: _difference(pools, name, (n, n), False, infinite) for n in ns} for name in _CURVES}
    timed = all(np.isfinite(pool.seconds).all() and pool.seconds.sum() > 0 for pool in pools)
    budgets = tuple(seconds) if seconds is not None else _budgets(pools) if timed else ()
    if budgets and not timed:
        raise ValueError("a comparison at equal seconds needs the seconds of every trial: got trials without")
    paid = {t: (t / pools[0].seconds.mean(), t / pools[1].seconds.mean()) for t in budgets}
    for t, pair in paid.items():
        if not all(1 <= n <= pool.trials for n, pool in zip(pair, pools, strict=True)):
            raise ValueError(
                f"a budget pays for 1 to M trials in both studies: got {t} s, {pair[0]:.1f} and {pair[1]:.1f}"
            )
    at_t = {name: {t: _difference(pools, name, paid[t], True, infinite) for t in budgets} for name in _CURVES}
    return Comparison(first.study, second.study, at_n, at_t, paid, _notes(first, second))


def _difference(pools: tuple[Pool, Pool], name: str, pair: tuple[float, float], timed: bool, infinite: bool) -> Point:
    values, variances = [], []
    for pool, n in zip(pools, pair, strict=True):
        z = pool.val if name == "best_val" else pool.test
        values.append(_value(pool, z, n))
        variances.append(_variance(pool, z, n, timed))
    difference = values[0] - values[1]
    if infinite:
        return Point(
            difference,
            None,
            None,
            "exact",
            "a list of chosen configurations: nothing random to judge an error from",
        )
    worst = [jackknife.range_of(n, pool.trials) for pool, n in zip(pools, pair, strict=True)]
    if "refused" in worst or None in variances:
        why = f"the jackknife is not valid beyond N = M/{jackknife.LAST} in both studies"
        return Point(difference, None, None, "point estimate only", why)
    error = math.sqrt(sum(v for v in variances if v is not None))
    if error < 1e-12:
        return Point(
            difference,
            None,
            None,
            "point estimate only",
            "no spread among the trials to judge an error from",
        )
    half = float(stdtrit(min(p.trials for p in pools) - 1, (1 + CONFIDENCE) / 2)) * error
    flag = f", flagged: beyond N = M/{jackknife.SAFE} it covers less than stated" if "flagged" in worst else ""
    return Point(difference, difference - half, difference + half, "jackknife" + flag)


def _value(pool: Pool, z: np.ndarray, n: float) -> float:
    return float(curves.expected_level(curves.tied_levels(pool.val, z), np.array([n]))[0])


def _variance(pool: Pool, z: np.ndarray, n: float, timed: bool) -> float | None:
    m = pool.trials
    if jackknife.range_of(n, m) == "refused":
        return None
    replicates = jackknife.leave_one_out(pool.val, z, n)
    if timed:
        mean = pool.seconds.mean()
        shorter = (pool.seconds.sum() - pool.seconds) / (m - 1)
        below, above = max(n - 0.5, 1.0), n + 0.5
        slope = (_value(pool, z, above) - _value(pool, z, below)) / (above - below)
        replicates = replicates + slope * n * (mean / shorter - 1.0)
    return jackknife.jackknife_variance(replicates)


def _budgets(pools: tuple[Pool, Pool]) -> tuple[float, ...]:
    """Budgets that pay for 1, 2, 5, ... trials of the study with the slower trials, as far as both pools reach."""
    means = [float(pool.seconds.mean()) for pool in pools]
    most = min(pool.trials * mean for pool, mean in zip(pools, means, strict=True))
    ladder = [max(means) * n for n in default_at(max(pool.trials for pool in pools))]
    return tuple(round(t, 3) for t in ladder if round(t, 3) <= most and round(t, 3) >= max(means))


def _notes(first: TrialTable, second: TrialTable) -> tuple[str, ...]:
    notes = []
    if first.data_sha256 != second.data_sha256 or first.data_sha256 is None:
        notes.append("The two studies are not known to use the same data: the difference is of searches and of data.")
    if first.seed is not None and first.seed == second.seed and first.study != second.study:
        notes.append("Both studies have the same seed: their splits agree, but their draws may not be independent.")
    return tuple(notes)
