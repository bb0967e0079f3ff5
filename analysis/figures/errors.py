"""Figures of a classifier's mistakes: their images, each class against the rest, and probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from analysis.figures.images import captioned_figure, show
from analysis.figures.style import (
    DARK,
    LIGHT,
    MIDDLE,
    WIDTH,
    Drawing,
    column_figure,
    frame,
    headline,
    logarithmic_heights,
    new_figure,
)
from analysis.figures.text import short
from analysis.looks.images import GAP_COLOUR, Shades, is_image, mosaic
from analysis.looks.predictions import Array, Predictions, pair_rows, score_histogram, top
from models.tasks.classification import OneAgainstRest, one_against_rest

CAPTIONS = {
    "misclassified": (
        "Misclassified images, the surest mistakes first. Below each: true class, \u2192 predicted class, and the "
        "probability of the predicted class."
    ),
    "pair_panels": (
        "Two classes that are taken for each other: rows by truth, columns by prediction, the surest images of each "
        "panel first."
    ),
    "top_probabilities": "The classes of highest probability. Black: the true class; pale: another one.",
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
_ACROSS = 8
_COLUMNS = 2
_SHORT = 5  # letters of names, two of which fit into a line
_ROW = 0.21  # inches, of a bar
_BINS = 50


def misclassified(inputs: Array, predictions: Predictions, names: Sequence[str], title: str, most: int = 40) -> Drawing:
    """The `most` surest mistakes; `inputs` (rows, H, W) or with 1 or 3 channels, a row a prediction."""
    wrong = predictions.wrong
    rows = wrong[:most]
    words = f"{title}: {len(wrong):,} of {len(inputs):,} images misclassified"
    if not len(rows):
        return _empty(words)
    shown = "" if len(rows) == len(wrong) else f", the {len(rows)} surest"
    # Long names take a line each.
    between = " \u2192 " if max(map(len, names)) <= _SHORT else "\n\u2192 "
    captions = [
        f"{short(names[predictions.truth[row]])}{between}{short(names[predictions.predicted[row]])}\n"
        f"{probability_text(predictions.confidence[row])}"
        for row in rows
    ]
    return captioned_figure(Shades.of(inputs).drawn(inputs[rows]), captions, min(_ACROSS, len(rows)), words + shown)


def pair_panels(
    inputs: Array, predictions: Predictions, pair: tuple[int, int], names: Sequence[str], title: str, each: int = 25
) -> Drawing:
    """Four panels for a pair of classes, rows by truth, columns by prediction; `inputs` as in misclassified."""
    a, b = pair
    across = int(np.ceil(np.sqrt(each)))
    shades, size = Shades.of(inputs), inputs.shape[1:3]
    inches = 2.8
    between = ", " if max(map(len, names)) <= _SHORT else "\n"
    figure = new_figure(2 * inches + 0.2, 2 * inches * size[0] / size[1] + 1.2)
    panels = figure.subplots(2, 2).flat
    for axes, ((truth, predicted), rows) in zip(panels, pair_rows(predictions, a, b).items(), strict=True):
        places = -(-each // across) * across
        tiles = np.full((places, *size, 3), GAP_COLOUR, dtype=np.uint8)
        chosen = rows[:each]
        if len(chosen):
            tiles[: len(chosen)] = shades.drawn(inputs[chosen])
        show(axes, mosaic(tiles, across))
        words = f"true {short(names[truth])}{between}predicted {short(names[predicted])}: {len(rows):,}"
        axes.set_title(words, loc="left", fontsize=9.5)
    headline(figure, f"{title}: {short(names[a])} and {short(names[b])}")
    return figure


def top_probabilities(
    predictions: Predictions,
    rows: Sequence[int],
    names: Sequence[str],
    title: str,
    inputs: Array | None = None,
    k: int = 5,
) -> Drawing:
    """Bars of the `k` highest probabilities of each of the chosen `rows`, beside their images where there are some."""
    k = min(k, predictions.n_classes)
    images = inputs if inputs is not None and is_image(inputs.shape[1:]) else None
    columns = min(_COLUMNS, len(rows))
    down = -(-len(rows) // columns)
    height = (_ROW * k + 0.42) * down
    figure, sides = column_figure(columns, 4.6, height, f"{title}: the {k} highest probabilities")
    grids = [side.add_gridspec(down, 2, width_ratios=[1.0, 2.2]) for side in sides]
    shades = Shades.of(images) if images is not None else None
    for place, row in enumerate(rows):
        line, side, grid = place % down, sides[place // down], grids[place // down]
        if images is not None and shades is not None:
            beside = side.add_subplot(grid[line, 0])
            show(beside, mosaic(shades.drawn(images[row : row + 1]), 1))
        axes = side.add_subplot(grid[line, 1] if images is not None else grid[line, :])
        _bars(axes, predictions, row, names, k)
    return figure


def _bars(axes: Axes, predictions: Predictions, row: int, names: Sequence[str], k: int) -> None:
    classes, probabilities = top(predictions.probabilities[row], k)
    truth = int(predictions.truth[row])
    colours = [DARK if c == truth else LIGHT for c in classes]
    axes.barh(range(k), probabilities, 0.76, color=colours, edgecolor=DARK, linewidth=0.6)
    for place, (c, p) in enumerate(zip(classes.tolist(), probabilities.tolist(), strict=True)):
        inside = p > 0.55
        ink = "white" if inside and c == truth else DARK
        x = 0.02 if inside else p + 0.02
        axes.text(x, place, f"{short(names[c])}  {probability_text(p)}", va="center", fontsize=8, color=ink)
    axes.set_xlim(0, 1)
    axes.set_ylim(k - 0.5, -0.5)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    right = int(predictions.predicted[row]) == truth
    words = f"row {row:,}, true: {short(names[truth])}" + ("" if right else " (misclassified)")
    axes.set_title(words, loc="left", fontsize=8.5)


def probability_text(p: float) -> str:
    """Three decimals; 1.000 for nothing below 1."""
    return "> 0.999" if 0.9995 <= p < 1.0 else f"{p:.3f}"


def one_against_rest_figure(confusion: np.ndarray, names: Sequence[str], title: str) -> Drawing:
    """Counts and rates of each class; `confusion` (n_classes, n_classes), rows the truth, columns the prediction."""
    rows = one_against_rest(confusion)
    if len(rows) != len(names):
        raise ValueError(f"names must be as many as classes, {len(rows)}, got {len(names)}")
    title = f"{title}: each class against the rest, n = {int(confusion.sum()):,}"
    figure, sides = column_figure(2, WIDTH, 1.0 + 0.26 * max(len(rows), 3), title)
    words, marks = (side.add_subplot() for side in sides)
    columns = _columns(rows)
    words.set_axis_off()
    words.set_xlim(0, 1)
    words.set_ylim(len(rows) - 0.4, -1.2)
    places = (0.17, 0.26, 0.36, 0.46, 0.57, 0.71, 0.87, 1.0)
    for x, (head, texts) in zip(places, {"class": [short(name) for name in names], **columns}.items(), strict=True):
        words.text(x, -0.85, head, ha="right", va="center", fontsize=8.5, fontweight="bold")
        for k, text in enumerate(texts):
            words.text(x, k, text, ha="right", va="center", fontsize=8.5)
    y = np.arange(len(rows))
    recall, precision = [row.recall for row in rows], [row.precision for row in rows]
    frame(marks, "", WIDTH)
    marks.hlines(y, np.minimum(recall, precision), np.maximum(recall, precision), color=LIGHT, linewidth=2)
    marks.plot(recall, y, "o", color=DARK, markersize=6, label="recall", linestyle="none")
    marks.plot(precision, y, "D", color=MIDDLE, markersize=6, fillstyle="none", label="precision", linestyle="none")
    low = min(*recall, *precision)
    marks.set_xlim(max(0.0, low - 0.06 * (1.0 - low) - 0.002), 1.0 + 0.03 * (1.0 - low) + 0.001)
    marks.set_xlabel("share of the class's rows (recall), of the rows taken for it (precision)", fontsize=8.5)
    marks.set_yticks(y, [short(name) for name in names], fontsize=8.5)
    marks.set_ylim(len(rows) - 0.4, -1.2)
    marks.tick_params(axis="y", left=False)
    marks.spines["left"].set_visible(False)
    marks.legend(loc="upper left", fontsize=8.5, ncols=2, frameon=False, borderaxespad=0.0)
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


def score_histograms(predictions: Predictions, k: int, names: Sequence[str], title: str) -> Drawing:
    """Rows by their probability of class k, for rows of the class and for all others, on a logarithmic axis."""
    found = score_histogram(predictions, k, _BINS)
    figure = new_figure()
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


def _empty(words: str) -> Drawing:
    figure = new_figure(height=1.0)
    headline(figure, words)
    return figure
