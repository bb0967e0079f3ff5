"""Figures of a network: its layers, as a picture and as text, and its learning curves."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

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
    score_axis,
)
from analysis.figures.text import short
from models.core import names
from models.core.rounding import plain_score
from models.data.labels import CLASSIFICATION
from models.networks.layers import Layer
from models.tasks.metrics import METRICS
from models.tasks.objective import METRICS_OF, Objective

_OF_CLASSES = tuple(names.VAL + metric for metric in METRICS_OF[CLASSIFICATION])
CAPTIONS = {
    "layers": (
        "The layers from input to output. A box is as wide as the logarithm of the number of values that leave the "
        "layer; dark ones hold parameters."
    ),
    "learning_curves": (
        "Loss and objective after each epoch. Validation and test, and training where it says so, are measured in "
        "inference mode on the weights that the epoch ended with. The other training line is Keras' running mean over "
        "the epoch while the weights change, with dropout at work and the L2 penalty in the loss: with dropout it "
        "can lie on the worse side of validation although the network fits its training data better."
    ),
}
_ROW = 0.42  # inches, of a layer
_LINES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("", "training, running mean while training", {"color": "#6b6b6b", "linestyle": ":", "marker": "x"}),
    ("train_", "training, inference mode", {"color": "#6b6b6b", "linestyle": "-.", "marker": "^"}),
    ("val_", "validation", {"color": DARK, "linestyle": "-", "marker": "o"}),
    ("test_", "test", {"color": MIDDLE, "linestyle": "--", "marker": "s"}),
)
_MOST_MARKERS = 40


def layers_rows(layers: Sequence[Layer]) -> tuple[tuple[str, ...], ...]:
    """A row of cells a layer: name, type, output shape and parameters."""
    return tuple((each.name, each.kind, shape_text(each.output_shape), f"{each.parameters:,}") for each in layers)


def totals_sentence(layers: Sequence[Layer]) -> str:
    """The number of parameters of the layers, and of trainable ones."""
    total, fixed = _totals(layers)
    return f"Parameters: {total:,} (trainable {total - fixed:,}, not trainable {fixed:,})."


def shape_text(shape: tuple[int, ...]) -> str:
    """The sizes of a layer's output, as `28 × 28`."""
    return " \u00d7 ".join(f"{size:,}" for size in shape) or "1"


def layers_figure(layers: Sequence[Layer], title: str) -> Drawing:
    """A box a layer from top to bottom, with the shape of the output and the number of parameters beside it."""
    figure = new_figure(height=1.1 + _ROW * len(layers))
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.set_xlim(-0.5, 1.55)
    axes.set_ylim(len(layers) - 0.45, -1.0)
    total, fixed = _totals(layers)
    widest = max(_width(layer) for layer in layers)
    for x, text, side in ((0.0, "layer", "center"), (0.86, "output", "right"), (1.28, "parameters", "right")):
        axes.text(x, -0.75, text, ha=side, va="center", fontsize=8.5, fontweight="bold")
    for row, layer in enumerate(layers):
        wide = 0.3 + 0.7 * _width(layer) / widest
        dark = layer.parameters > 0
        axes.add_patch(
            Rectangle((-wide / 2, row - 0.33), wide, 0.66, facecolor=MIDDLE if dark else LIGHT, edgecolor=DARK)
        )
        ink = "white" if dark else DARK
        kind = short(layer.kind, 24)
        axes.text(0.0, row, kind, ha="center", va="center", fontsize=8.5, color=ink, fontweight="bold")
        axes.text(0.86, row, shape_text(layer.output_shape), ha="right", va="center", fontsize=9)
        if dark:
            share = f" ({layer.parameters / total:.1%})"
            axes.text(1.28, row, f"{layer.parameters:,}", ha="right", va="center", fontsize=9)
            axes.text(1.28, row, share, ha="left", va="center", fontsize=9, color="#555555")
        if row:
            axes.annotate(
                "",
                (0.0, row - 0.33),
                (0.0, row - 0.67),
                arrowprops={"arrowstyle": "-|>", "color": DARK, "shrinkA": 0, "shrinkB": 0, "linewidth": 0.9},
            )
    note = f", {fixed:,} of them not trained by gradients" if fixed else ""
    headline(figure, f"{title}: {total:,} parameters{note}")
    return figure


def learning_curves(
    history: Mapping[int, Mapping[str, float]],
    title: str,
    kept: int | None = None,
    monitor: str = names.VAL_LOSS,
    objective: str = "",
) -> Drawing:
    """Loss and objective against the epoch, a panel each.

    `history` holds the metrics of each epoch, counted from 1: `loss` and of classes `accuracy` (running means),
    `val_*`, and `train_*` and `test_*` (inference mode) where they were measured; `kept` is the epoch whose weights
    were kept, by `monitor`; `objective` is empty for the first metric beside the loss.

    Raises:
        ValueError: there is no epoch, or the kept one is not among them.
    """
    if not history or (kept is not None and kept not in history):
        raise ValueError(f"kept must be one of the {len(history)} epochs, got {kept}")
    chosen = _second(history, objective)
    words = f"{title}: learning curves"
    if kept is not None:
        words += f"; kept: epoch {kept} of {max(history)}, {monitor} {plain_score(history[kept][monitor])}"
    figure, columns = column_figure(2, 4.8, 4.3, words)
    panels = [column.add_subplot() for column in columns]
    for axes, metric in zip(panels, (names.LOSS, chosen.metric.name), strict=True):
        frame(axes, METRICS[metric].label, 4.8)
        values = _draw_lines(axes, history, metric, kept)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if metric == names.LOSS:
            _loss_axis(axes, values, "nats" if chosen.name in _OF_CLASSES else "of standardised targets")
        else:
            score_axis(axes, values, chosen.label, chosen)
    for column, axes in zip(columns, panels, strict=True):  # each, for they may stand below each other
        column.legend(*axes.get_legend_handles_labels(), loc="outside lower left", fontsize=8.5)
    return figure


def _draw_lines(axes: Axes, history: Mapping[int, Mapping[str, float]], metric: str, kept: int | None) -> list[float]:
    """Draws every line of a metric that was measured; returns all its values."""
    drawn: list[float] = []
    for prefix, label, style in _LINES:
        epochs = sorted(epoch for epoch, values in history.items() if prefix + metric in values)
        values = [history[epoch][prefix + metric] for epoch in epochs]
        if epochs:
            every = max(1, math.ceil(len(epochs) / _MOST_MARKERS))
            axes.plot(epochs, values, label=label, linewidth=1.4, markersize=4, markevery=every, **style)
            drawn += values
        if kept in epochs:
            axes.plot(
                [kept], [history[kept][prefix + metric]], "o", color=style["color"], markersize=10, fillstyle="none"
            )
    if kept is not None:
        axes.axvline(kept, color="#8a8a8a", linewidth=1.0, zorder=0.5, label="kept epoch")
    return drawn


def _second(history: Mapping[int, Mapping[str, float]], objective: str) -> Objective:
    """The metric beside the loss: the objective, or where that is the loss, the first metric that was measured."""
    measured = {name for values in history.values() for name in values}
    wanted = (objective, *(names.VAL + metric for metric in METRICS))
    return Objective(next(name for name in wanted if name in measured and name != names.VAL_LOSS))


def _loss_axis(axes: Axes, values: Sequence[float], unit: str) -> None:
    """The axis of losses, logarithmic where they are above 0 and differ by more than a factor of ten."""
    low, high = min(values), max(values)
    if low > 0 and high / low > 10:
        logarithmic_heights(axes, low / 1.15, high * 1.15)
        axes.set_ylabel(f"loss, {unit} (logarithmic)")
    else:
        axes.set_ylabel(f"loss, {unit}")


def _totals(layers: Sequence[Layer]) -> tuple[int, int]:
    return sum(layer.parameters for layer in layers), sum(layer.non_trainable for layer in layers)


def _width(layer: Layer) -> float:
    return math.log2(1 + math.prod(layer.output_shape))
