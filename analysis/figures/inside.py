"""Figures of the inside of a network: hidden activations, hidden features, the pixels that a forest ranks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from analysis.figures.style import DARK, MIDDLE, WIDTH, Drawing, column_figure, frame, new_figure
from analysis.figures.text import short

Floats = NDArray[np.floating]
Classes = NDArray[np.integer]

CAPTIONS = {
    "activation_boxes": (
        "What the one hidden node gives. Above, by the class that the network took a row for: its decision follows "
        "from this one number, so the classes cut the axis into stretches that cannot overlap, and a class without a "
        "stretch is never predicted. Below, by the true class: where these boxes overlap the network cannot tell the "
        "classes apart. Box: quartiles; line: median; whiskers: up to 1.5 box lengths; points: beyond."
    ),
    "activation_scatter": (
        "What the two hidden nodes give to each row. Left, by the class that the network took it for: softmax cuts "
        "the plane by straight lines. Right, by the true class: where colours mix the network cannot tell them apart."
    ),
    "feature_map": "The last hidden layer's features of each row: their first 20 principal components, placed in the "
    "plane by t-SNE, coloured by the true class; ringed: taken for another class. Neighbourhoods mean something; "
    "distances between groups and their sizes do not.",
    "number_map": "The last hidden layer's features of each row: their first 20 principal components, placed in the "
    "plane by t-SNE, coloured by the true number; rows far out have the colour of their end. "
    "Neighbourhoods mean something; distances between groups and their sizes do not.",
    "forest_importances": "Left: how much each pixel lowers the impurity of the forest's trees (mean decrease, all "
    "pixels together 1). Right: the pixels that the network is fed, drawn on one image.",
}
_NEARLY_ALL = (0.02, 0.98)  # quantiles of the numbers, at the ends of the colours
_NAMED = 20  # classes that a legend can name


def class_colours(k: int) -> list[tuple[float, float, float, float]]:
    """A colour for each of k classes."""
    if k <= 20:
        return [colormaps["tab10" if k <= 10 else "tab20"](i) for i in range(k)]
    return [colormaps["turbo"](i / (k - 1)) for i in range(k)]


def activation_boxes(
    activations: Floats, predicted: Classes, truth: Classes, names: Sequence[str], title: str
) -> Drawing:
    """The activations (rows, 1) of one node: a box for each predicted, and for each true class (rows,)."""
    values = _checked(activations, (predicted, truth), names, 1)[:, 0]
    figure = new_figure(max(WIDTH, 0.45 * len(names)), 6.4)
    panels = figure.subplots(2, 1, sharey=True)
    for axes, classes, kind in zip(panels, (predicted, truth), ("predicted", "true"), strict=True):
        frame(axes, f"{title}: the hidden node's activation by {kind} class", 4.8)
        _boxes(axes, [values[classes == k] for k in range(len(names))], names)
        axes.set_xlabel(f"{kind} class (rows)")
        axes.set_ylabel("activation")
    return figure


def activation_scatter(
    activations: Floats, predicted: Classes, truth: Classes, names: Sequence[str], title: str
) -> Drawing:
    """The activations (rows, 2) of two nodes, coloured by the predicted, and by the true class (rows,)."""
    values = _checked(activations, (predicted, truth), names, 2)
    figure, columns = column_figure(2, WIDTH, 4.9, title)
    panels = [column.add_subplot() for column in columns]
    for axes, classes, kind in zip(panels, (predicted, truth), ("predicted", "true"), strict=True):
        frame(axes, f"by {kind} class", 4.8)
        _points(axes, values, classes, names)
        axes.set_xlabel("activation of node 1")
        axes.set_ylabel("activation of node 2")
    for column, axes in zip(columns, panels, strict=True):
        _legend(column, axes, names)
    return figure


def feature_map(points: Floats, predicted: Classes, truth: Classes, names: Sequence[str], title: str) -> Drawing:
    """Embedded rows (rows, 2), coloured by the true class (rows,); those predicted otherwise are ringed."""
    values = _checked(points, (predicted, truth), names, 2)
    figure = new_figure(6.2, 5.6)
    axes = figure.add_subplot()
    frame(axes, f"{title}: the last hidden layer's features (t-SNE)")
    _empty(axes)
    _points(axes, values, truth, names)
    wrong = truth != predicted
    ringed = f"taken for another\nclass: {int(wrong.sum()):,} of {len(values):,}"
    axes.scatter(
        values[wrong, 0], values[wrong, 1], s=42, facecolors="none", edgecolors=DARK, linewidths=0.9, label=ringed
    )
    halo = [withStroke(linewidth=3, foreground="white")]
    for k, colour in enumerate(class_colours(len(names))):
        own = values[truth == k]
        if len(own) and len(names) <= _NAMED:
            # At a row near the middle: the median itself may lie between two groups of one class.
            x, y = own[np.argmin(np.abs(own - np.median(own, axis=0)).sum(axis=1))]
            axes.text(x, y, short(names[k]), color=colour, fontsize=15, weight="bold", ha="center", va="center",
                      path_effects=halo)  # fmt: skip
    _legend(figure, axes, names)
    return figure


def number_map(points: Floats, truth: Floats, name: str, title: str) -> Drawing:
    """Embedded rows (rows, 2), coloured by the true number (rows,), whose name stands at the colour bar."""
    if points.shape != (len(truth), 2):
        raise ValueError(f"a row must have 2 values and a number, got arrays of {points.shape} and {truth.shape}")
    figure = new_figure(6.2, 5.6)
    axes = figure.add_subplot()
    frame(axes, f"{title}: the last hidden layer's features (t-SNE)")
    _empty(axes)
    low, high = np.quantile(truth, _NEARLY_ALL).tolist()
    # From pale to dark, so that it prints in grey.
    x, y = points[:, 0], points[:, 1]
    drawn = axes.scatter(x, y, c=truth, s=20, cmap="viridis_r", vmin=low, vmax=high, linewidths=0.3, edgecolors=DARK)
    figure.colorbar(drawn, ax=axes, shrink=0.85, extend="both", label=short(name, 40))
    return figure


def forest_importances(importances: Floats, chosen: Classes, image: NDArray[np.generic], title: str) -> Drawing:
    """A heat map of `importances` (pixels,), and the `chosen` pixel numbers (n,) drawn on `image` (H, W)."""
    picture = np.squeeze(image)
    if picture.ndim != 2 or importances.shape != (picture.size,):
        raise ValueError(f"importances must be one a pixel of an image, got {importances.shape} and {image.shape}")
    figure, sides = column_figure(2, 4.6, 4.2, f"{title}: what the forest goes by")
    left, right = (side.add_subplot() for side in sides)
    for axes, words in ((left, "importance of each pixel"), (right, f"the {len(chosen)} pixels it chose")):
        frame(axes, words, 4.6)
        _empty(axes)
    heat = left.imshow(importances.reshape(picture.shape), cmap="magma")
    sides[0].colorbar(heat, ax=left, shrink=0.85, label="mean decrease in impurity")
    right.imshow(picture, cmap="gray_r", alpha=0.75)
    right.spines[:].set_visible(True)
    rows, columns = np.divmod(np.asarray(chosen), picture.shape[1])
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        right.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, facecolor=(*to_rgb(MIDDLE), 0.3), edgecolor=MIDDLE))
    return figure


def _boxes(axes: Axes, of_class: Sequence[Floats], names: Sequence[str]) -> None:
    drawn = axes.boxplot(
        of_class,
        tick_labels=[f"{short(name)}\n({len(rows):,})" for name, rows in zip(names, of_class, strict=True)],
        patch_artist=True,
        widths=0.6,
        medianprops={"color": DARK, "linewidth": 1.6},
        flierprops={"marker": ".", "markersize": 3, "markerfacecolor": "#777777", "markeredgecolor": "none"},
    )
    for box, colour in zip(drawn["boxes"], class_colours(len(names)), strict=True):
        box.set(facecolor=(*colour[:3], 0.55), edgecolor="#444444")


def _points(axes: Axes, points: Floats, classes: Classes, names: Sequence[str]) -> None:
    """All rows in random order: if each class were drawn in turn, the last class would hide the others."""
    order = np.random.default_rng(0).permutation(len(points))
    colours = np.array(class_colours(len(names)))[classes]
    axes.scatter(points[order, 0], points[order, 1], c=colours[order], s=11, alpha=0.75, linewidths=0)


def _legend(figure: Figure | SubFigure, axes: Axes, names: Sequence[str]) -> None:
    if len(names) <= _NAMED:
        for name, colour in zip(names, class_colours(len(names)), strict=True):
            axes.plot([], [], "o", color=colour, markersize=6, label=short(name))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right center", fontsize=8.5, frameon=False)


def _empty(axes: Axes) -> None:
    """Axes without scales, for places whose numbers mean nothing."""
    axes.grid(False)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def _checked(values: Floats, of_rows: Sequence[Classes], names: Sequence[str], columns: int) -> Floats:
    for classes in of_rows:
        if values.shape != (len(classes), columns):
            raise ValueError(
                f"a row must have {columns} values and a class, got arrays of {values.shape} and {classes.shape}"
            )
        if len(classes) and not 0 <= classes.min() <= classes.max() < len(names):
            raise ValueError(f"classes must be 0 .. {len(names) - 1}, got {classes.min()} .. {classes.max()}")
    return values
