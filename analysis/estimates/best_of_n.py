"""The headline: what the best of N trials reaches, with its uncertainty or the reason for having none.

Three quantities are kept apart. The trial found is the best one on validation, of equal trials the one with the lowest
number; at N = M all curves show its scores. A configuration over seeds is estimated in analysis.estimates.confirmation.
The procedure of searching with N trials has a mean over whole searches: all other points of the curves estimate that
mean, and average over trials that are equal on validation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from analysis.estimates import curves, refusals
from analysis.estimates.band import median_band_points, median_points, simultaneous_band
from analysis.estimates.curves import Curve, Direction, Point
from analysis.estimates.intervals import (
    Bounds,
    assumed_best,
    limits_at,
    proven_limits_at,
    selected_limits_at,
    simulated,
    turned_upwards,
)
from analysis.estimates.notes import flags_of, notes_of
from analysis.estimates.order_statistics import checked_tail, median_best
from analysis.estimates.planning import Prediction, prediction
from analysis.estimates.proportions import binomial_error, clopper_pearson
from analysis.reading.pool import Pool, Use, pool_of
from analysis.reading.table import TrialTable
from models.core import states
from models.tasks.objective import Objective

CONFIDENCE = 0.95
PROVEN = "simultaneous band of the distribution function, proven, all N at once (Anderson 1969)"
THIS_NETWORK = "Clopper-Pearson, of the network found"
ASSUMED = (
    "as best_val, granted that no configuration is further above the best seen than 4 times the next few are below"
)
_STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Found:
    """The trial that the search chose: of the `tied` trials with the best validation score the lowest number."""

    number: int
    val: float
    test: Point | None
    """The trial's own test score, with the interval of this network's accuracy; None where no trial was tested."""
    tied: int


@dataclass(frozen=True)
class BestOfN:
    """Everything that best_of_n.json holds.

    `curves`: name -> N -> Point; where no trial was tested, only the curves of validation scores.
    `test_standard_error`: N -> binomial standard error of a test accuracy as high as test_of_best at N, from the number
    of test rows (empty when that number is unknown). All trials share this error; the intervals do not contain it.
    `predictions`: for each N, what N further trials reach. `flags`: why every interval may cover less than it says.
    """

    study: str
    sampler: str
    confidence: float
    objective: Objective
    worst: float
    """The score of a trial that failed."""
    trials: dict[str, int | None]
    seed: int | None
    data_sha256: str | None
    plan_hash: str | None
    found: Found
    curves: dict[str, Curve]
    predictions: tuple[Prediction, ...]
    test_standard_error: dict[int, float]
    validation_standard_error: dict[int, float]
    flags: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def direction(self) -> Direction:
        return self.objective.direction

    def to_json(self) -> dict[str, Any]:
        """The result as plain JSON values; the values of N become text, because JSON's keys are text."""
        plain = asdict(self)
        plain |= {"objective": self.objective.name, "direction": self.direction}
        plain["curves"] = {
            name: {str(n): asdict(point) for n, point in curve.items()} for name, curve in self.curves.items()
        }
        for name in ("test_standard_error", "validation_standard_error"):
            plain[name] = {str(n): error for n, error in plain[name].items()}
        for name in ("predictions", "flags", "notes"):
            plain[name] = list(plain[name])
        return plain


def default_at(m: int) -> tuple[int, ...]:
    """1, 2, 5, 10, 20, 50, ... up to M, and M itself."""
    steps = [s * 10**k for k in range(len(str(m))) for s in _STEPS]
    return (*[n for n in steps if n < m], m)


def best_of_n(
    table: TrialTable,
    at: Sequence[int] | None = None,
    use: Use = "prefix",
    *,
    assume_tail: bool = False,
) -> BestOfN:
    """All curves at the values of N in `at` (default_at if None).

    Only accuracies have binomial errors, because an accuracy is a share of rows. `assume_tail` adds the curve
    best_val_assumed_tail of an accuracy, whose interval rests on an assumption that its method names.

    Raises:
        ValueError: an N lies beyond the number of trials, or `assume_tail` is asked for of another metric.
    """
    objective = table.objective
    if assume_tail and not objective.proportion:
        raise ValueError(f"the interval under an assumption is for accuracies: got {objective.name}")
    pool = pool_of(table, use)
    m = pool.trials
    ns = tuple(sorted({int(n) for n in curves.checked_at(at, m)})) if at is not None else default_at(m)
    exact = refusals.nothing_to_infer(table, m)
    trend = refusals.trend_flag(table, pool)
    test_rows, scored_rows = (table.test_rows, table.scored_rows) if objective.proportion else (None, None)
    found = _found(pool, test_rows)
    made = _curves(_Drawn(turned_upwards(pool), ns, exact, objective), found, scored_rows if assume_tail else None)
    return BestOfN(
        study=table.study,
        sampler=table.sampler,
        confidence=CONFIDENCE,
        objective=objective,
        worst=pool.worst,
        trials=_counts(table, pool),
        seed=table.seed,
        data_sha256=table.data_sha256,
        plan_hash=table.plan_hash,
        found=found,
        curves=made,
        predictions=() if exact else tuple(prediction(pool.val, n, CONFIDENCE, objective.direction) for n in ns),
        test_standard_error=_binomial(made.get("test_of_best", {}), test_rows),
        validation_standard_error=_binomial(made["best_val"], scored_rows),
        flags=flags_of(table, pool, trend),
        notes=notes_of(table, pool, exact=exact is not None, tied=found.tied),
    )


def _counts(table: TrialTable, pool: Pool) -> dict[str, int | None]:
    """The trials by state: the ones that count, the ones that do not, and the planned ones."""
    return {
        "started": pool.trials,
        states.COMPLETE: pool.complete,
        states.FAILED: pool.failed,
        states.PRUNED: pool.pruned,
        "lost": pool.lost,
        "left_out": pool.left_out,
        "planned": table.planned_trials,
    }


def _curves(drawn: _Drawn, found: Found, assumed_rows: int | None) -> dict[str, Curve]:
    """All curves in the scores' own direction; at N = M the curves of the test score show the trial found."""
    made = drawn.of_validation(assumed_rows) | drawn.of_test()
    if drawn.objective.direction == "minimize":
        made = {name: {n: point.turned() for n, point in curve.items()} for name, curve in made.items()}
    m = drawn.pool.trials
    if found.test is not None and m in drawn.ns:
        made["test_of_best"][m], made["gap"][m] = found.test, _less(found.val, found.test)
    return made


def _found(pool: Pool, rows: int | None) -> Found:
    """The trial found; `rows` is the number of test rows, None where its test score has no binomial interval."""
    best = int(np.argmax(pool.upwards))
    tied = int(np.count_nonzero(pool.val == pool.val[best]))
    test = None
    if pool.tested:
        share = float(pool.test[best])
        low, high = (None, None) if rows is None else clopper_pearson(share, rows, CONFIDENCE)
        test = Point(share, low, high, THIS_NETWORK, _NO_ROWS if rows is None else None)
    return Found(int(pool.numbers[best]), float(pool.val[best]), test, tied)


def _less(score: float, other: Point) -> Point:
    """The difference of a known score and a score that has an interval."""
    low, high = (None if end is None else score - end for end in (other.high, other.low))
    return Point(score - other.value, low, high, other.method, other.why)


@dataclass(frozen=True)
class _Drawn:
    """A pool whose curves are made."""

    pool: Pool
    """Turned so that higher scores are better."""
    ns: tuple[int, ...]
    exact: str | None
    """Why nothing is inferred from the pool (refusals.nothing_to_infer); None where something is."""
    objective: Objective

    @property
    def bounds(self) -> Bounds:
        """The (worst, best) score."""
        return self.pool.bounds

    def of_validation(self, assumed_rows: int | None) -> dict[str, Curve]:
        """The curves of validation scores; `assumed_rows`, the validation rows, adds the one under an assumption."""
        val, ns, m = self.pool.val, self.ns, self.pool.trials
        y = np.sort(val)
        values = curves.best_val(val, ns)
        if self.exact is not None:
            found = {"best_val": self._alone(values, "exact", self.exact)}
            both = self._alone(median_best(val, ns), "exact", self.exact)
            found |= {"median_best_val": both, "median_best_val_band": both}
        else:
            tail = checked_tail(CONFIDENCE)
            low, high = limits_at(y, ns, (tail, 2.0 * tail), self.bounds)
            found = {
                "best_val": self._between(values, low[0], high[0], simulated(m, tail)),
                "best_val_at_least": self._at_least(values, low[1], 2.0 * tail),
                "best_val_proven": self._proven(y, values),
                "median_best_val": median_points(y, ns, CONFIDENCE),
                "median_best_val_band": self._median_band(y),
            }
            if assumed_rows is not None:
                found["best_val_assumed_tail"] = self._assumed(y, values, tail, assumed_rows)
        if self.pool.pruned:
            highest = curves.best_val(np.where(self.pool.was_pruned, self.bounds[1], val), ns)
            found["best_val_upper_bound"] = self._alone(highest, "bound", _PRUNED)
        return found

    def of_test(self) -> dict[str, Curve]:
        """The test score of the trial that validation selects, and the gap between its two scores."""
        if not self.pool.tested:
            return {}
        val, test, ns, m = self.pool.val, self.pool.test, self.ns, self.pool.trials
        of_test, gaps = curves.expected_test_of_best(val, test, ns), curves.gap(val, test, ns)
        net = gaps - float(curves.gap(val, test, [1])[0])
        method = "exact" if self.exact else "point estimate only"
        found = {"test_of_best": dict[int, Point](), "gap": dict[int, Point]()}
        tail = checked_tail(CONFIDENCE)
        whys = {n: self.exact or refusals.of_selected(n, m, self.objective) for n in ns}
        judged = [n for n in ns if whys[n] is None]
        if judged:  # all N at once: the draws of a large pool are made part by part
            least, most = limits_at(np.sort(val), judged, (tail / 2.0,), self.bounds)
            low, high = selected_limits_at(val, test, judged, (tail, tail / 2.0), self.bounds)
        for n, value, gap in zip(ns, of_test.tolist(), gaps.tolist(), strict=True):
            if whys[n] is not None:
                found["test_of_best"][n] = Point(value, None, None, method, whys[n])
                found["gap"][n] = Point(gap, None, None, method, whys[n])
                continue
            k = judged.index(n)
            ends = min(float(low[0, k]), value), max(float(high[0, k]), value)
            found["test_of_best"][n] = Point(value, *ends, simulated(m, tail))
            ends = float(least[0, k] - high[1, k]), float(most[0, k] - low[1, k])
            found["gap"][n] = Point(gap, *ends, "validation's interval less test's (Bonferroni)")
        found["gap_net_of_1"] = self._alone(net, method, self.exact or refusals.of_selections_share())
        if 1 in ns:  # selection adds nothing to a single trial, whatever the data
            found["gap_net_of_1"][1] = Point(0.0, 0.0, 0.0, "by definition")
        return found

    def _alone(self, values: np.ndarray, method: str, why: str) -> Curve:
        return {n: Point(float(v), None, None, method, why) for n, v in zip(self.ns, values, strict=True)}

    def _between(self, values: np.ndarray, low: np.ndarray, high: np.ndarray, method: str) -> Curve:
        """Points, each inside its interval; an infinite upper end becomes a missing one."""
        found = {}
        for n, value, least, most in zip(self.ns, values.tolist(), low.tolist(), high.tolist(), strict=True):
            top = max(most, value) if math.isfinite(most) else None
            found[n] = Point(value, min(least, value), top, method, None if top is not None else _UNBOUNDED)
        return found

    def _at_least(self, values: np.ndarray, low: np.ndarray, tail: float) -> Curve:
        method = f"one-sided {simulated(self.pool.trials, tail)}"
        pairs = zip(self.ns, values.tolist(), low.tolist(), strict=True)
        return {n: Point(value, min(value, least), None, method, _ONE_SIDED) for n, value, least in pairs}

    def _proven(self, y: np.ndarray, values: np.ndarray) -> Curve:
        why = refusals.of_band(len(y))
        if why is not None:
            return self._alone(values, "not computed", why)
        low, high = proven_limits_at(y, self.ns, simultaneous_band(len(y), CONFIDENCE), self.bounds)
        return self._between(values, low, high, PROVEN)

    def _median_band(self, y: np.ndarray) -> Curve:
        why = refusals.of_band(len(y))
        if why is not None:
            return self._alone(median_best(y, self.ns), "not computed", why)
        return median_band_points(y, self.ns, CONFIDENCE)

    def _assumed(self, y: np.ndarray, values: np.ndarray, tail: float, rows: int) -> Curve:
        worst, best = self.bounds
        ends = [limits_at(y, [n], (tail,), (worst, assumed_best(y, n, rows, best))) for n in self.ns]
        low, high = (np.array([end[side][0, 0] for end in ends]) for side in (0, 1))
        return self._between(values, low, high, ASSUMED)


_NO_ROWS = "the number of test rows is unknown, or the score is no proportion of them"
_ONE_SIDED = "a limit on one side"
_UNBOUNDED = "the best possible score has no bound"
_PRUNED = "an upper bound: every pruned trial counted as the best possible score"


def _binomial(curve: Curve, rows: int | None) -> dict[int, float]:
    return {n: binomial_error(point.value, rows) for n, point in curve.items()} if rows else {}
