"""Figures of a data set: classes in each part, examples, means, typical images, and distributions of values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from analysis.figures.images import captioned_figure, rows_figure
from analysis.figures.style import (
    DARK,
    LIGHT,
    MIDDLE,
    Drawing,
    column_figure,
    frame,
    headline,
    logarithmic_heights,
    new_figure,
)
from analysis.figures.text import short
from analysis.looks.classes import Array, Histogram, class_counts, class_means, examples, mean_histograms, typicality
from analysis.looks.classes import value_histograms as value_histograms_of
from analysis.looks.images import GAP_COLOUR, Shades, is_image, mosaic
from analysis.looks.residuals import Floats
from analysis.looks.residuals import target_histograms as target_histograms_of

CAPTIONS = {
    "class_counts": "Rows of each class in each part of the data, and their share of the part.",
    "class_examples": "Examples of each class of the training part, drawn at random by a fixed seed.",
    "mean_images": "The mean image of each class of the training part, in the shades of the images themselves.",
    "typical_images": (
        "For each class its mean image, and the training images nearest to it and farthest from it by Euclidean "
        "distance over all pixels. The mean of the signed differences, a criterion met in class rooms, finds something "
        "else: where an image is lighter than the mean in one place and darker in another the differences cancel, and "
        "what is left is the image's mean value less the class's, so that its extremes are the images with the least "
        "and the most ink, whatever their shape."
    ),
    "mean_histograms": "How the mean value of an input is distributed, as shares of each part's rows.",
    "value_histograms": "How the values of all inputs are distributed, as shares of each part's values.",
    "target_histograms": "How the numbers to predict are distributed, as shares of each part's rows.",
}
MOST_TARGETS = 4
"""The most numbers to predict that are drawn; a figure of the first ones says that there are more."""
_LOG_FROM = 50  # times the median bar: a higher bar leaves the others no height on a linear axis
_PART_LINES = ((DARK, "-"), (MIDDLE, "--"), ("#6b6b6b", ":"))


def data_figures(
    inputs: Mapping[str, Array], labels: Mapping[str, Array], names: Sequence[str], title: str
) -> dict[str, Drawing]:
    """All figures that fit the data, by their names in CAPTIONS; figures of images show the part "train".

    `inputs` (rows, ...) and `labels` (rows,) of each part; `names`: the names of the n_classes classes.
    """
    figures = {
        "class_counts": class_counts_figure(labels, names, title),
        "mean_histograms": mean_histograms_figure(inputs, title),
        "value_histograms": value_histograms_figure(inputs, title),
    }
    if is_image(inputs["train"].shape[1:]):
        for name, make in (
            ("class_examples", class_examples),
            ("mean_images", mean_images),
            ("typical_images", typical_images),
        ):
            figures[name] = make(inputs["train"], labels["train"], names, title)
    return figures


def class_counts_figure(labels: Mapping[str, Array], names: Sequence[str], title: str) -> Drawing:
    """Bars of the rows of each class, a panel a part; `labels` (rows,) of each part."""
    counted = class_counts(labels, len(names))
    figure, columns = column_figure(len(counted), 3.4, 0.6 + 0.24 * max(len(names), 4), f"{title}: rows of each class")
    panels = [column.add_subplot() for column in columns]
    for axes, (part, counts) in zip(panels, counted.items(), strict=True):
        total = int(counts.sum())
        frame(axes, f"{part}: {total:,}", 3.4)
        axes.barh(range(len(names)), counts, 0.72, color=LIGHT, edgecolor=DARK, linewidth=0.6)
        for k, count in enumerate(counts.tolist()):
            axes.text(count, k, f" {count:,} ({count / max(total, 1):.1%})", va="center", fontsize=8)
        axes.set_xlim(0, 1.65 * max(int(counts.max()), 1))
        axes.set_xticks([])
        axes.grid(False)
        axes.spines["bottom"].set_visible(False)
        axes.set_yticks(range(len(names)), [short(name) for name in names], fontsize=9)
        axes.set_ylim(len(names) - 0.4, -0.6)
    return figure


def class_examples(
    inputs: Array, labels: Array, names: Sequence[str], title: str, each: int = 10, seed: int = 0
) -> Drawing:
    """A row of examples of each class; `inputs` (rows, H, W) or with 1 or 3 channels, `labels` (rows,)."""
    rows = examples(labels, len(names), each, seed)
    tiles = _rows_of_tiles(inputs, rows, each, Shades.of(inputs))
    drawn = mosaic(tiles, each)
    figure, (axes,) = rows_figure([drawn], f"{title}: examples of each class", names)
    axes.set_xlabel(f"{each} random rows a class", fontsize=9)
    return figure


def mean_images(inputs: Array, labels: Array, names: Sequence[str], title: str) -> Drawing:
    """The mean image of each class; `inputs` (rows, H, W) or with 1 or 3 channels, `labels` (rows,)."""
    tiles = Shades.of(inputs).drawn(class_means(inputs, labels, len(names)))
    across = min(len(names), max(5, math.ceil(math.sqrt(2 * len(names)))))
    counts = np.bincount(labels, minlength=len(names)).tolist()
    captions = [f"{short(name)}\nn = {count:,}" for name, count in zip(names, counts, strict=True)]
    return captioned_figure(tiles, captions, across, f"{title}: mean image of each class")


def typical_images(inputs: Array, labels: Array, names: Sequence[str], title: str, each: int = 5) -> Drawing:
    """The mean of each class, the `each` images nearest to it and the farthest ones; `inputs` as in mean_images."""
    found = typicality(inputs, labels, len(names), each)
    shades = Shades.of(inputs)
    mosaics = [
        mosaic(shades.drawn(found.means), 1),
        mosaic(_rows_of_tiles(inputs, found.nearest, each, shades), each),
        mosaic(_rows_of_tiles(inputs, found.farthest, each, shades), each),
    ]
    figure, panels = rows_figure(mosaics, f"{title}: most and least typical images of each class", names)
    words = ("mean", "typical: nearest to the mean", "least typical: farthest first")
    for axes, text in zip(panels, words, strict=True):
        axes.set_title(text, fontsize=9, loc="left")
    return figure


def mean_histograms_figure(inputs: Mapping[str, Array], title: str) -> Drawing:
    """Histograms of the mean value of each row, a line a part; `inputs` (rows, ...) of each part."""
    image = is_image(next(iter(inputs.values())).shape[1:])
    what = "image" if image else "row"
    figure, axes = _histograms(mean_histograms(inputs), f"{title}: mean value of each {what}", False)
    axes.set_xlabel(f"mean {'pixel' if image else 'feature'} value of the {what}")
    axes.set_ylabel(f"% of the part's {what}s in a bin")
    return figure


def value_histograms_figure(inputs: Mapping[str, Array], title: str) -> Drawing:
    """Histograms of all values of all rows, a line a part; `inputs` (rows, ...) of each part."""
    what = "pixel" if is_image(next(iter(inputs.values())).shape[1:]) else "feature"
    found = value_histograms_of(inputs)
    seen = np.concatenate([histogram.shares[histogram.counts > 0] for histogram in found.values()])
    log = bool(seen.max() > _LOG_FROM * np.median(seen))
    figure, axes = _histograms(found, f"{title}: {what} values", log)
    axes.set_xlabel(f"{what} value")
    axes.set_ylabel("% of the part's values in a bin" + " (logarithmic)" * log)
    return figure


def target_histograms(labels: Mapping[str, Floats], names: Sequence[str], title: str) -> Drawing:
    """Histograms of the numbers to predict, an axis each, MOST_TARGETS at most; `labels` (rows, targets) of each part.

    `names`: the names of the targets. Rows so far out that an axis has no room for them are counted beside the name.
    """
    shown = min(len(names), MOST_TARGETS)
    figure = new_figure(height=0.5 + 3.0 * shown)
    for k, axes in enumerate(figure.subplots(shown, 1, squeeze=False)[:, 0]):
        found, beyond = target_histograms_of({part: numbers[:, k] for part, numbers in labels.items()})
        rows = f" ({beyond:,} row{'s' * (beyond > 1)} beyond the axis)" if beyond else ""
        frame(axes, f"{short(names[k], 40)}{rows}", 4.8)
        _steps(axes, found, False)
        axes.set_ylabel("% of the part's rows in a bin")
    more = f", the first {shown} of {len(names)}" if shown < len(names) else ""
    headline(figure, f"{title}: numbers to predict{more}")
    return figure


def _histograms(histograms: Mapping[str, Histogram], title: str, log: bool) -> tuple[Drawing, Axes]:
    figure = new_figure()
    axes = figure.add_subplot()
    frame(axes, title)
    _steps(axes, histograms, log)
    return figure, axes


def _steps(axes: Axes, histograms: Mapping[str, Histogram], log: bool) -> None:
    """Percentages a bin as steps, the first part filled."""
    shares = {part: 100.0 * histogram.shares for part, histogram in histograms.items()}
    seen = np.concatenate([share[share > 0] for share in shares.values()])
    floor = float(seen.min()) / 2 if log else 0.0
    for i, (part, histogram) in enumerate(histograms.items()):
        colour, line = _PART_LINES[i % len(_PART_LINES)]
        label = f"{part} (n = {int(histogram.counts.sum()):,})"
        common: dict[str, Any] = {"baseline": floor, "edges": histogram.edges}
        if i == 0:
            axes.stairs(shares[part], fill=True, color=LIGHT, **common)
        axes.stairs(shares[part], color=colour, linestyle=line, linewidth=1.3, label=label, **common)
    if log:
        logarithmic_heights(axes, floor, float(seen.max()) * 1.6)
    else:
        axes.set_ylim(0, float(seen.max()) * 1.08)
    axes.legend(fontsize=8.5)


def _rows_of_tiles(inputs: Array, rows: Sequence[np.ndarray], each: int, shades: Shades) -> np.ndarray:
    """`each` tiles a class; missing tiles have the colour of gaps."""
    height, width = inputs.shape[1:3]
    tiles = np.empty((len(rows) * each, height, width, 3), dtype=np.uint8)
    tiles[:] = GAP_COLOUR
    for k, chosen in enumerate(rows):
        if len(chosen):
            tiles[k * each : k * each + len(chosen)] = shades.drawn(inputs[chosen])
    return tiles
