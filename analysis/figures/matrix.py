"""Square matrices with named rows and columns as one picture, fast: blocks of pixels in a palette of 256 colours.

A pixel is one byte from the canvas to the file: blending a text with its cell is a look-up, and a PNG of one byte a
pixel is written four times as fast as a PNG of three. No matplotlib is imported here, as in `text`.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from analysis.figures.text import Bytes, Label, fitting, placed, placed_on, short, text_width

COLUMNS = "Columns"
"""The entry of a PNG that says of how many equally wide columns it is made, which may be shown below each other."""

SIDE = 480  # side of one matrix, pixels (about: whole pixels a cell)
_CELL, _WIDEST = 31, 930  # pixels a cell where a matrix has a picture of its own, and the widest such matrix
_LEFT, _BAR, _RIGHT, _TOP, _BOTTOM = 110, 16, 62, 50, 100
_HEADER = 46
_SMALLEST_NUMBER = 6.5  # em in pixels below which numbers in cells are left out
_MOST_TICKS = 25
# The palette: greys from white to the ink of texts, levels of the ramp, and the edges of texts in cells. The level
# of an edge's pixel need not be as exact as a cell's.
_GREYS, _LEVELS, _COARSE, _EDGES = 32, 128, 16, 6
_INK, _NO_DATA, _FRAME = _GREYS - 1, 4, 16
_DARK, _LIGHT = 17.0, 255.0
_STEPS = (np.arange(256) * (_EDGES + 1) / 255 + 0.5).astype(np.uint8)
_TO_GREYS = (np.arange(256) * _INK / 255 + 0.5).astype(np.uint8)
# The colours of ColorBrewer (Cynthia Brewer), as matplotlib's maps of these names.
_COLOURS = {
    "Blues": "f7fbff deebf7 c6dbef 9ecae1 6baed6 4292c6 2171b5 08519c 08306b",
    "RdBu_r": "053061 2166ac 4393c3 92c5de d1e5f0 f7f7f7 fddbc7 f4a582 d6604d b2182b 67001f",
}


@dataclass(frozen=True)
class Panel:
    """One matrix as it is drawn."""

    heading: str
    levels: NDArray[np.float64]
    """(K, K): places on the ramp, 0 to 1; NaN where there is no data."""
    texts: list[list[str]]
    """K lists of K: what is written into the cells; empty where nothing is."""
    marks: dict[str, float]
    """The marks of the colour bar: the place of each on the ramp, 0 to 1, by its text."""
    ramp: NDArray[np.uint8]
    """(256, 3): the colours of the levels."""


def ramp(name: str, low: float, high: float) -> NDArray[np.uint8]:
    """256 colours, (256, 3), between two places, 0 to 1, of the colours "Blues" or "RdBu_r"."""
    stops = np.array([list(bytes.fromhex(colour)) for colour in _COLOURS[name].split()], float)
    at = np.linspace(low, high, 256) * (len(stops) - 1)
    return np.column_stack([np.interp(at, np.arange(len(stops)), stops[:, k]) for k in range(3)]).astype(np.uint8)


def matrices_picture(
    panels: Sequence[Sequence[Panel]], labels: Sequence[str], title: str, side: int | None = None
) -> bytes:
    """PNG of rows of panels below the title. `side`: pixels of a matrix; None: enough for its numbers."""
    side = side or min(max(SIDE, _CELL * len(labels)), _WIDEST)
    width = len(panels[0]) * (_LEFT + side + _BAR + _RIGHT)
    height = _HEADER + len(panels) * (_TOP + side + _BOTTOM)
    canvas = np.zeros((height, width), dtype=np.uint8)
    palette, inks = _palette(panels[0][0].ramp)
    names = [short(str(label)) for label in labels]
    column = width // len(panels[0])  # the title stays within the first: columns may be shown below each other
    _write(canvas, Label(title, fitting(title, 19, column - 28), "left", bold=True), 14, 26)
    for row, line in enumerate(panels):
        top = _HEADER + row * (_TOP + side + _BOTTOM) + _TOP
        for column, panel in enumerate(line):
            left = column * (width // len(line)) + _LEFT
            _draw(canvas, inks, panel, names, _Square(left, top, side))
    return palette_png(canvas, palette, len(panels[0]))


def palette_png(canvas: Bytes, palette: bytes, columns: int) -> bytes:
    """PNG of places in a palette of 256 colours or fewer, three bytes each, made of so many equally wide columns."""
    picture = Image.fromarray(canvas)
    picture.putpalette(palette)
    return png_file(picture, columns)


def png_file(picture: Image.Image, columns: int, **details: Any) -> bytes:
    """The picture as PNG bytes that say of how many columns it is made; `details` as Pillow takes them."""
    words = PngInfo()
    words.add_text(COLUMNS, str(columns))
    target = io.BytesIO()
    picture.save(target, "png", compress_level=3, pnginfo=words, **details)
    return target.getvalue()


def _palette(colours: Bytes) -> tuple[bytes, Bytes]:
    """The palette, and the inks (_LEVELS, steps): pixels of a text in a cell of each level, by the text's coverage."""
    greys = np.linspace(_LIGHT, _DARK, _GREYS)[:, None].repeat(3, axis=1)
    levels = colours[np.linspace(0, 255, _LEVELS).round().astype(int)].astype(float)
    coarse = colours[((np.arange(_COARSE) + 0.5) * 256 / _COARSE).astype(int)].astype(float)
    bright = coarse @ np.array([0.299, 0.587, 0.114]) > 140
    ink = np.where(bright, _DARK, _LIGHT)[:, None, None]
    shares = (np.arange(1, _EDGES + 1) / (_EDGES + 1))[None, :, None]
    edges = coarse[:, None, :] * (1 - shares) + ink * shares
    palette = np.concatenate([greys, levels, edges.reshape(-1, 3)]).round().astype(np.uint8)
    of_level = np.arange(_LEVELS) * _COARSE // _LEVELS
    first = _GREYS + _LEVELS + of_level * _EDGES
    between = first[:, None] + np.arange(_EDGES)
    full = np.where(bright[of_level], _INK, 0)
    inks = np.column_stack([_GREYS + np.arange(_LEVELS), between, full]).astype(np.uint8)
    return palette.tobytes(), inks


@dataclass(frozen=True)
class _Square:
    """The place of a matrix on the canvas, in pixels."""

    left: int
    top: int
    side: int


def _write(canvas: Bytes, label: Label, x: float, y: float) -> None:
    """A dark text on white, placed as by `placed`."""
    covered, rows, columns = placed_on(label, x, y, *canvas.shape)
    canvas[rows, columns] = np.maximum(canvas[rows, columns], _TO_GREYS[covered])


def _draw(canvas: Bytes, inks: Bytes, panel: Panel, names: list[str], at: _Square) -> None:
    k, left, top, side = len(names), at.left, at.top, at.side
    # Edges on whole pixels, so that every cell is seen however many there are.
    edges = np.round(np.linspace(0, side, k + 1)).astype(int)
    levels = np.clip(np.nan_to_num(panel.levels) * (_LEVELS - 1) + 0.5, 0, _LEVELS - 1).astype(np.uint8)
    colours = np.where(np.isnan(panel.levels), np.uint8(_NO_DATA), levels + np.uint8(_GREYS))
    spans = np.diff(edges)
    block = np.repeat(np.repeat(colours, spans, axis=0), spans, axis=1)
    if k <= 40:
        inner = edges[1:-1]
        block[inner, :] = 0
        block[:, inner] = 0
    canvas[top : top + side, left : left + side] = block
    _frame(canvas, at, side)
    centres = (edges[:-1] + edges[1:]) / 2
    heading = panel.heading
    _write(canvas, Label(heading, fitting(heading, 18, side + 60), bold=True), left + side / 2, top - 22)
    _axes(canvas, names, centres, at)
    if 0.55 * side / k >= _SMALLEST_NUMBER:
        _numbers(canvas, inks[levels], panel.texts, centres, at)
    _bar(canvas, panel.marks, at)


def _numbers(canvas: Bytes, inks: Bytes, texts: list[list[str]], centres: np.ndarray, at: _Square) -> None:
    """The texts in their cells, where they fit; `inks` (K, K, steps) as of `_palette`, `centres` (K,) of the cells."""
    cell = at.side / len(centres)
    longest = max(text_width(text, 1.0) for row in texts for text in row)
    size = min(20.0, 0.55 * cell, 0.88 * cell / max(longest, 0.1))
    if size < _SMALLEST_NUMBER:
        return
    columns = (at.left + centres).tolist()
    for y, row, own in zip((at.top + centres).tolist(), texts, inks, strict=True):
        for x, text, steps in zip(columns, row, own, strict=True):
            if text:
                covered, first, top = placed(Label(text, size), x, y)
                height, width = covered.shape
                cell_pixels = canvas[top : top + height, first : first + width]
                np.copyto(cell_pixels, steps[_STEPS[covered]], where=covered > 0)


def _axes(canvas: Bytes, names: list[str], centres: np.ndarray, at: _Square) -> None:
    left, top, side = at.left, at.top, at.side
    cell = side / len(names)
    step = math.ceil(len(names) / _MOST_TICKS * SIDE / side)
    shown = range(0, len(names), step)
    size = max(min(16.0, 0.8 * cell * step), 9.0)
    widest = max(text_width(names[i], size) for i in shown)
    size_y = size * min(1.0, (_LEFT - 36) / max(widest, 1.0))
    upright = widest > 0.92 * cell * step
    size_x = size * min(1.0, (_BOTTOM - 34) / max(widest, 1.0)) if upright else size
    for i in shown:
        _write(canvas, Label(names[i], size_y, "right"), left - 7, top + centres[i])
        x, below = left + centres[i], top + side
        if upright:
            _write(canvas, Label(names[i], size_x, "right", 90), x, below + 7)
        else:
            _write(canvas, Label(names[i], size_x), x, below + 15)
    used = min(widest, _BOTTOM - 34) + 12 if upright else 30
    _write(canvas, Label("predicted", 16), left + side / 2, top + side + used + 10)
    gap = min(widest, _LEFT - 36) + 22
    _write(canvas, Label("true", 16, angle=90), left - gap, top + side / 2)


def _bar(canvas: Bytes, marks: Mapping[str, float], square: _Square) -> None:
    """The ramp on the right of the square with its marks; a mark that would lie on the one below is left out."""
    at = _Square(square.left + square.side + 12, square.top, square.side)
    left, top, side = at.left, at.top, at.side
    colours = (_GREYS + np.linspace(_LEVELS - 1, 0, side).round()).astype(np.uint8)
    canvas[top : top + side, left : left + _BAR] = colours[:, None]
    _frame(canvas, at, _BAR)
    size = min(fitting(text, 13, _RIGHT - 14) for text in marks)
    last = -math.inf
    for text, level in marks.items():
        if side * level - last >= 16:
            last = side * level
            _write(canvas, Label(text, size, "left"), left + _BAR + 4, top + side - last)


def _frame(canvas: Bytes, at: _Square, width: int) -> None:
    """A frame as high as the square and `width` pixels wide."""
    canvas[[at.top, at.top + at.side - 1], at.left : at.left + width] = _FRAME
    canvas[at.top : at.top + at.side, [at.left, at.left + width - 1]] = _FRAME
