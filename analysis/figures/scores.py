"""Figures of one class against the rest: counts and rates of every class, and the scores of one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from analysis.figures.style import DARK, LIGHT, MIDDLE, frame, headline, logarithmic_heights, new_figure, png
from analysis.figures.text import short
from analysis.looks.predictions import Predictions, score_histogram
from models.tasks.classification import OneAgainstRest, one_against_rest

CAPTIONS = {
    "one_against_rest": (
        "Each class against all others: true positives (TP: of the class, and taken for it), false negatives (FN: of "
        "the class, missed), false positives (FP: of another class, taken for it), true negatives (TN: all others). "
        "Recall is TP / (TP + FN), precision TP / (TP + FP), the false positive rate FP / (FP + TN). Of many classes, "
        "nearly all rows are TN, and the false positive rate is small whatever happens; precision is not."
    ),
    "score_histogram": (
        "The probability that the network gives to the class: of its own rows, and of all others. Counts on a "
        "logarithmic axis: mistakes are the few own rows at the left and the few others at the right."
    ),
}
_BINS = 50


def one_against_rest_figure(confusion: np.ndarray, names: Sequence[str], title: str) -> bytes:
    """Counts and rates of each class; `confusion` (n_classes, n_classes), rows the truth, columns the prediction."""
    return png(draw_one_against_rest(confusion, names, title))


def draw_one_against_rest(confusion: np.ndarray, names: Sequence[str], title: str) -> Figure:
    rows = one_against_rest(confusion)
    if len(rows) != len(names):
        raise ValueError(f"names must be as many as classes, {len(rows)}, got {len(names)}")
    figure = new_figure(11.0, 1.5 + 0.26 * max(len(rows), 3))
    words, marks = figure.subplots(1, 2, sharey=True, width_ratios=[1.5, 1.0])
    columns = _columns(rows)
    words.set_axis_off()
    words.set_xlim(0, 1)
    words.set_ylim(len(rows) - 0.4, -1.2)
    places = [0.16, *np.linspace(0.29, 1.0, len(columns)).tolist()]
    for x, (head, texts) in zip(places, {"class": [short(name) for name in names], **columns}.items(), strict=True):
        words.text(x, -0.85, head, ha="right", va="center", fontsize=8.5, fontweight="bold")
        for k, text in enumerate(texts):
            words.text(x, k, text, ha="right", va="center", fontsize=8.5)
    y = np.arange(len(rows))
    recall, precision = [row.recall for row in rows], [row.precision for row in rows]
    frame(marks, "", 4.0)
    marks.hlines(y, np.minimum(recall, precision), np.maximum(recall, precision), color=LIGHT, linewidth=2)
    marks.plot(recall, y, "o", color=DARK, markersize=6, label="recall", linestyle="none")
    marks.plot(precision, y, "D", color=MIDDLE, markersize=6, fillstyle="none", label="precision", linestyle="none")
    low = min(*recall, *precision)
    marks.set_xlim(max(0.0, low - 0.06 * (1.0 - low) - 0.002), 1.0 + 0.03 * (1.0 - low) + 0.001)
    marks.set_xlabel("share of the class's rows (recall), of the rows taken for it (precision)", fontsize=8.5)
    marks.tick_params(axis="y", left=False, labelleft=False)
    marks.spines["left"].set_visible(False)
    marks.legend(loc="upper left", fontsize=8.5, ncols=2, frameon=False, borderaxespad=0.0)
    headline(figure, f"{title}: each class against the rest, n = {int(confusion.sum()):,}")
    return figure


def _columns(rows: Sequence[OneAgainstRest]) -> dict[str, list[str]]:
    return {
        "TP": [f"{row.true_positives:,}" for row in rows],
        "FN": [f"{row.false_negatives:,}" for row in rows],
        "FP": [f"{row.false_positives:,}" for row in rows],
        "TN": [f"{row.true_negatives:,}" for row in rows],
        "recall": [f"{row.recall:.4f}" for row in rows],
        "precision": [f"{row.precision:.4f}" for row in rows],
        "FP rate": [f"{row.false_positive_rate:.4f}" for row in rows],
    }


def score_histograms(predictions: Predictions, k: int, names: Sequence[str], title: str) -> bytes:
    """Counts of rows by their probability of class k, its own and all others, on a logarithmic axis."""
    return png(draw_score_histograms(predictions, k, names, title))


def draw_score_histograms(predictions: Predictions, k: int, names: Sequence[str], title: str) -> Figure:
    found = score_histogram(predictions, k, _BINS)
    figure = new_figure(8.0, 4.2)
    axes = figure.add_subplot()
    name = short(names[k], 24)
    frame(axes, f"{title}: probability of class {name}")
    floor = 0.5
    rest, own = int(found.rest.sum()), int(found.own.sum())
    axes.stairs(found.rest, found.edges, baseline=floor, fill=True, color=LIGHT)
    axes.stairs(
        found.rest, found.edges, baseline=floor, color=MIDDLE, linewidth=1.1, label=f"all others (n = {rest:,})"
    )
    axes.stairs(found.own, found.edges, baseline=floor, color=DARK, linewidth=1.7, label=f"class {name} (n = {own:,})")
    logarithmic_heights(axes, floor, 2.0 * max(int(found.rest.max()), int(found.own.max()), 1))
    axes.set_xlim(0, 1)
    axes.set_xlabel(f"probability of class {name}")
    axes.set_ylabel(f"rows in a bin of {1 / _BINS:g} (logarithmic)")
    axes.legend(loc="upper center", fontsize=8.5)
    return figure
