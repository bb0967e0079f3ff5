"""Comparisons in the report: with baselines, with another study, and with the best trials trained again."""

from __future__ import annotations

from analysis.estimates.best_of_n import CONFIDENCE
from analysis.estimates.comparison import Comparison
from analysis.estimates.confirmation import Confirmed
from analysis.estimates.curves import Point
from analysis.page.elements import Bullets, Element, Heading, Paragraph, Table
from analysis.reading.table import TrialTable
from analysis.report.sentences import interval, quoted, value
from models.core import names, states
from models.core.rounding import plain_score, score_digits
from models.tasks.baselines import describe_baseline
from models.tasks.objective import CONSTANT, LINEAR

CONFIRMED = (
    "Each configuration over seeds: the mean test score of its repeats, with an interval that includes the error of "
    "the seeds and, for an accuracy, of the test set. Other columns show the trial of the search, which was chosen by "
    "its validation score."
)
STAYS_OPTIMISTIC = (
    "The repeats' mean on validation stays optimistic: the same rows chose the trials, and the advantage that these "
    "rows gave by chance is in every repeat."
)


def baseline_rows(table: TrialTable) -> list[tuple[str, float, float]]:
    """The known baselines: a description, the validation score and the test score of each."""
    objective = table.objective
    return [
        (describe_baseline(name, table.task, table.train_rows), scores[objective.name], scores[objective.test_name])
        for name in (CONSTANT, LINEAR)
        if {objective.name, objective.test_name} <= (scores := table.baselines.get(name, {})).keys()
    ]


def baseline_sentence(table: TrialTable) -> str:
    """Whether the trial found beats the baselines on validation, in one sentence; empty where none is known."""
    rows, best = baseline_rows(table), table.best
    if not rows or best is None:
        return ""
    score = float(best[table.objective.name])
    ahead = [row for row in rows if not table.objective.better(score, row[1])]
    if not ahead:
        return (
            f"The trial found is better on validation than {' and '.join(what for what, *_ in rows)}."
            f"{_behind_on_test(table, rows)}"
        )
    what, validation, _ = max(ahead, key=lambda row: table.objective.sign * row[1])
    if validation == score:
        return f"The search is as good on validation as {what}: {plain_score(score)}.{_behind_on_test(table, rows)}"
    return (
        f"The search does not beat {what}: {plain_score(validation)} on validation, where the trial found has "
        f"{plain_score(score)}."
    )


def _behind_on_test(table: TrialTable, rows: list[tuple[str, float, float]]) -> str:
    """A further sentence where a baseline is better on test, by which no trial was chosen; else empty."""
    if table.best is None or not table.tested:
        return ""
    score = float(table.best[table.objective.test_name])
    ahead = [(what, test) for what, _, test in rows if table.objective.better(test, score)]
    if not ahead:
        return ""
    what, test = max(ahead, key=lambda row: table.objective.sign * row[1])
    return f" On test it is not: {plain_score(score)} against the {plain_score(test)} of {what}."


def baselines(table: TrialTable) -> list[Element]:
    """The section on baselines, where some are known."""
    rows = baseline_rows(table)
    if not rows:
        return []
    label = table.objective.label
    cells = [[what, plain_score(validation), plain_score(test)] for what, validation, test in rows]
    return [
        Heading("Against baselines"),
        Paragraph(baseline_sentence(table)),
        Table(["", f"validation {label}", f"test {label}"], cells),
    ]


def comparison(found: Comparison) -> list[Element]:
    """The section on the difference of two studies, at equal N and at equal seconds."""
    parts: list[Element] = [Heading(f"{found.first} less {found.second}"), Bullets(found.notes)]
    level = f"{CONFIDENCE:.0%} interval"
    head = ["validation, best of N", level, "test, of that trial", level]
    rows = [
        [str(n), *_differences(point, found.at_n["test_of_best"][n])] for n, point in found.at_n["best_val"].items()
    ]
    parts.append(Table(["N", *head], rows, caption="At equal N:"))
    rows = []
    for t, point in found.at_seconds["best_val"].items():
        one, two = found.n_at_seconds[t]
        rows.append([f"{t:,.0f}", f"{one:.1f} / {two:.1f}", *_differences(point, found.at_seconds["test_of_best"][t])])
    if rows:
        caption = "At equal seconds of training, one trial after another:"
        parts.append(Table([names.SECONDS, "trials paid for", *head], rows, caption=caption))
    words = (
        "Each interval combines the intervals of both studies, each at half the miss probability (Bonferroni): it "
        "holds where both of these hold, and claims a difference late. A dash: one of the studies has no interval."
    )
    return [*parts, Paragraph(words, "small")]


def _differences(validation: Point, test: Point) -> list[str]:
    return [cell for point in (validation, test) for cell in (value(point, signed=True), interval(point, signed=True))]


def confirmed(rows: tuple[Confirmed, ...]) -> list[Element]:
    """The section on the second look at the best trials, where there is one."""
    if not rows:
        return []
    head = ["trial", "repeats", states.FAILED, "test: mean of the repeats", "deviation of one", "test in the search"]
    head += ["validation in the search", "mean of the repeats", "search less repeats"]
    cells = [
        [
            str(row.number),
            str(row.repeats),
            str(row.failed),
            "-" if row.test is None else quoted(row.test),
            "-" if row.test_deviation is None else plain_score(row.test_deviation),
            plain_score(row.search_test),
            plain_score(row.search_val),
            "-" if row.val_mean is None else plain_score(row.val_mean),
            "-" if row.shrinkage is None else f"{row.shrinkage:+.{score_digits(row.search_val)}f}",
        ]
        for row in rows
    ]
    return [
        Heading("Second look"),
        Table(head, cells, caption=CONFIRMED),
        Paragraph(STAYS_OPTIMISTIC, "small"),
    ]
