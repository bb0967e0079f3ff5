"""Square matrices with named rows and columns as one picture, fast: blocks of pixels, all texts as outlines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

from analysis.figures.style import png_of
from analysis.figures.text import Ink, inked, short, text_width

SIDE = 480  # side of one matrix, pixels (about: whole pixels a cell)
_CELL, _WIDEST = 31, 930  # pixels a cell where a matrix has a picture of its own, and the widest such matrix
_LEFT, _BAR, _RIGHT, _TOP, _BOTTOM = 110, 16, 62, 50, 100
_HEADER = 46
_SMALLEST_NUMBER = 6.5  # em in pixels below which numbers in cells are left out
_MOST_TICKS = 25
_NO_DATA = np.array([225, 225, 225], dtype=np.uint8)


@dataclass(frozen=True)
class Panel:
    """One matrix as it is drawn."""

    heading: str
    levels: NDArray[np.float64]
    """(K, K): places on the ramp, 0 to 1; NaN where there is no data."""
    texts: list[list[str]]
    """K lists of K: what is written into the cells; empty where nothing is."""
    marks: dict[str, float]
    """Of the colour bar, by their words."""
    ramp: NDArray[np.uint8]
    """(256, 3)."""


def ramp(name: str, low: float, high: float) -> NDArray[np.uint8]:
    """256 colours of one of matplotlib's maps between two of its places."""
    return (np.asarray(colormaps[name](np.linspace(low, high, 256)))[:, :3] * 255).astype(np.uint8)


def matrices_picture(
    panels: Sequence[Sequence[Panel]], labels: Sequence[str], title: str, side: int | None = None
) -> bytes:
    """PNG of rows of panels below the title; `side` of a matrix in pixels, by default enough for its numbers."""
    side = side or min(max(SIDE, _CELL * len(labels)), _WIDEST)
    width = len(panels[0]) * (_LEFT + side + _BAR + _RIGHT)
    height = _HEADER + len(panels) * (_TOP + side + _BOTTOM)
    canvas = np.full((height, width, 3), 255, dtype=np.uint8)
    dark, light = Ink("#111111"), Ink("#ffffff")
    names = [short(str(label)) for label in labels]
    column = width // len(panels[0])  # the title stays within the first: columns may be shown below each other
    dark.write(title, 14, height - 26, _fit(title, 19, column - 28), align="left", bold=True)
    for row, line in enumerate(panels):
        top = _HEADER + row * (_TOP + side + _BOTTOM) + _TOP
        for column, panel in enumerate(line):
            left = column * (width // len(line)) + _LEFT
            _draw(canvas, dark, light, panel, names, left, top, side)
    # By Pillow itself: matplotlib's imsave imports pyplot's half of the library first, half a second in each worker.
    return png_of(inked(canvas, [dark, light]), len(panels[0]))


def _fit(text: str, size: float, room: float) -> float:
    return min(size, size * room / max(text_width(text, size, bold=True), 1.0))


def _draw(
    canvas: np.ndarray, dark: Ink, light: Ink, panel: Panel, names: list[str], left: int, top: int, side: int
) -> None:
    k, height = len(names), canvas.shape[0]
    # edges on whole pixels, so that every cell is seen however many there are
    edges = np.round(np.linspace(0, side, k + 1)).astype(int)
    colours = panel.ramp[np.clip(np.nan_to_num(panel.levels) * 255, 0, 255).astype(int)]
    colours[np.isnan(panel.levels)] = _NO_DATA
    spans = np.diff(edges)
    block = np.repeat(np.repeat(colours, spans, axis=0), spans, axis=1)
    if k <= 40:
        inner = edges[1:-1]
        block[inner, :] = 255
        block[:, inner] = 255
    canvas[top : top + side, left : left + side] = block
    _frame(canvas, left, top, side, side)
    centres = (edges[:-1] + edges[1:]) / 2
    heading = panel.heading
    dark.write(heading, left + side / 2, height - (top - 22), _fit(heading, 18, side + 60), bold=True)
    _axes(dark, names, centres, left, top, height, side)
    longest = max(text_width(text, 1.0) for row in panel.texts for text in row)
    size = min(20.0, 0.55 * side / k, 0.88 * side / k / max(longest, 0.1))
    if size >= _SMALLEST_NUMBER:
        bright = colours @ np.array([0.299, 0.587, 0.114]) > 140
        for i, row in enumerate(panel.texts):
            for j, text in enumerate(row):
                ink = dark if bright[i, j] else light
                ink.write(text, left + centres[j], height - (top + centres[i]), size)
    _bar(canvas, dark, panel, left + side + 12, top, side)


def _axes(dark: Ink, names: list[str], centres: np.ndarray, left: int, top: int, height: int, side: int) -> None:
    cell = side / len(names)
    step = math.ceil(len(names) / _MOST_TICKS * SIDE / side)
    shown = range(0, len(names), step)
    size = max(min(16.0, 0.8 * cell * step), 9.0)
    widest = max(text_width(names[i], size) for i in shown)
    size_y = size * min(1.0, (_LEFT - 36) / max(widest, 1.0))
    upright = widest > 0.92 * cell * step
    size_x = size * min(1.0, (_BOTTOM - 34) / max(widest, 1.0)) if upright else size
    for i in shown:
        dark.write(names[i], left - 7, height - (top + centres[i]), size_y, align="right")
        x, below = left + centres[i], height - (top + side)
        if upright:
            dark.write(names[i], x, below - 7, size_x, align="right", angle=90)
        else:
            dark.write(names[i], x, below - 15, size_x)
    used = min(widest, _BOTTOM - 34) + 12 if upright else 30
    dark.write("predicted", left + side / 2, height - (top + side) - used - 10, 16)
    gap = min(widest, _LEFT - 36) + 22
    dark.write("true", left - gap, height - (top + side / 2), 16, angle=90)


def _bar(canvas: np.ndarray, dark: Ink, panel: Panel, left: int, top: int, side: int) -> None:
    """The ramp with its marks, those left out that would lie on another."""
    colours = panel.ramp[np.linspace(255, 0, side).astype(int)]
    canvas[top : top + side, left : left + _BAR] = colours[:, None, :]
    _frame(canvas, left, top, _BAR, side)
    last = -math.inf
    for text, level in panel.marks.items():
        if side * level - last >= 16:
            last = side * level
            dark.write(text, left + _BAR + 4, canvas.shape[0] - (top + side) + last, 13, align="left")


def _frame(canvas: np.ndarray, left: int, top: int, width: int, height: int) -> None:
    grey = 130
    canvas[[top, top + height - 1], left : left + width] = grey
    canvas[top : top + height, [left, left + width - 1]] = grey
