"""Figures made of many small images: one picture an axes, however many images it shows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures_style import headline, new_figure
from analysis.figures_text import short
from analysis.images import Mosaic, mosaic

_TILE = 0.62  # inches, of a row of a class
_WIDEST, _TALLEST = 10.5, 40.0
_NAMED_TILE, _LINE = 0.95, 0.165  # inches, of a tile with words below and of a line of them


def show(axes: Axes, picture: Mosaic) -> None:
    """The picture alone: no ticks, no box."""
    axes.imshow(picture.picture, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def rows_figure(pictures: Sequence[Mosaic], title: str, names: Sequence[str]) -> tuple[Figure, list[Axes]]:
    """Pictures of as many rows side by side, the rows named at the left."""
    widths = [picture.picture.shape[1] for picture in pictures]
    height = pictures[0].picture.shape[0]
    scale = min(_TILE * len(names) / height, _WIDEST / sum(widths), _TALLEST / height)
    figure = new_figure(max(scale * sum(widths) + 1.0 + 0.25 * len(widths), 4.0), scale * height + 0.9)
    panels = figure.subplots(1, len(pictures), width_ratios=widths, squeeze=False)[0]
    for axes, picture in zip(panels, pictures, strict=True):
        show(axes, picture)
    panels[0].set_yticks(pictures[0].y, [short(name) for name in names], fontsize=10)
    panels[0].tick_params(length=0)
    headline(figure, title)
    return figure, list(panels)


def captioned_figure(tiles: np.ndarray, captions: Sequence[str], across: int, title: str) -> Figure:
    """Tiles (rows, H, W, 3) with words of one or more lines below each."""
    inches = _NAMED_TILE * across
    figure = new_figure(max(inches + 0.3, 4.0), 1.0)
    axes = figure.add_subplot()
    height = show_captioned(axes, tiles, captions, across, inches)
    figure.set_figheight(height + 0.45)
    headline(figure, title)
    return figure


def show_captioned(axes: Axes, tiles: np.ndarray, captions: Sequence[str], across: int, inches: float) -> float:
    """Tiles with words below each on axes that are so many inches wide; returns the height in inches."""
    lines = max(caption.count("\n") + 1 for caption in captions)
    scale = inches / across / tiles.shape[2]
    picture = mosaic(tiles, across, text=math.ceil(lines * _LINE / scale))
    show(axes, picture)
    for i, caption in enumerate(captions):
        axes.text(
            picture.x[i % across],
            picture.below[i // across],
            caption,
            ha="center",
            va="top",
            fontsize=8,
            linespacing=1.05,
        )
    return scale * picture.picture.shape[0]
