"""What the report says of the baselines: what anybody would try first, on the same parts of the data."""

from __future__ import annotations

from analysis.reading.table import TrialTable
from analysis.report import html
from models.core.rounding import plain_score
from models.tasks.baselines import describe_baseline
from models.tasks.objective import CONSTANT, LINEAR


def baseline_rows(table: TrialTable) -> list[tuple[str, float, float]]:
    """Of each baseline that is known: what it is, its validation and its test score."""
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
        return f"The trial found is better on validation than {' and '.join(what for what, *_ in rows)}."
    what, validation, _ = max(ahead, key=lambda row: table.objective.sign * row[1])
    return (
        f"The search does not beat {what}: {plain_score(validation)} on validation, where the trial found has "
        f"{plain_score(score)}."
    )


def section(table: TrialTable) -> list[str]:
    """The report's part on them."""
    rows = baseline_rows(table)
    if not rows:
        return []
    label = table.objective.label
    cells = [[what, plain_score(validation), plain_score(test)] for what, validation, test in rows]
    return [
        html.heading("Against baselines"),
        html.paragraph(baseline_sentence(table)),
        html.table(["", f"validation {label}", f"test {label}"], cells),
    ]
