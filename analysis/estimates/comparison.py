"""Two studies side by side: the difference of what they reach, at equal N and at equal seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from analysis.estimates import curves, refusals
from analysis.estimates.best_of_n import CONFIDENCE, default_at
from analysis.estimates.curves import Point
from analysis.estimates.intervals import Bounds, limits_at, oriented, selected_limits_at
from analysis.estimates.order_statistics import checked_tail
from analysis.reading.pool import Pool, pool_of
from analysis.reading.table import TrialTable
from models.tasks.objective import Objective

METHOD = "each side's Gaffke-type interval (Bonferroni); coverage shown by simulation, not proven"
_CURVES = ("best_val", "test_of_best")


@dataclass(frozen=True)
class Comparison:
    """First study less second. `at_n`: curve -> N -> Point; `at_seconds`: curve -> budget in seconds -> Point.

    `n_at_seconds`: budget -> the two numbers of trials that it pays for, as real numbers.
    """

    first: str
    second: str
    objective: Objective
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

    Formula: U_N(first) - U_N(second); its limits are those of either side, at half the miss each: low less high, high
    less low. At equal seconds t, N = t / (mean seconds of a trial), real; half of each side's miss then goes to
    Student's interval of that mean, and the limits are taken at the fewest and the most trials that it allows.
    Assumption: independent searches on the same data split; trials run one after another; at equal seconds, durations
    whose mean is near normal. Proven: where each side's interval holds, so does this one. Simulated: each side's
    (analysis.estimates.intervals); together they cover 0.99 and more, so that a difference is claimed late.
    Range: N to the smaller M; of the test score as refusals.py says, and at equal seconds not at all. Cost: two
    intervals a point. Source: Bonferroni (1936).
    """
    objective = first.objective
    if second.objective != objective:
        raise ValueError(
            f"studies are compared by one objective: got {objective.name} of {first.study} and "
            f"{second.objective.name} of {second.study}"
        )
    sides = _side(first), _side(second)
    pools = sides[0].pool, sides[1].pool
    m = min(pool.trials for pool in pools)
    ns = tuple(int(n) for n in curves.checked_at(at, m)) if at is not None else default_at(m)
    timed = all(np.isfinite(pool.seconds).all() and pool.seconds.sum() > 0 for pool in pools)
    budgets = tuple(seconds) if seconds is not None else _budgets(pools) if timed else ()
    if budgets and not timed:
        raise ValueError("a comparison at equal seconds needs the seconds of every trial: got trials without")
    paid = {t: (t / float(pools[0].seconds.mean()), t / float(pools[1].seconds.mean())) for t in budgets}
    for t, pair in paid.items():
        if not all(1 <= n <= pool.trials for n, pool in zip(pair, pools, strict=True)):
            raise ValueError(
                f"a budget pays for 1 to M trials in both studies: got {t} s, {pair[0]:.1f} and {pair[1]:.1f}"
            )
    tail = checked_tail(CONFIDENCE)

    def difference(name: str, at_first: _At, at_second: _At, tail: float) -> Point:
        one = sides[0].point(name, at_first, tail)
        two = sides[1].point(name, at_second, tail)
        found = _difference(one, two)
        return found if objective.direction == "maximize" else found.turned()

    at_n = {name: {n: difference(name, _At(n, n, n), _At(n, n, n), tail / 2) for n in ns} for name in _CURVES}
    at_t = {
        name: {t: difference(name, sides[0].paid(t, tail / 4), sides[1].paid(t, tail / 4), tail / 4) for t in budgets}
        for name in _CURVES
    }
    return Comparison(first.study, second.study, objective, at_n, at_t, paid, _notes(first, second))


@dataclass(frozen=True)
class _At:
    """N, and the fewest and the most trials that it may be: real numbers, the same where N is chosen."""

    n: float
    fewest: float
    most: float


@dataclass(frozen=True)
class _Side:
    """One study's pool with higher scores the better ones, (worst, best) score, and why there is nothing to infer."""

    pool: Pool
    bounds: Bounds
    exact: str | None
    objective: Objective

    def paid(self, seconds: float, tail: float) -> _At:
        """The trials that a budget pays for, from the mean duration and Student's limits of it."""
        durations = self.pool.seconds
        m, mean = len(durations), float(durations.mean())
        if m < 2:
            return _At(seconds / mean, 0.0, math.inf)
        half = float(stdtrit(m - 1, 1.0 - tail)) * float(durations.std(ddof=1)) / math.sqrt(m)
        return _At(seconds / mean, seconds / (mean + half), seconds / (mean - half) if mean > half else math.inf)

    def point(self, name: str, at: _At, tail: float) -> Point:
        """The curve at N; each limit is missed with probability `tail`, and is taken at the N that makes it wider."""
        val = self.pool.val
        levels = curves.tied_levels(val, val if name == "best_val" else self.pool.test)
        value = float(curves.expected_level(levels, np.array([at.n]))[0])
        if self.exact is not None:
            return Point(value, value, value, "exact")
        why = refusals.of_selected(at.n, len(val), self.objective) if name != "best_val" else None
        if name != "best_val" and why is None and at.fewest < at.most:
            why = refusals.of_seconds()
        if why is None and math.isinf(at.most):
            why = "too few trials, or too uneven ones, to say how many the seconds pay for"
        if why is not None:
            return Point(value, None, None, "point estimate only", why)
        ends = sorted({at.fewest, at.most})
        low, high = (
            limits_at(levels, ends, (tail,), self.bounds)
            if name == "best_val"
            else selected_limits_at(val, self.pool.test, ends, (tail,), self.bounds)
        )
        return Point(value, min(float(low[0, 0]), value), max(float(high[0, -1]), value), METHOD)


def _side(table: TrialTable) -> _Side:
    pool, direction = pool_of(table), table.objective.direction
    if not pool.tested:
        raise ValueError(f"studies are compared by validation and test scores: got {table.study} without test")
    refusals.trend_flag(table, pool)  # raises where the trials are not what the table says
    upwards, limits = oriented(pool.val, pool.bounds, direction)
    test = pool.test if direction == "maximize" else -pool.test
    exact = refusals.nothing_to_infer(table, pool.trials)
    return _Side(replace(pool, val=upwards, test=test), limits, exact, table.objective)


def _difference(one: Point, two: Point) -> Point:
    value = one.value - two.value
    if one.method == two.method == "exact":
        return Point(value, None, None, "exact", "both studies are exact: nothing random to judge an error from")
    if one.low is None or one.high is None or two.low is None or two.high is None:
        return Point(value, None, None, "point estimate only", one.why or two.why)
    return Point(value, one.low - two.high, one.high - two.low, METHOD)


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
