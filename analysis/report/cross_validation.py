"""The report's section on cross-validated trials, and words about the refit of the best one."""

from __future__ import annotations

import math

from analysis.looks.groups import label
from analysis.page.elements import Element, Heading, Paragraph, Table
from analysis.reading.cv_results import cv_results
from analysis.reading.table import TrialTable
from analysis.report.sentences import tested_score
from models.core.rounding import plain_score


def refit_words(table: TrialTable) -> str:
    """The scores of the refit of the best trial, or why there is no refit."""
    refit = table.refit
    if refit is None:
        return "not there: the study is not complete, or the refit failed (its run says why)"
    label = table.objective.label
    rows = "" if table.train_rows is None else f" on all {table.train_rows:,} training rows"
    return (
        f"trial {refit.number} trained once{rows}: test {label} {tested_score(table, refit.test)}, "
        f"validation {label} {plain_score(refit.val)}, kept epoch {refit.best_epoch} (run {refit.run_id})"
    )


def section(table: TrialTable) -> list[Element]:
    """The section: the refit, and a row a configuration with its score on each fold."""
    found = cv_results(table)
    searched = [name for name in found.columns if name.startswith("param_")]
    splits = [name for name in found.columns if name.startswith("split")]
    folds = [name.removesuffix("_test_score") for name in splits]
    head = [*(name.removeprefix("param_") for name in searched), "rank", "mean", "std", *folds, "fit time, s", "std"]
    rows = [
        [
            *(label(row[name]) for name in searched),
            str(row["rank_test_score"]),
            *(_shown(row[name]) for name in ("mean_test_score", "std_test_score", *splits)),
            *(_shown(row[name], 2) for name in ("mean_fit_time", "std_fit_time")),
        ]
        for _, row in found.iterrows()
    ]
    words = (
        f"{table.objective.heading} on each of {table.folds} folds, scored by a network that was trained on the "
        "others. std is that of the folds themselves (divided by their number, as NumPy's and scikit-learn's). The "
        "numbers are in cv_results.csv, in the columns of scikit-learn's cv_results_."
    )
    return [
        Heading("Cross-validation"),
        Table(head, rows, caption=f"Refit: {refit_words(table)}."),
        Paragraph(words, "small"),
    ]


def _shown(value: float, digits: int | None = None) -> str:
    if math.isnan(value):
        return "-"
    return plain_score(value) if digits is None else f"{value:.{digits}f}"
