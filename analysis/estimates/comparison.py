"""Two studies side by side: the difference of their best-of-N curves, at equal N and at equal seconds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from analysis.estimates import curves, refusals
from analysis.estimates.best_of_n import CONFIDENCE, default_at
from analysis.estimates.curves import Point
from analysis.estimates.intervals import limits_at, selected_limits_at, turned_upwards
from analysis.estimates.order_statistics import checked_tail
from analysis.reading.pool import Pool, pool_of
from analysis.reading.table import TrialTable
from models.tasks.objective import Objective

METHOD = "each side's Gaffke-type interval (Bonferroni); coverage shown by simulation, not proven"
_CURVES = ("best_val", "test_of_best")


@dataclass(frozen=True)
class Comparison:
    """The first study less the second one.

    `at_n`: curve -> N -> Point; `at_seconds`: curve -> budget in seconds -> Point. `n_at_seconds`: budget in seconds ->
    the numbers of trials that the budget pays for in the two studies, as real numbers.
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
    """The difference curves; without durations `at_seconds` is empty.

    Formula: U_N(first) - U_N(second). The limits of the difference come from the limits of both sides, each at half the
    miss: low less high, and high less low. At equal seconds t, N = t / (mean seconds of a trial) is a real number; half
    of each side's miss then goes to Student's interval of that mean, and the limits are taken at the fewest and the
    most trials that Student's interval allows.
    Assumption: independent searches on the same data split; trials run one after another; at equal seconds, durations
    whose mean is near normal. Proven: where the intervals of both sides hold, the interval of the difference holds.
    Simulated: the interval of each side (analysis.estimates.intervals); the difference is covered in 0.99 and more, so
    a difference is claimed late. Range: N up to the smaller M; of the test score as refusals.py says, and at equal
    seconds not at all. Cost: two intervals a point. Source: Bonferroni (1936).

    Raises:
        ValueError: the studies have different objectives or no test scores, an N lies beyond the smaller pool, or
            `seconds` pays for no trial or for more than a pool has.
    """
    objective = first.objective
    if second.objective != objective:
        raise ValueError(
            f"studies are compared by one objective: got {objective.name} of {first.study} and "
            f"{second.objective.name} of {second.study}"
        )
    sides = _side(first), _side(second)
    m = min(side.pool.trials for side in sides)
    ns = tuple(int(n) for n in curves.checked_at(at, m)) if at is not None else default_at(m)
    paid = _trials_paid_for((sides[0].pool, sides[1].pool), seconds)
    tail = checked_tail(CONFIDENCE)
    at_n = {name: {n: _difference_at(sides, name, (_At.exactly(n),) * 2, tail / 2) for n in ns} for name in _CURVES}
    at_seconds = {
        name: {
            t: _difference_at(sides, name, (sides[0].paid(t, tail / 4), sides[1].paid(t, tail / 4)), tail / 4)
            for t in paid
        }
        for name in _CURVES
    }
    return Comparison(first.study, second.study, objective, at_n, at_seconds, paid, _notes(first, second))


def _trials_paid_for(pools: tuple[Pool, Pool], seconds: Sequence[float] | None) -> dict[float, tuple[float, float]]:
    """For each budget in `seconds` (_budgets if None), the number of trials that the budget pays for in each study."""
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
    return paid


@dataclass(frozen=True)
class _At:
    """A number of trials, with the fewest and the most that the number may be: all real, and equal for a chosen N."""

    n: float
    fewest: float
    most: float

    @classmethod
    def exactly(cls, n: int) -> _At:
        return cls(n, n, n)


@dataclass(frozen=True)
class _Side:
    """The pool of one study."""

    pool: Pool
    """Turned so that higher scores are better; its bounds are the (worst, best) score."""
    exact: str | None
    """Why nothing is inferred from the pool (refusals.nothing_to_infer); None where something is."""
    objective: Objective

    def paid(self, seconds: float, tail: float) -> _At:
        """The trials that a budget pays for, from the mean duration of a trial and Student's limits of that mean."""
        durations = self.pool.seconds
        m, mean = len(durations), float(durations.mean())
        if m < 2:
            return _At(seconds / mean, 0.0, math.inf)
        half = float(stdtrit(m - 1, 1.0 - tail)) * float(durations.std(ddof=1)) / math.sqrt(m)
        return _At(seconds / mean, seconds / (mean + half), seconds / (mean - half) if mean > half else math.inf)

    def point(self, name: str, at: _At, tail: float) -> Point:
        """The curve at N. Each limit is missed with probability `tail` and taken at the N that makes it wider."""
        val, bounds = self.pool.val, self.pool.bounds
        of_validation = name == "best_val"
        levels = curves.tied_levels(val, val if of_validation else self.pool.test)
        value = float(curves.expected_level(levels, np.array([at.n]))[0])
        if self.exact is not None:
            return Point(value, value, value, "exact")
        why = self._why_no_interval(of_validation, at)
        if why is not None:
            return Point(value, None, None, "point estimate only", why)
        ends = sorted({at.fewest, at.most})
        low, high = (
            limits_at(levels, ends, (tail,), bounds)
            if of_validation
            else selected_limits_at(val, self.pool.test, ends, (tail,), bounds)
        )
        return Point(value, min(float(low[0, 0]), value), max(float(high[0, -1]), value), METHOD)

    def _why_no_interval(self, of_validation: bool, at: _At) -> str | None:
        if not of_validation:
            why = refusals.of_selected(at.n, self.pool.trials, self.objective)
            if why is not None:
                return why
            if at.fewest < at.most:
                return refusals.of_seconds()
        if math.isinf(at.most):
            return "too few trials, or too uneven ones, to say how many the seconds pay for"
        return None


def _side(table: TrialTable) -> _Side:
    pool = pool_of(table)
    if not pool.tested:
        raise ValueError(f"studies are compared by validation and test scores: got {table.study} without test")
    refusals.trend_flag(table, pool)  # raises where the trials are not what the table says
    return _Side(turned_upwards(pool), refusals.nothing_to_infer(table, pool.trials), table.objective)


def _difference_at(sides: tuple[_Side, _Side], name: str, at: tuple[_At, _At], tail: float) -> Point:
    """The difference of both sides on a curve, in the scores' own direction."""
    one, two = (side.point(name, place, tail) for side, place in zip(sides, at, strict=True))
    found = _difference(one, two)
    return found if sides[0].objective.direction == "maximize" else found.turned()


def _difference(one: Point, two: Point) -> Point:
    value = one.value - two.value
    if one.method == two.method == "exact":
        return Point(value, None, None, "exact", "both studies are exact: nothing random to judge an error from")
    if one.low is None or one.high is None or two.low is None or two.high is None:
        return Point(value, None, None, "point estimate only", one.why or two.why)
    return Point(value, one.low - two.high, one.high - two.low, METHOD)


def _budgets(pools: tuple[Pool, Pool]) -> tuple[float, ...]:
    """Budgets in seconds that pay for 1, 2, 5, ... trials of the slower study, up to the end of either pool."""
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
