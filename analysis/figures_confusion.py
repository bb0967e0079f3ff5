"""One labelled picture of a trial's confusion matrices: counts beside row shares, validation above test."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from PIL import Image

from analysis.figures_text import Ink, inked, text_width

_CELLS = 480  # side of one matrix, pixels (about: whole pixels a cell)
_LEFT, _BAR, _RIGHT, _TOP, _BOTTOM = 110, 16, 62, 50, 100
_HEADER = 46
_SMALLEST_NUMBER = 6.5  # em in pixels below which numbers in cells are left out
_MOST_TICKS = 25
_BLUES = (np.asarray(colormaps["Blues"](np.linspace(0.0, 0.95, 256)))[:, :3] * 255).astype(np.uint8)
_NO_DATA = np.array([225, 225, 225], dtype=np.uint8)


def confusion_picture(validation: np.ndarray, test: np.ndarray, labels: Sequence[str], title: str) -> bytes:
    """PNG of two K x K confusion matrices, rows = truth, columns = prediction, for K = 2 to 100 and beyond.

    Four panels: counts and shares of the row (in percent), for validation and for test. The colour grows with the
    square root, so that single mistakes stay visible beside a full diagonal; a row without cases is grey.
    """
    pair = {"validation": _checked(validation, labels), "test": _checked(test, labels)}
    width = 2 * (_LEFT + _CELLS + _BAR + _RIGHT)
    height = _HEADER + 2 * (_TOP + _CELLS + _BOTTOM)
    canvas = np.full((height, width, 3), 255, dtype=np.uint8)
    dark, light = Ink("#111111"), Ink("#ffffff")
    names = [_short(str(label)) for label in labels]
    dark.write(title, width / 2, height - 30, _fit(title, 19, width - 40), bold=True)
    for row, (split, counts) in enumerate(pair.items()):
        total = counts.sum()
        accuracy = f", accuracy {np.trace(counts) / total:.4f}" if total else ""
        top = _HEADER + row * (_TOP + _CELLS + _BOTTOM) + _TOP
        rows = counts.sum(axis=1, keepdims=True)
        share = np.divide(100.0 * counts, rows, out=np.full(counts.shape, np.nan), where=rows > 0)
        for column, (values, words) in enumerate(
            [
                (counts.astype(float), f"counts (n = {total}{accuracy})"),
                (share, "% of each true class"),
            ]
        ):
            left = column * (width // 2) + _LEFT
            _panel(canvas, dark, light, values, names, left, top, f"{split}: {words}", column == 0)
    # By Pillow itself: matplotlib's imsave imports pyplot's half of the library first, half a second in each worker.
    picture = Image.fromarray(inked(canvas, [dark, light])).convert("RGB")
    target = io.BytesIO()
    picture.save(target, "png", compress_level=3)
    return target.getvalue()


def _checked(matrix: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    counts = np.asarray(matrix)
    k = len(labels)
    if counts.shape != (k, k):
        raise ValueError(f"a confusion matrix is K x K for K labels: got shape {counts.shape}, K = {k}")
    if k < 1 or (counts < 0).any() or not np.isfinite(counts).all():
        raise ValueError("a confusion matrix holds counts >= 0 of at least one class")
    return counts.astype(np.int64)


def _short(label: str) -> str:
    return label if len(label) <= 12 else label[:11] + "\u2026"


def _fit(text: str, size: float, room: float) -> float:
    return min(size, size * room / max(text_width(text, size), 1.0))


def _number(value: float, whole: bool) -> str:
    if math.isnan(value) or value == 0:
        return ""
    if whole:
        return f"{value:.0f}"
    if 99.95 > value >= 99.5:
        return f"{value:.1f}"  # never rounds a class with mistakes to 100
    return f"{value:.0f}" if value >= 9.95 else f"{max(value, 0.1):.1f}"


def _panel(
    canvas: np.ndarray,
    dark: Ink,
    light: Ink,
    values: np.ndarray,
    names: list[str],
    left: int,
    top: int,
    heading: str,
    whole: bool,
) -> None:
    k, height = len(values), canvas.shape[0]
    # edges on whole pixels, so that every cell is seen however many there are
    edges = np.round(np.linspace(0, _CELLS, k + 1)).astype(int)
    highest = max(float(np.nanmax(values)) if np.isfinite(values).any() else 0.0, 1.0)
    level = np.sqrt(np.nan_to_num(values) / highest)
    colours = _BLUES[np.clip(level * 255, 0, 255).astype(int)]
    colours[np.isnan(values)] = _NO_DATA
    spans = np.diff(edges)
    block = np.repeat(np.repeat(colours, spans, axis=0), spans, axis=1)
    if k <= 40:
        inner = edges[1:-1]
        block[inner, :] = 255
        block[:, inner] = 255
    canvas[top : top + _CELLS, left : left + _CELLS] = block
    _frame(canvas, left, top, _CELLS, _CELLS)
    centres = (edges[:-1] + edges[1:]) / 2
    dark.write(heading, left + _CELLS / 2, height - (top - 22), _fit(heading, 16, _CELLS + 60), bold=True)
    _axes(dark, names, centres, left, top, height, _CELLS / k)
    texts = [[_number(value, whole) for value in row] for row in values]
    longest = max(text_width(text, 1.0) for row in texts for text in row)
    size = min(16.0, 0.55 * _CELLS / k, 0.88 * _CELLS / k / max(longest, 0.1))
    if size >= _SMALLEST_NUMBER:
        for i, j in np.argwhere(np.nan_to_num(values) > 0):
            ink = light if level[i, j] > 0.62 else dark
            ink.write(texts[i][j], left + centres[j], height - (top + centres[i]), size)
    _bar(canvas, dark, highest, left + _CELLS + 12, top, whole)


def _axes(dark: Ink, names: list[str], centres: np.ndarray, left: int, top: int, height: int, cell: float) -> None:
    step = math.ceil(len(names) / _MOST_TICKS)
    shown = range(0, len(names), step)
    size = max(min(13.0, 0.8 * cell * step), 9.0)
    widest = max(text_width(names[i], size) for i in shown)
    size_y = size * min(1.0, (_LEFT - 36) / max(widest, 1.0))
    upright = widest > 0.92 * cell * step
    size_x = size * min(1.0, (_BOTTOM - 34) / max(widest, 1.0)) if upright else size
    for i in shown:
        dark.write(names[i], left - 7, height - (top + centres[i]), size_y, align="right")
        x, below = left + centres[i], height - (top + _CELLS)
        if upright:
            dark.write(names[i], x, below - 7, size_x, align="right", angle=90)
        else:
            dark.write(names[i], x, below - 13, size_x)
    used = min(widest, _BOTTOM - 34) + 12 if upright else 26
    dark.write("predicted", left + _CELLS / 2, height - (top + _CELLS) - used - 9, 13)
    gap = min(widest, _LEFT - 36) + 22
    dark.write("true", left - gap, height - (top + _CELLS / 2), 13, angle=90)


def _bar(canvas: np.ndarray, dark: Ink, highest: float, left: int, top: int, whole: bool) -> None:
    """A colour bar, its scale the square root of the value."""
    ramp = _BLUES[np.linspace(255, 0, _CELLS).astype(int)]
    canvas[top : top + _CELLS, left : left + _BAR] = ramp[:, None, :]
    _frame(canvas, left, top, _BAR, _CELLS)
    height = canvas.shape[0]
    marks = dict.fromkeys(f"{highest * f:.0f}" for f in (0.0, 0.01, 0.1, 0.25, 0.5, 1.0))
    last = -math.inf
    for mark in marks:
        y = _CELLS * math.sqrt(min(float(mark) / highest, 1.0))
        if y - last >= 14:
            unit = "" if whole else "%"
            dark.write(mark + unit, left + _BAR + 4, height - (top + _CELLS) + y, 11, align="left")
            last = y


def _frame(canvas: np.ndarray, left: int, top: int, width: int, height: int) -> None:
    grey = 130
    canvas[[top, top + height - 1], left : left + width] = grey
    canvas[top : top + height, [left, left + width - 1]] = grey
