"""Figures of a regression: predicted against true numbers, and the quantiles of residuals."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from analysis.figures.points import Line, Panel, points_picture
from analysis.figures.style import DARK, LIGHT, MIDDLE, Drawing, column_figure, frame
from analysis.figures.text import short
from analysis.looks.residuals import Evidence, Residuals, residuals_of, window

CAPTIONS = {
    "predictions": (
        "Left of each pair, predicted against true: on the line they are equal. Right, the residual, predicted less "
        "true, against the prediction; between the dashed lines lie 90% of the residuals. At most 1,000 rows of a part "
        "are drawn, evenly spaced, and the worst ones; the quantiles are of all. Squares at a border: rows so far out "
        "that axes with room for them would hide the others."
    ),
    "residual_quantiles": (
        "How far predictions are off, predicted less true, over all rows. Line: 90% of the rows; box: the middle half; "
        "mark: the median. The numbers: from where to where 90% of the rows lie, and all of them."
    ),
}
MOST_TARGETS = 4
"""The most targets that are drawn; a figure of the first ones says that there are more."""
_NEARLY_ALL, _HALF = (0.05, 0.95), (0.25, 0.75)


def predictions_picture(evidence: Evidence, title: str) -> bytes:
    """PNG of predicted against true and of residuals: a row a target, MOST_TARGETS at most, a pair of panels a part."""
    panels, count = predictions_panels(evidence)
    more = f", the first {len(panels)} of {count} targets" if len(panels) < count else ""
    return points_picture(panels, f"{title}: predicted and true{more}")


def predictions_panels(evidence: Evidence) -> tuple[list[list[Panel]], int]:
    """The panels, a list a target that is drawn, and the number of all targets. The parts share their axes."""
    parts = {part.replace("_", " "): residuals_of(kept) for part, kept in evidence.items()}
    targets = list(zip(*parts.values(), strict=True))
    return [_row(dict(zip(parts, own, strict=True))) for own in targets[:MOST_TARGETS]], len(targets)


def _row(of_part: Mapping[str, Residuals]) -> list[Panel]:
    both = window([values for each in of_part.values() for values in (each.true, each.predicted)])
    across = window([each.predicted for each in of_part.values()])
    up = window([each.residuals for each in of_part.values()], through=0.0)
    row = []
    for part, own in of_part.items():
        heading = f"{part}: {short(own.name, 24)}"
        diagonal = Line((both[0], both[0]), (both[1], both[1]))
        row.append(Panel(heading, own.true, own.predicted, both, both, ("true", "predicted"), (diagonal,)))
        level = [own.quantiles[share] for share in _NEARLY_ALL]
        dashed = [Line((across[0], value), (across[1], value), dashed=True) for value in level if np.isfinite(value)]
        heading = f"90% of residuals: {_number(level[0])} to {_number(level[1])}"
        lines = Line((across[0], 0.0), (across[1], 0.0)), *dashed
        names = "predicted", "predicted less true"
        row.append(Panel(heading, own.predicted, own.residuals, across, up, names, lines))
    return row


def residual_quantiles_figure(evidence: Evidence, title: str) -> Drawing:
    """How far predictions are off: an axis a target, MOST_TARGETS at most, with a line a part or a trial."""
    lines = {label.replace("_", " "): residuals_of(kept) for label, kept in evidence.items()}
    count = len(next(iter(lines.values())))
    shown = min(count, MOST_TARGETS)
    more = f", the first {shown} of {count} targets" if shown < count else ""
    figure, columns = column_figure(2, 4.8, shown * (0.85 + 0.3 * len(lines)), f"{title}: residuals{more}")
    panels = [column.subplots(shown, 1, squeeze=False)[:, 0] for column in columns]
    for k, (axes, words) in enumerate(zip(*panels, strict=True)):
        own = {label: targets[k] for label, targets in lines.items()}
        _boxes(axes, own)
        _ranges(words, {label: each.quantiles for label, each in own.items()})
    return figure


def _boxes(axes: Axes, own: Mapping[str, Residuals]) -> None:
    quantiles = [each.quantiles for each in own.values()]
    frame(axes, short(next(iter(own.values())).name, 48), 5.0)
    axes.axvline(0.0, color=MIDDLE, linewidth=1.2, zorder=1)
    for y, of in enumerate(quantiles):
        axes.plot([of[share] for share in _NEARLY_ALL], [y, y], color=DARK, linewidth=1.4, zorder=2)
        low, high = (of[share] for share in _HALF)
        axes.barh(y, high - low, 0.5, left=low, color=LIGHT, edgecolor=DARK, linewidth=0.8, zorder=3)
        axes.plot([of[0.5]] * 2, [y - 0.25, y + 0.25], color=DARK, linewidth=2.2, zorder=4)
    axes.set_xlim(*window([np.array([of[share] for of in quantiles for share in _NEARLY_ALL])], through=0.0))
    axes.set_ylim(len(own) - 0.4, -0.6)
    axes.set_yticks(range(len(own)), [short(label, 28) for label in own], fontsize=8.5)
    axes.tick_params(labelsize=8.5)
    axes.set_xlabel("predicted less true", fontsize=8.5)


def _ranges(words: Axes, of_line: Mapping[str, Mapping[float, float]]) -> None:
    words.set_axis_off()
    words.set_xlim(0, 1)
    words.set_ylim(len(of_line) - 0.4, -0.6)
    for y, label in enumerate(of_line):
        words.text(0.0, y, short(label, 16), ha="left", va="center", fontsize=8.5)
    for x, head, (low, high) in ((0.3, "90% of the rows", _NEARLY_ALL), (0.67, "all rows", (0.0, 1.0))):
        words.text(x, -0.75, head, ha="left", va="bottom", fontsize=8.5, fontweight="bold")
        for y, of in enumerate(of_line.values()):
            words.text(x, y, f"{_number(of[low])} to {_number(of[high])}", ha="left", va="center", fontsize=8.5)


def _number(value: float) -> str:
    """The number with three digits and a true minus sign."""
    text = f"{float(f'{value:.3g}'):,.0f}" if 1e3 <= abs(value) < 1e6 else f"{value:.3g}"
    return text.replace("-", "\u2212")
