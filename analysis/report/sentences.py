"""Results as sentences and as cells of a table. Digits follow the error, which is 5 to 50 units of the last digit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import pandas as pd

from analysis.command_line.program import Program
from analysis.estimates.best_of_n import CONFIDENCE, BestOfN
from analysis.estimates.curves import Curve, Point
from analysis.estimates.notes import counted
from analysis.estimates.planning import Prediction, Reach
from analysis.estimates.proportions import binomial_error, clopper_pearson
from analysis.estimates.refusals import SELECTED
from analysis.looks.pareto import Network
from analysis.reading.columns import PARAMS
from analysis.reading.table import TrialTable
from models.core import states
from models.core.rounding import outwards, plain_score, score_digits


def digits_for(error: float | None, score: float = 0.0) -> int:
    """Digits behind the point, so that the error is 5 to 50 units of the last one; without an error the score's own."""
    if not error or not math.isfinite(error):
        return score_digits(score)
    return min(max(1 - math.floor(math.log10(2.0 * error)), 0), 6)


def error_of(point: Point) -> float | None:
    """The distance to the nearer limit, which tells the precision where the other limit is far."""
    sides = [abs(end - point.value) for end in (point.low, point.high) if end is not None and end != point.value]
    return min(sides, default=None)


def headline(result: BestOfN) -> str:
    """The numbers to quote: the trial found with its own test accuracy, then what a search reaches on average."""
    found, val, m = result.found, result.curves["best_val"], result.trials["started"] or 0
    parts = [found_sentence(result)]
    words = "at least " if result.direction == "maximize" else "at most "
    bound = words if result.trials[states.PRUNED] else ""
    exact = [n for n in val if val[n].method == "exact" and n < m]
    part = exact or [n for n in val if val[n].low is not None and 4 * n <= m]  # beyond a quarter the end at m says more
    one_sided = result.curves.get("best_val_at_least", {})
    reached = []
    if part:
        reached.append(f"of {counted(max(part))} reaches {bound}{quoted(val[max(part)])} on validation on average")
    if one_sided and max(one_sided) not in part:
        n = max(one_sided)
        reached.append(
            f"of {counted(n)} {'' if part else 'reaches '}{limit(one_sided[n], digits_at(result, n))} on average"
        )
    if reached:
        parts.append(f"A search {', one '.join(reached)}.")
    if found.tied > 1:
        parts.append(
            f"{found.tied} trials are equal in that validation {result.objective.label}; the lowest number counts."
        )
    return " ".join(parts)


def found_sentence(result: BestOfN) -> str:
    """The trial found, on validation and on test."""
    found, error = result.found, result.validation_standard_error.get(result.trials["started"] or 0)
    place = "is the best of the finished prefix" if result.trials["left_out"] else "was found"
    who, label = f"Trial {found.number} {place}", result.objective.label
    val = f"validation {label} {found.val:.{digits_for(error, found.val)}f} (chosen by it, so optimistic)"
    if found.test is None:
        return f"{who}: {val}; no trial was tested."
    return f"{who}: {val}, test {label} {quoted(found.test)}."


def inspect_hint(program: Program, run_id: str) -> str:
    """The command that looks at the best trial's network."""
    command = program.command("inspect", {"run_id": run_id})
    return f"What the best trial's network does (errors, hidden layers): {command}"


def tested_score(table: TrialTable, score: float) -> str:
    """A network's test score; an accuracy with its interval."""
    if table.test_rows is None or not table.objective.proportion:
        return plain_score(score)
    low, high = clopper_pearson(score, table.test_rows, CONFIDENCE)
    shown = quoted(Point(score, low, high, ""))
    return f"{shown} (this network's, {CONFIDENCE:.0%} interval of {table.test_rows:,} test rows)"


def validation_score(table: TrialTable, score: float) -> str:
    """A trial's validation score; an accuracy with as many digits as the validation rows can tell apart."""
    rows = table.scored_rows if table.objective.proportion else None
    return f"{score:.{digits_for(binomial_error(score, rows) if rows else None, score)}f}"


def smallest_sentence(table: TrialTable, smallest: Network | None, target: float) -> str:
    """The smallest network that reaches the target. Validation selected the network, so the interval is the test's."""
    label, than = table.objective.label, "at least" if table.objective.direction == "maximize" else "at most"
    if smallest is None:
        return f"No trial reached a validation {label} of {target:.4g}."
    tested = f", test {label} {tested_score(table, smallest.test)}" if table.tested else ""
    return (
        f"The smallest network with {than} {target:.4g} validation {label}: trial {smallest.number}, "
        f"{smallest.n_parameters:,} parameters, validation {validation_score(table, smallest.val)} "
        f"(selected by it, so optimistic){tested}."
    )


def quote(table: TrialTable, result: BestOfN) -> str:
    """The sentence for a paper: the expected best of N trials, and the scores of the trial found."""
    val, m, label = result.curves["best_val"], result.trials["started"] or 0, result.objective.label
    quotable = [n for n in val if n < m and val[n].low is not None and 4 * n <= m] or [n for n in val if n < m]
    kind = {"random": "random trials", "grid": "grid cells", "list": "listed trials"}.get(result.sampler, "trials")
    space = "; ".join(range_of(table, name) for name in table.searched)
    failed = result.trials[states.FAILED]
    kind += f", {failed} of which failed and count as {result.worst:.4g}" if failed else ""
    parts = [f"Of M = {m} {kind}" + (f" ({space})" if space else "")]
    if quotable:
        n = max(quotable)
        parts.append(
            f", the best of N = {n} reaches a validation {label} of {quoted(val[n])} in expectation "
            + (
                f"({result.confidence:.0%} interval over draws of configurations and seeds"
                f"{'; flagged, see the report' * bool(result.flags)})"
                if val[n].low is not None or val[n].high is not None
                else "(exact for these trials, no interval)"
            )
        )
    parts.append(
        f"{'; the' if quotable else ', the'} best of all, chosen on validation, has {result.found.val:.4g} there"
    )
    if result.found.test is not None:
        parts.append(f" and {quoted(result.found.test)} on test")
    return "".join(parts) + "."


def range_of(table: TrialTable, name: str) -> str:
    """The values of a hyperparameter among the trials, as `units 8 to 64` or `kind a or b`; its space may be larger."""
    values = table.frame[PARAMS + name]
    present = values[(values.astype(str) != "") & values.notna()]
    numbers = pd.to_numeric(present, errors="coerce")
    if len(numbers) and numbers.notna().all():
        present = numbers
    continuous = pd.api.types.is_float_dtype(present) and not (present % 1 == 0).all()
    if pd.api.types.is_numeric_dtype(present) and present.nunique() > (2 if continuous else 4):
        return f"{name} {present.min():.3g} to {present.max():.3g}"
    words = sorted({str(value) for value in present}) if present.dtype == object else sorted(present.unique())
    shown = [f"{value:g}" if isinstance(value, float) else str(value) for value in words]
    return f"{name} {', '.join(shown[:-1])}{' or ' if len(shown) > 1 else ''}{shown[-1]}" if shown else name


def has_intervals(result: BestOfN) -> bool:
    """Whether any average has an interval; averages over all cells of a grid, or over a list, are exact."""
    return any(point.low is not None or point.high is not None for point in result.curves["best_val"].values())


def basis(result: BestOfN) -> str:
    """The trials, sampler, seed and data of the headline, in one line."""
    trials = result.trials
    seed = "unknown" if result.seed is None else result.seed
    data = "unknown" if result.data_sha256 is None else result.data_sha256[:12]
    return (
        f"Estimated from M = {counted(trials['started'])} ({trials['complete']} complete, "
        f"{trials['failed']} failed, {trials['pruned']} pruned), sampler {result.sampler}, seed {seed}, "
        f"data {data}"
        + (f"; brackets: {result.confidence:.0%} interval." if has_intervals(result) else "; no interval.")
    )


def quoted(point: Point, digits: int | None = None) -> str:
    """A value with its interval in brackets where it has one."""
    digits = digits_for(error_of(point), point.value) if digits is None else digits
    if point.low is None and point.high is None:
        return f"{point.value:.{digits}f}"
    return f"{point.value:.{digits}f} [{interval(point, digits=digits)}]"


def digits_at(result: BestOfN, n: int) -> int:
    """Digits of the best of N on validation: those of its error; at N = M as many as the trial found has, or more."""
    errors = [error_of(result.curves["best_val"][n])]
    if n == result.trials["started"] and result.objective.proportion:
        errors.append(result.validation_standard_error.get(n))
    return max(digits_for(error, result.curves["best_val"][n].value) for error in errors)


def led(result: BestOfN, n: int) -> str:
    """The best of N on validation as quoted; beyond M/10, where the interval is wide upwards, the limit comes first."""
    point, digits = result.curves["best_val"][n], digits_at(result, n)
    one_sided = result.curves.get("best_val_at_least", {}).get(n)
    if one_sided is None or n * SELECTED <= (result.trials["started"] or 0):
        return quoted(point, digits)
    return f"{limit(one_sided, digits)}; {quoted(point, digits)}"


def limit(point: Point, digits: int | None = None) -> str:
    """A limit on one side in words: at least, or at most where low scores are the good ones."""
    end, word = (point.low, "at least") if point.low is not None else (point.high, "at most")
    digits = digits_for(error_of(point), point.value) if digits is None else digits
    return "-" if end is None else f"{word} {outwards(end, digits, word == 'at least')}"


def interval(point: Point, signed: bool = False, digits: int | None = None) -> str:
    """The interval, ">= x" where it is open upwards, a dash where there is none."""
    digits = digits_for(error_of(point), point.value) if digits is None else digits
    form = f"{'+' if signed else ''}.{digits}f"
    if point.low is not None and point.high is not None:
        return f"{point.low:{form}}, {point.high:{form}}"
    if point.low is not None:
        return f">= {point.low:{form}}"
    if point.high is not None:
        return f"<= {point.high:{form}}"
    return "-"


def value(point: Point, signed: bool = False) -> str:
    """The value, with the digits of its error."""
    return f"{point.value:{'+' if signed else ''}.{digits_for(error_of(point), point.value)}f}"


def curve_rows(result: BestOfN, names: Sequence[str]) -> list[list[str]]:
    """One row for each N: value and interval of every curve in `names`.

    A further interval of the same value stands alone, so that a number stands once, with the digits of one error.
    """
    rows = []
    for n in sorted(result.curves[names[0]]):
        row = [str(n)]
        for name in names:
            point = result.curves[name][n]
            digits = digits_at(result, n)
            if name == "best_val_at_least":
                row.append(limit(point, digits))
            elif name == "best_val":
                row += [f"{point.value:.{digits}f}", interval(point, digits=digits)]
            elif name in ("best_val_proven", "best_val_assumed_tail"):
                row.append(interval(point))
            else:
                row += [value(point), interval(point)]
        rows.append(row)
    return rows


def reasons(curves: Mapping[str, Curve], names: Sequence[str]) -> list[str]:
    """Why points of these curves have no interval: each reason once, with its values of N."""
    found: dict[str, set[int]] = {}
    for name in names:
        for n, point in curves[name].items():
            if point.low is None and point.high is None and point.why is not None:
                found.setdefault(point.why, set()).add(n)
    return [f"No interval at N = {', '.join(map(str, sorted(ns)))}: {why}." for why, ns in found.items()]


def more_sentences(result: BestOfN) -> list[str]:
    """The score of a new search of as many trials, and the chances of as many and of half as many more trials."""
    if not result.predictions:
        return []
    largest = result.predictions[-1]
    found = [_new_search(largest, result)]
    for one in sorted({len(result.predictions) - 1, len(result.predictions) // 2}, reverse=True):
        found.append(_more_trials(result.predictions[one], result))
    return found


def _new_search(one: Prediction, result: BestOfN) -> str:
    if one.at_least is None:
        return f"Too few trials to say what a new search of {counted(one.trials)} reaches with {one.confidence:.0%}."
    word = "at least" if result.direction == "maximize" else "at most"
    return (
        f"A new search of {counted(one.trials)} reaches {word} "
        f"{outwards(one.at_least, score_digits(one.at_least), word == 'at least')} on validation with a "
        f"probability of {one.confidence:.0%} or more."
    )


def _more_trials(one: Prediction, result: BestOfN) -> str:
    return (
        f"{counted(one.trials)} more beat the best one seen, {plain_score(result.found.val)}, with a probability of at "
        f"most {one.beats:.2f}."
    )


def reach_sentence(reach: Reach) -> str:
    """How many trials a search needs to reach a target."""
    less = "" if reach.direction == "maximize" else " or less"
    start = (
        f"{reach.reached} of {reach.pool} trials reached {reach.target:.4g}{less}: to reach it with probability "
        f"{reach.probability:g}"
    )
    if reach.trials is None:
        return f"{start}, a search needs at least {counted(reach.low)} ({reach.confidence:.0%} confidence)."
    high = f"to {reach.high}" if reach.high is not None else "and no upper limit"
    return (
        f"{start}, a search needs about {counted(reach.trials)} ({reach.low} {high}, "
        f"{reach.confidence:.0%} confidence)."
    )
