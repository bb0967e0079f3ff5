"""Figures made of many small images: one picture an axes, however many images it shows."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from analysis.figures.style import Drawing, headline, new_figure, wrapped
from analysis.figures.text import short, text_width
from analysis.looks.images import Mosaic, mosaic

_TILE = 0.62  # inches, of a row of a class
_POINTS = 10  # of a row's name
_WIDEST, _TALLEST = 5.2, 40.0
_NAMED_TILE, _LINE = 0.95, 0.165  # inches, of a tile with words below and of a line of them
_NARROWEST, _MARGIN, _GAP = 4.0, 0.1, 0.2  # inches


def show(axes: Axes, picture: Mosaic) -> None:
    """The picture alone: no ticks, no box."""
    axes.imshow(picture.picture, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def rows_figure(pictures: Sequence[Mosaic], title: str, names: Sequence[str]) -> tuple[Drawing, list[Axes]]:
    """Pictures with equally many rows side by side, the rows named at the left."""
    pixels = pictures[0].picture.shape[0], sum(picture.picture.shape[1] for picture in pictures)
    scale = min(_TILE * len(names) / pixels[0], _WIDEST / pixels[1], _TALLEST / pixels[0])
    left = 0.25 + max(text_width(short(name), _POINTS / 72) for name in names)
    width = max(left + scale * pixels[1] + _GAP * len(pictures), _NARROWEST)
    above = _above(title, width) + _LINE
    figure = _placed(width, above + scale * pixels[0] + 2 * _LINE, title)
    panels = []
    for picture in pictures:
        height, across = (scale * size for size in picture.picture.shape[:2])
        panels.append(_place(figure, left, above, across, height))
        show(panels[-1], picture)
        left += across + _GAP
    panels[0].set_yticks(pictures[0].y, [short(name) for name in names], fontsize=_POINTS)
    panels[0].tick_params(length=0)
    return figure, panels


def captioned_figure(tiles: np.ndarray, captions: Sequence[str], across: int, title: str) -> Drawing:
    """Tiles (rows, H, W, 3) with words of one or more lines below each."""
    inches = _NAMED_TILE * across
    width = max(inches + 2 * _MARGIN, _NARROWEST)
    above = _above(title, width)
    lines = max(caption.count("\n") + 1 for caption in captions)
    scale = inches / across / tiles.shape[2]
    picture = mosaic(tiles, across, text=math.ceil(lines * _LINE / scale))
    height = scale * picture.picture.shape[0]
    figure = _placed(width, above + height + _MARGIN, title)
    axes = _place(figure, _MARGIN, above, inches, height)
    show(axes, picture)
    for i, caption in enumerate(captions):
        x, y = picture.x[i % across], picture.below[i // across]
        axes.text(x, y, caption, ha="center", va="top", fontsize=8, linespacing=1.05)
    return figure


def _above(title: str, width: float) -> float:
    """The height of a headline, in inches."""
    return _MARGIN + 0.2 * (wrapped(title, width).count("\n") + 1)


def _placed(width: float, height: float, title: str) -> Drawing:
    """A figure whose axes are placed by hand: the layout engine cuts names beside axes of a fixed shape."""
    figure = new_figure(width, height)
    figure.set_layout_engine("none")
    headline(figure, title, 1 - 0.06 / height)
    return figure


def _place(figure: Drawing, left: float, above: float, width: float, height: float) -> Axes:
    """Axes by their distance from the left and the upper border and their size, in inches."""
    wide, tall = figure.get_size_inches()
    return figure.add_axes((left / wide, 1 - (above + height) / tall, width / wide, height / tall))
