"""Labelled pictures of confusion matrices: counts, shares of the truth or of the prediction, and differences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.figures.matrix import SIDE, Panel, matrices_picture, ramp
from analysis.looks.predictions import prediction_shares, truth_shares, truth_shares_without_diagonal

CAPTIONS = {
    "counts": "Rows by true class (down) and predicted class (across). The colour grows with the square root.",
    "truth": (
        "Of each true class, the percentage taken for each other one; the diagonal is left out so that the scale "
        "belongs to the mistakes."
    ),
    "prediction": "Of everything taken for a class (a column), the percentage that each true class makes up.",
    "difference": (
        "The second run's counts less the first one's, on the same rows: more on the diagonal is better, more off it "
        "is worse. Numbers carry their sign; empty cells are equal."
    ),
}
View = Literal["counts", "truth", "prediction"]
_BLUES, _BOTH_WAYS = ramp("Blues", 0.0, 0.95), ramp("RdBu_r", 0.08, 0.92)


def confusion_picture(parts: Mapping[str, np.ndarray], labels: Sequence[str], title: str) -> bytes:
    """PNG of K x K confusion matrices, rows = truth, columns = prediction, for K = 2 to 100 and beyond.

    Two panels for each part of the data: counts, and shares of the row (in percent). The colour grows with the
    square root, so that single mistakes stay visible beside a full diagonal; a row without cases is grey.
    """
    panels = []
    for part, matrix in parts.items():
        counts, split = _checked(matrix, labels), part.replace("_", " ")
        panels.append(
            [
                _panel(counts.astype(float), f"{split}: {_counts_of(counts)}", True),
                _panel(truth_shares(counts), f"{split}: % of each true class", False),
            ]
        )
    return matrices_picture(panels, labels, title, SIDE)


def confusion_view(counts: np.ndarray, labels: Sequence[str], title: str, view: View = "counts") -> bytes:
    """PNG of one K x K confusion matrix, rows = truth, columns = prediction.

    `view`: counts; or percentages of each true class, without the diagonal; or percentages of each predicted class. A
    row (or column) without cases is grey.
    """
    return matrices_picture([[view_panel(_checked(counts, labels), view)]], labels, title)


def confusion_difference(
    before: np.ndarray,
    after: np.ndarray,
    labels: Sequence[str],
    title: str,
    runs: tuple[str, str] = ("before", "after"),
) -> bytes:
    """PNG of the counts of `after` less those of `before`, two K x K confusion matrices of the same rows.

    Raises:
        ValueError: a class does not have equally many rows in both.
    """
    panel = difference_panel(_checked(before, labels), _checked(after, labels), runs)
    return matrices_picture([[panel]], labels, title)


def view_panel(counts: NDArray[np.int64], view: View) -> Panel:
    """The panel of `confusion_view`."""
    if view == "counts":
        return _panel(counts.astype(float), _counts_of(counts), True)
    if view == "truth":
        return _panel(truth_shares_without_diagonal(counts), "% of each true class, diagonal left out", False)
    return _panel(prediction_shares(counts), "% of each predicted class", False)


def difference_panel(before: NDArray[np.int64], after: NDArray[np.int64], runs: tuple[str, str]) -> Panel:
    """The panel of `confusion_difference`; `runs` are the names of both."""
    if (before.sum(axis=1) != after.sum(axis=1)).any():
        raise ValueError(
            "two confusion matrices to compare must be of the same rows: got "
            f"{before.sum(axis=1).tolist()} and {after.sum(axis=1).tolist()} rows a class"
        )
    change = after - before
    highest = max(int(np.abs(change).max()), 1)
    levels = 0.5 + 0.5 * np.sign(change) * np.sqrt(np.abs(change) / highest)
    # A true minus sign: at small sizes a hyphen is lost.
    texts = [[_signed(value) for value in row] for row in change.tolist()]
    steps = [round(highest * f) for f in (-1.0, -0.25, 0.0, 0.25, 1.0)]
    marks = {_signed(n) or "0": 0.5 + 0.5 * math.copysign(math.sqrt(abs(n) / highest), n) for n in steps}
    total = max(int(before.sum()), 1)
    accuracies = [int(np.trace(counts)) / total for counts in (before, after)]
    heading = f"{runs[1]} ({accuracies[1]:.4f}) less {runs[0]} ({accuracies[0]:.4f}), n = {int(before.sum()):,}"
    return Panel(heading, levels, texts, marks, _BOTH_WAYS)


def _signed(value: int) -> str:
    return "" if value == 0 else f"+{value}" if value > 0 else f"\u2212{-value}"


def _counts_of(counts: NDArray[np.int64]) -> str:
    total = int(counts.sum())
    accuracy = f", accuracy {np.trace(counts) / total:.4f}" if total else ""
    return f"counts (n = {total}{accuracy})"


def _checked(matrix: np.ndarray, labels: Sequence[str]) -> NDArray[np.int64]:
    counts = np.asarray(matrix)
    k = len(labels)
    if counts.shape != (k, k):
        raise ValueError(f"a confusion matrix is K x K for K labels: got shape {counts.shape}, K = {k}")
    if k < 1 or (counts < 0).any() or not np.isfinite(counts).all():
        raise ValueError("a confusion matrix holds counts >= 0 of at least one class")
    return counts.astype(np.int64)


def _number(value: float, whole: bool) -> str:
    if math.isnan(value) or value == 0:
        return ""
    if whole:
        return f"{value:.0f}"
    if 99.95 > value >= 99.5:
        return f"{value:.1f}"  # a class with mistakes never shows 100
    return f"{value:.0f}" if value >= 9.95 else f"{max(value, 0.1):.1f}"


def _panel(values: NDArray[np.float64], heading: str, whole: bool) -> Panel:
    """Counts (`whole`) or percentages; the colour grows with their square root."""
    highest = max(float(np.nanmax(values)) if np.isfinite(values).any() else 0.0, 1.0)
    texts = [[_number(value, whole) for value in row] for row in values.tolist()]
    digits = 0 if whole or highest >= 10 else 1
    numbers = dict.fromkeys(f"{highest * f:.{digits}f}" for f in (0.0, 0.01, 0.1, 0.25, 0.5, 1.0))
    marks = {n + ("" if whole else "%"): math.sqrt(min(float(n) / highest, 1.0)) for n in numbers}
    return Panel(heading, np.sqrt(values / highest), texts, marks, _BLUES)
