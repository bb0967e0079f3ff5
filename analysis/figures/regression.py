"""Figures of a regression: predicted against true numbers, residuals, the targets' distribution, hidden features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from analysis.figures.style import DARK, LIGHT, MIDDLE, frame, headline, new_figure, png
from analysis.figures.text import short

CAPTIONS = {
    "predictions": (
        "Left of each pair, predicted against true: on the line they are equal. Right, the residual, predicted less "
        "true, against the prediction; dashed, between which 90% of the residuals lie. At most 1,000 rows of a part "
        "are drawn, evenly spaced; the quantiles are of all."
    ),
    "target_histograms": "How the numbers to predict are distributed, as shares of each part's rows.",
    "feature_map": (
        "The last hidden layer's features of each row: their first 20 principal components, placed in the plane by "
        "t-SNE, coloured by the true number. Neighbourhoods mean something; distances between groups and their sizes "
        "do not."
    ),
}
MOST_TARGETS = 4
_PART_LINES = ((DARK, "-"), (MIDDLE, "--"), ("#6b6b6b", ":"))
_WIDE, _TALL = 3.3, 3.1  # inches of a panel

Evidence = Mapping[str, Mapping[str, Any]]
"""A part of the data to what models.tasks.regression.Regression.evidence keeps of it."""


def predictions_picture(evidence: Evidence, title: str) -> bytes:
    """PNG of predicted against true and of residuals: a row a target, of MOST_TARGETS at most, a pair a part."""
    return png(draw_predictions(evidence, title))


def draw_predictions(evidence: Evidence, title: str) -> Figure:
    targets = [kept["targets"] for kept in evidence.values()]
    count = len(targets[0])
    shown = min(count, MOST_TARGETS)
    figure = new_figure(_WIDE * 2 * len(evidence), _TALL * shown + 0.4)
    panels = figure.subplots(shown, 2 * len(evidence), squeeze=False)
    for row in range(shown):
        ends = _ends([part[row] for part in targets])
        for column, (part, kept) in enumerate(evidence.items()):
            target = kept["targets"][row]
            name = short(str(target["name"]), 24) if count > 1 or target["name"] != "prediction" else "numbers"
            against, residuals = panels[row][2 * column : 2 * column + 2]
            _against(against, target, ends, f"{part.replace('_', ' ')}: {name}")
            _residuals(residuals, target)
    more = f", the first {shown} of {count} targets" if shown < count else ""
    headline(figure, f"{title}: predicted and true{more}")
    return figure


def _against(axes: Axes, target: Mapping[str, Any], ends: tuple[float, float], heading: str) -> None:
    frame(axes, heading, _WIDE)
    axes.plot(ends, ends, color=MIDDLE, linewidth=1.2, zorder=1)
    _points(axes, target["true"], target["predicted"])
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    axes.set_xlabel("true", fontsize=9)
    axes.set_ylabel("predicted", fontsize=9)


def _residuals(axes: Axes, target: Mapping[str, Any]) -> None:
    frame(axes, "residuals", _WIDE)
    true, predicted = np.array(target["true"]), np.array(target["predicted"])
    axes.axhline(0.0, color=MIDDLE, linewidth=1.2, zorder=1)
    for share, value in target["residual_quantiles"]:
        if share in (0.05, 0.95):
            axes.axhline(value, color=DARK, linewidth=0.9, linestyle=(0, (5, 3)), zorder=1)
    _points(axes, predicted, predicted - true)
    axes.set_xlabel("predicted", fontsize=9)
    axes.set_ylabel("predicted less true", fontsize=9)


def _points(axes: Axes, x: Any, y: Any) -> None:
    fade = float(np.clip(60.0 / max(len(x), 1), 0.25, 0.8))
    axes.plot(x, y, "o", color=DARK, markersize=3.2, markeredgewidth=0, alpha=fade)
    axes.tick_params(labelsize=8)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))


def _ends(targets: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    """What both axes of all parts span, so that the pairs can be compared."""
    values = np.concatenate([np.array([*target["true"], *target["predicted"]]) for target in targets])
    low, high = float(values.min()), float(values.max())
    margin = 0.04 * (high - low) or max(abs(high), 1.0) * 0.04
    return low - margin, high + margin


def target_histograms(labels: Mapping[str, NDArray[np.floating]], names: Sequence[str], title: str) -> bytes:
    """PNG of a histogram of each target; `labels` (rows, targets) of each part, `names` of the targets."""
    return png(draw_target_histograms(labels, names, title))


def draw_target_histograms(labels: Mapping[str, NDArray[np.floating]], names: Sequence[str], title: str) -> Figure:
    shown = min(len(names), MOST_TARGETS)
    figure = new_figure(8.0, 3.4 * shown + 0.4)
    for k, axes in enumerate(figure.subplots(shown, 1, squeeze=False)[:, 0]):
        columns = {part: values[:, k] for part, values in labels.items()}
        together = np.concatenate(list(columns.values()))
        edges = np.histogram_bin_edges(together, bins=int(np.clip(2 * len(together) ** (1 / 3), 8, 40)))
        frame(axes, short(names[k], 60))
        for i, (part, values) in enumerate(columns.items()):
            shares = 100.0 * np.histogram(values, edges)[0] / max(len(values), 1)
            colour, line = _PART_LINES[i % len(_PART_LINES)]
            if i == 0:
                axes.stairs(shares, edges, fill=True, color=LIGHT)
            label = f"{part} (n = {len(values):,})"
            axes.stairs(shares, edges, color=colour, linestyle=line, linewidth=1.3, label=label)
        axes.set_ylabel("% of the part's rows in a bin")
        axes.legend(fontsize=8.5)
    more = f", the first {shown} of {len(names)}" if shown < len(names) else ""
    headline(figure, f"{title}: numbers to predict{more}")
    return figure


def feature_map(points: NDArray[np.floating], values: NDArray[np.floating], name: str, title: str) -> bytes:
    """PNG of embedded rows (rows, 2), coloured by the true number (rows,)."""
    figure = new_figure(8.5, 7.0)
    axes = figure.add_subplot()
    frame(axes, f"{title}: the last hidden layer's features (t-SNE)")
    axes.set_xticks([])
    axes.set_yticks([])
    drawn = axes.scatter(points[:, 0], points[:, 1], s=16, c=values, cmap="viridis", linewidths=0)
    figure.colorbar(drawn, ax=axes, shrink=0.85, label=short(name, 40))
    return png(figure)
