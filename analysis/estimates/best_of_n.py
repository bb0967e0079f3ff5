"""The headline: what the best of N trials reaches, with its uncertainty or the reason for having none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from analysis.estimates import curves, jackknife
from analysis.estimates.band import LARGEST, median_band_ranks, simultaneous_band
from analysis.estimates.notes import notes_of
from analysis.estimates.order_statistics import median_best, median_interval, trials_for_upper_limit
from analysis.reading.pool import Pool, Use, pool_of
from analysis.reading.table import TrialTable
from models.core import names, states

CONFIDENCE = 0.95
_STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Point:
    """A curve at one N. `low` and `high` are None where no valid limit exists; `why` then says the reason."""

    value: float
    low: float | None
    high: float | None
    method: str
    why: str | None = None

    def __post_init__(self) -> None:
        """A missing limit is explained."""
        if (self.low is None or self.high is None) and not self.why:
            raise ValueError(f"a point without a limit says why: got {self}")


Curve = dict[int, Point]


@dataclass(frozen=True)
class BestOfN:
    """Everything that best_of_n.json holds. `curves`: name -> N -> Point; of validation alone where nothing was tested.

    `test_standard_error`: N -> binomial standard error of a test accuracy as high as test_of_best at N, from the number
    of test rows (empty when that is unknown); it is shared by all trials and is not part of the intervals.
    """

    study: str
    sampler: str
    confidence: float
    trials: dict[str, int | None]
    seed: int | None
    data_sha256: str | None
    plan_hash: str | None
    maximum_seen: dict[str, float | int]
    curves: dict[str, Curve]
    test_standard_error: dict[int, float]
    validation_standard_error: dict[int, float]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; the values of N become text, as JSON's keys are."""
        plain = asdict(self)
        plain["curves"] = {
            name: {str(n): asdict(point) for n, point in curve.items()} for name, curve in self.curves.items()
        }
        for name in ("test_standard_error", "validation_standard_error"):
            plain[name] = {str(n): error for n, error in plain[name].items()}
        plain["notes"] = list(self.notes)
        return plain


def default_at(m: int) -> tuple[int, ...]:
    """1, 2, 5, 10, 20, 50, ... up to M, and M itself."""
    steps = [s * 10**k for k in range(len(str(m))) for s in _STEPS]
    return (*[n for n in steps if n < m], m)


def best_of_n(table: TrialTable, at: Sequence[int] | None = None, use: Use = "prefix") -> BestOfN:
    """All curves at the values of N in `at` (default_at if None). N beyond the number of trials raises ValueError."""
    pool = pool_of(table, use)
    m = pool.trials
    ns = tuple(sorted({int(n) for n in curves.checked_at(at, m)})) if at is not None else default_at(m)
    best = int(np.argmax(pool.val))
    tied = pool.val == pool.val[best]
    found = _curves(pool, ns, exact=_exact(table, pool))
    return BestOfN(
        study=table.study,
        sampler=table.sampler,
        confidence=CONFIDENCE,
        trials={
            "started": m,
            states.COMPLETE: pool.complete,
            states.FAILED: pool.failed,
            states.PRUNED: pool.pruned,
            "lost": pool.lost,
            "left_out": pool.left_out,
            "planned": table.planned_trials,
        },
        seed=table.seed,
        data_sha256=table.data_sha256,
        plan_hash=table.plan_hash,
        maximum_seen={
            "best_val": float(pool.val[best]),
            **({"test_of_best": float(pool.test[tied].mean())} if pool.tested else {}),
            names.NUMBER: int(pool.numbers[best]),
            "tied": int(np.count_nonzero(tied)),
        },
        curves=found,
        test_standard_error=_binomial(found.get("test_of_best", {}), table.test_rows),
        validation_standard_error=_binomial(found["best_val"], table.scored_rows),
        notes=notes_of(table, pool),
    )


def _exact(table: TrialTable, pool: Pool) -> str | None:
    """Why there is nothing to infer: the pool is the whole population, or no random draw from one."""
    if table.sampler == "list":
        return "the trials are a list, not a random draw: the value is exact for this list and says nothing beyond it"
    if table.sampler == "grid" and table.grid_size is not None and pool.trials >= table.grid_size:
        return f"exact: all {table.grid_size} cells of the grid were run, the choice of cells has no sampling error"
    return None


def _curves(pool: Pool, ns: Sequence[int], exact: str | None) -> dict[str, Curve]:
    val, test = pool.val, pool.test
    values = {"best_val": curves.best_val(val, ns)}
    if pool.tested:
        values |= {"test_of_best": curves.expected_test_of_best(val, test, ns), "gap": curves.gap(val, test, ns)}
        values["gap_net_of_1"] = values["gap"] - float(curves.gap(val, test, [1])[0])
    found = {name: dict[int, Point]() for name in values}
    for k, n in enumerate(ns):
        replicates = _replicates(pool, n)
        for name, curve in values.items():
            bounds = (-1.0, 1.0) if name.startswith("gap") else (0.0, 1.0)
            found[name][n] = _point(float(curve[k]), replicates.get(name), n, pool.trials, bounds, exact)
    # selection adds nothing to a single trial, whatever the data
    if 1 in found.get("gap_net_of_1", {}):
        found["gap_net_of_1"][1] = Point(0.0, 0.0, 0.0, "by definition")
    if pool.pruned:
        highest = curves.best_val(np.where(pool.was_pruned, 1.0, val), ns).tolist()
        why = "an upper bound: every pruned trial counted as a perfect 1.0"
        found["best_val_upper_bound"] = {
            n: Point(value, None, None, "bound", why) for n, value in zip(ns, highest, strict=True)
        }
    found["median_best_val"] = _median(val, ns, exact)
    found["median_best_val_band"] = _median_band(val, ns, exact)
    return found


def _replicates(pool: Pool, n: int) -> dict[str, np.ndarray]:
    val, difference = pool.val, pool.val - pool.test
    if jackknife.range_of(n, len(val)) == "refused":
        return {}
    of_val = {"best_val": jackknife.leave_one_out(val, val, n)}
    if not pool.tested:
        return of_val
    gaps = jackknife.leave_one_out(val, difference, n)
    return of_val | {
        "test_of_best": jackknife.leave_one_out(val, pool.test, n),
        "gap": gaps,
        "gap_net_of_1": gaps - jackknife.leave_one_out(val, difference, 1),
    }


def _point(
    value: float,
    replicates: np.ndarray | None,
    n: int,
    m: int,
    bounds: tuple[float, float],
    exact: str | None,
) -> Point:
    if exact is not None:
        return Point(value, None, None, "exact", exact)
    if n == m:
        return Point(value, None, None, "maximum seen", "N = M is the maximum seen, not an estimate")
    if replicates is None:
        why = f"the jackknife is not valid beyond N = M/{jackknife.LAST} (M = {m})"
        return Point(value, None, None, "point estimate only", why)
    error = math.sqrt(jackknife.jackknife_variance(replicates))
    if error < 1e-12:
        return Point(
            value,
            None,
            None,
            "point estimate only",
            "no spread among the trials to judge an error from",
        )
    half = jackknife.half_width(error, m, CONFIDENCE)
    flagged = jackknife.range_of(n, m) == "flagged"
    return Point(
        value,
        max(value - half, bounds[0]),
        min(value + half, bounds[1]),
        "jackknife" + (f", flagged: beyond N = M/{jackknife.SAFE} it covers less than stated" if flagged else ""),
    )


def _median(val: np.ndarray, ns: Sequence[int], exact: str | None) -> Curve:
    m = len(val)
    ranks = {n: median_interval(m, n, CONFIDENCE) for n in ns}
    pairs = {n: (interval.lower, interval.upper) for n, interval in ranks.items()}
    open_top = {
        n: f"open upwards: at N = {n} an upper limit needs M >= {trials_for_upper_limit(n, CONFIDENCE)} trials"
        for n in ns
    }
    return _ranked(val, ns, pairs, "order statistics", open_top, exact)


def _median_band(val: np.ndarray, ns: Sequence[int], exact: str | None) -> Curve:
    m = len(val)
    if m > LARGEST:
        why = f"the simultaneous band is computed up to M = {LARGEST} trials, here {m}"
        values = median_best(val, ns)
        return {n: Point(float(v), None, None, "not computed", why) for n, v in zip(ns, values, strict=True)}
    band = simultaneous_band(m, CONFIDENCE)
    pairs = {n: median_band_ranks(band, n) for n in ns}
    open_top = dict.fromkeys(ns, "open upwards: the band has no upper limit at this N with so few trials")
    return _ranked(val, ns, pairs, "simultaneous band, equal local levels", open_top, exact)


def _ranked(
    val: np.ndarray,
    ns: Sequence[int],
    ranks: dict[int, tuple[int, int]],
    method: str,
    open_top: dict[int, str],
    exact: str | None,
) -> Curve:
    y, m = np.sort(val), len(val)
    curve = {}
    for n, value in zip(ns, median_best(val, ns).tolist(), strict=True):
        lower, upper = ranks[n]
        if exact is not None:
            curve[n] = Point(value, None, None, "exact", exact)
            continue
        low = float(y[lower - 1]) if lower >= 1 else None
        high = float(y[upper - 1]) if upper <= m else None
        why = open_top[n] if high is None else None
        if low is None:
            why = f"no lower limit with {m} trials" + (f"; {why}" if why else "")
        curve[n] = Point(value, low, high, method, why)
    return curve


def _binomial(curve: Curve, rows: int | None) -> dict[int, float]:
    return {n: binomial_error(point.value, rows) for n, point in curve.items()} if rows else {}


def binomial_error(accuracy: float, rows: int) -> float:
    """The standard error of an accuracy p in [0, 1] measured on so many rows: sqrt(p (1 - p) / rows)."""
    return math.sqrt(max(accuracy * (1 - accuracy), 0.0) / rows)
