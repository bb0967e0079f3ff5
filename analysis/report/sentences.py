"""Results as sentences and as cells of a table."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.estimates.best_of_n import BestOfN, Curve, Point, binomial_error
from analysis.estimates.planning import Reach
from analysis.reading.table import TrialTable
from models.core import states


def headline(result: BestOfN) -> str:
    """The number to quote: the largest N of the table whose interval is safe, else the best seen."""
    val, test = result.curves["best_val"], result.curves.get("test_of_best")
    m = result.trials["started"]
    safe = [n for n in val if val[n].method in ("jackknife", "exact") and n != m]
    seen = result.maximum_seen
    if not safe:
        of_test = f" and test accuracy {seen['test_of_best']:.4f}" if test is not None else ""
        return (
            f"{_trials(m)}: the best one seen has validation accuracy {seen['best_val']:.4f}{of_test}. That is "
            "an observation; too few trials for an estimate with an interval."
        )
    n = max(safe)
    error = result.test_standard_error.get(n)
    beside = f"; standard error of the test set itself {error:.4f}" if error else ""
    bound = "at least " if result.trials[states.PRUNED] else ""
    on_validation = f"The best of {_trials(n)} reaches {bound}{quoted(val[n])} on validation in expectation"
    if test is None:
        return f"{on_validation}; no trial was tested."
    return f"{on_validation}, and the trial that validation picks reaches {quoted(test[n])} on test{beside}."


def inspect_hint(run_id: str) -> str:
    """How the best trial is looked at."""
    return f"What the best trial's network does (errors, hidden layers): mlflow run . -e inspect -P run_id={run_id}"


def tested_accuracy(table: TrialTable, accuracy: float) -> str:
    """A test accuracy with the binomial standard error of the test set."""
    if table.test_rows is None:
        return f"{accuracy:.4f}"
    error = binomial_error(accuracy, table.test_rows)
    none_wrong = ", 0 because none was wrong" if accuracy == 1 else ""
    return f"{accuracy:.4f} ± {error:.4f} (standard error of {table.test_rows} test rows{none_wrong})"


def basis(result: BestOfN) -> str:
    """What the headline rests on, in one line."""
    trials = result.trials
    seed = "unknown" if result.seed is None else result.seed
    data = "unknown" if result.data_sha256 is None else result.data_sha256[:12]
    return (
        f"Estimated from M = {_trials(trials['started'])} ({trials['complete']} complete, "
        f"{trials['failed']} failed, {trials['pruned']} pruned), sampler {result.sampler}, seed {seed}, "
        f"data {data}; brackets: {result.confidence:.0%} interval."
    )


def quoted(point: Point) -> str:
    """A value with its interval in brackets where it has one."""
    if point.low is None and point.high is None:
        return f"{point.value:.4f}"
    return f"{point.value:.4f} [{interval(point)}]"


def interval(point: Point, digits: int = 4) -> str:
    """The interval, ">= x" where it is open upwards, a dash where there is none."""
    if point.low is not None and point.high is not None:
        return f"{point.low:.{digits}f}, {point.high:.{digits}f}"
    if point.low is not None:
        return f">= {point.low:.{digits}f}"
    if point.high is not None:
        return f"<= {point.high:.{digits}f}"
    return "-"


def curve_rows(result: BestOfN, names: Mapping[str, str]) -> list[list[str]]:
    """One row for each N: value and interval of every curve in `names`, then the method and why."""
    first = result.curves[next(iter(names))]
    rows = []
    for n in sorted(first):
        row = [str(n)]
        for name in names:
            point = result.curves[name][n]
            digits = 5 if name.startswith("gap") else 4
            row += [f"{point.value:.{digits}f}", interval(point, digits)]
        point = first[n]
        row.append(point.method if point.why is None else f"{point.method}: {point.why}")
        rows.append(row)
    return rows


def reach_sentence(reach: Reach) -> str:
    """How many trials a target takes."""
    start = (
        f"{reach.reached} of {reach.pool} trials reached {reach.target:g}: to reach it with probability "
        f"{reach.probability:g}"
    )
    if reach.trials is None:
        return f"{start}, a search needs at least {_trials(reach.low)} ({reach.confidence:.0%} confidence)."
    high = f"to {reach.high}" if reach.high is not None else "and no upper limit"
    return (
        f"{start}, a search needs about {_trials(reach.trials)} ({reach.low} {high}, "
        f"{reach.confidence:.0%} confidence)."
    )


def at_most(curve: Curve, n: int) -> int:
    """The largest N of the curve that is not above n."""
    return max(k for k in curve if k <= n)


def _trials(number: int | None) -> str:
    return f"{number} trial" + ("" if number == 1 else "s")
