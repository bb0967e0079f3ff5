"""Figures of what a classifier got wrong, with the images: mistakes by certainty, pairs of classes, probabilities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.images import captioned_figure, show
from analysis.figures.style import DARK, LIGHT, headline, new_figure, png
from analysis.figures.text import short
from analysis.looks.images import GAP_COLOUR, Shades, is_image, mosaic
from analysis.looks.predictions import Array, Predictions, pair_rows, top

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
}
_ACROSS = 8
_COLUMNS = 2
_SHORT = 5  # letters of names, two of which fit into a line
_ROW = 0.21  # inches, of a bar


def misclassified(inputs: Array, predictions: Predictions, names: Sequence[str], title: str, most: int = 40) -> bytes:
    """The `most` surest mistakes; `inputs` (rows, H, W) or with 1 or 3 channels, a row a prediction."""
    return png(draw_misclassified(inputs, predictions, names, title, most))


def draw_misclassified(
    inputs: Array, predictions: Predictions, names: Sequence[str], title: str, most: int = 40
) -> Figure:
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
    inputs: Array, predictions: Predictions, a: int, b: int, names: Sequence[str], title: str, each: int = 25
) -> bytes:
    """Four panels for the classes a and b, rows by truth, columns by prediction; `inputs` as in misclassified."""
    return png(draw_pair_panels(inputs, predictions, a, b, names, title, each))


def draw_pair_panels(
    inputs: Array, predictions: Predictions, a: int, b: int, names: Sequence[str], title: str, each: int = 25
) -> Figure:
    across = int(np.ceil(np.sqrt(each)))
    shades, size = Shades.of(inputs), inputs.shape[1:3]
    inches = 3.4
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
) -> bytes:
    """Bars of the `k` highest probabilities of each of the chosen `rows`, beside their images if `inputs` are some."""
    return png(draw_top_probabilities(predictions, rows, names, title, inputs, k))


def draw_top_probabilities(
    predictions: Predictions,
    rows: Sequence[int],
    names: Sequence[str],
    title: str,
    inputs: Array | None = None,
    k: int = 5,
) -> Figure:
    k = min(k, predictions.n_classes)
    images = inputs if inputs is not None and is_image(inputs.shape[1:]) else None
    columns = min(_COLUMNS, len(rows))
    down = -(-len(rows) // columns)
    figure = new_figure(4.4 * columns, 0.5 + (_ROW * k + 0.42) * down)
    grid = figure.add_gridspec(down, 2 * columns, width_ratios=[1.0, 2.2] * columns)
    shades = Shades.of(images) if images is not None else None
    for place, row in enumerate(rows):
        line, column = place % down, 2 * (place // down)
        if images is not None and shades is not None:
            beside = figure.add_subplot(grid[line, column])
            show(beside, mosaic(shades.drawn(images[row : row + 1]), 1))
        axes = figure.add_subplot(grid[line, column + 1] if images is not None else grid[line, column : column + 2])
        _bars(axes, predictions, row, names, k)
    headline(figure, f"{title}: the {k} highest probabilities")
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
    """Three decimals; never 1.000 for what is not 1."""
    return "> 0.999" if 0.9995 <= p < 1.0 else f"{p:.3f}"


def _empty(words: str) -> Figure:
    figure = new_figure(6.0, 1.0)
    headline(figure, words)
    return figure
