"""Panels of points between plain axes as one picture, fast: Agg draws points and lines, texts are blocks of pixels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import to_rgba
from matplotlib.path import Path
from matplotlib.transforms import Affine2D, Bbox
from numpy.typing import NDArray

from analysis.figures.matrix import palette_png
from analysis.figures.style import DARK, MIDDLE
from analysis.figures.text import Label, fitting, placed_on, text_width

Floats = NDArray[np.floating]
Ends = tuple[float, float]

_SIDE, _LEFT, _RIGHT, _TOP, _BOTTOM, _HEADER = 250, 88, 20, 40, 50, 44  # pixels
_GRID, _SPINE, _INK = 226, 90, 27  # greys
_MOST_TICKS, _SIZE, _GAP = 6, 11.5, 14
_PLAIN = (1e-2, 1e5)  # sizes of numbers that are written as they are
_POWERS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def _palette() -> bytes:
    """32 greys, and 32 colours of each of 7 steps from grey to the blue of lines: a picture has no other colours."""
    red, green, blue = (int(MIDDLE[k : k + 2], 16) for k in (1, 3, 5))
    greys = np.tile(np.arange(32) * 255 / 31, 8)
    steps = np.repeat(np.arange(8) / 7, 32)
    colours = [greys, greys + steps * (green - red), greys + steps * (blue - red)]
    return np.column_stack(colours).clip(0, 255).round().astype(np.uint8).tobytes()


_PALETTE = _palette()
_BLUER = int(MIDDLE[5:7], 16) - int(MIDDLE[1:3], 16)
_STEPS = ((np.arange(256) * 7 / _BLUER).round().clip(0, 7) * 32).astype(np.uint8)
_STEPS[_BLUER + 1 :] = 0


def _places_in_palette(pixels: np.ndarray) -> NDArray[np.uint8]:
    red = pixels[..., 0]
    return np.asarray((red >> 3) | _STEPS[pixels[..., 2] - red])


@dataclass(frozen=True)
class Line:
    """A straight line between two points (x, y)."""

    start: tuple[float, float]
    end: tuple[float, float]
    dashed: bool = False


@dataclass(frozen=True)
class Panel:
    """Points between two axes, as they are drawn."""

    heading: str
    x: Floats
    """(n,)."""
    y: Floats
    """(n,)."""
    across: Ends
    """Both ends of the horizontal axis. Points beyond an axis are counted, and drawn as squares at its border."""
    up: Ends
    """Both ends of the vertical axis."""
    names: tuple[str, str]
    """The names of the horizontal and the vertical axis."""
    lines: tuple[Line, ...] = ()

    @property
    def beyond(self) -> NDArray[np.bool_]:
        """(n,): whether each point lies beyond an axis."""
        x, y = places(self.x, self.across), places(self.y, self.up)
        return (x < 0) | (x > 1) | (y < 0) | (y > 1)


@dataclass(frozen=True)
class Marks:
    """The texts at an axis and their places."""

    places: tuple[float, ...]
    """From 0 to 1 along the axis."""
    texts: tuple[str, ...]
    power: int
    """The power of ten that multiplies the texts' numbers."""


def points_picture(panels: Sequence[Sequence[Panel]], title: str) -> bytes:
    """PNG of rows of equally many panels below the title."""
    wide, tall = _LEFT + _SIDE + _RIGHT, _TOP + _SIDE + _BOTTOM
    width, height = len(panels[0]) * wide, _HEADER + len(panels) * tall
    renderer = RendererAgg(width, height, 100)
    pixels = np.asarray(renderer.buffer_rgba())
    pixels[:] = 255
    # The title stays within the first column: columns may be shown below each other.
    _write(pixels, Label(title, fitting(title, 17, wide - 28), "left", bold=True), 14, 22)
    for row, line in enumerate(panels):
        for column, panel in enumerate(line):
            _draw(renderer, pixels, panel, column * wide + _LEFT, _HEADER + row * tall + _TOP)
    return palette_png(_places_in_palette(pixels), _PALETTE, len(panels[0]))


def places(values: Floats, ends: Ends) -> Floats:
    """Where numbers lie on an axis: from 0 to 1 between its ends."""
    size = max(abs(ends[0]), abs(ends[1]))  # a difference of 1e308s would be infinite
    low, high = ends[0] / size, ends[1] / size
    return np.asarray((values / size - low) / (high - low))


def marks(low: float, high: float, most: int) -> Marks:
    """Two or more round numbers, about `most`, at equal distances; very large and small ones share a power of ten."""
    size = max(abs(low), abs(high))
    digits, exponent = f"{size:.17e}".split("e")
    power = 0 if _PLAIN[0] <= size < _PLAIN[1] else 3 * (int(exponent) // 3)
    shown = float(digits) * 10.0 ** (int(exponent) - power)  # by way of a text: 10 to the power of -320 is 0
    low, high = low / size * shown, high / size * shown
    step = _step((high - low) / most)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    behind = max(0, -math.floor(math.log10(step) + 1e-9))
    texts = tuple(f"{k * step:,.{behind}f}".replace("-", "\u2212") for k in range(first, last + 1))
    return Marks(tuple((k * step - low) / (high - low) for k in range(first, last + 1)), texts, power)


def _step(least: float) -> float:
    """1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * times for times in (1, 2, 5, 10) if power * times >= least * (1 - 1e-9))


def _across(ends: Ends) -> Marks:
    """The marks of a horizontal axis, as many as have room side by side."""
    found = marks(*ends, _MOST_TICKS)
    widest = max(text_width(text, _SIZE) for text in found.texts) + _GAP
    every = math.ceil(len(found.texts) * widest / _SIDE)
    return Marks(found.places[::every], found.texts[::every], found.power)


def _draw(renderer: RendererAgg, pixels: np.ndarray, panel: Panel, left: int, top: int) -> None:
    foot = pixels.shape[0] - top - _SIDE
    below, beside = _across(panel.across), marks(*panel.up, _MOST_TICKS)
    for place in below.places:
        pixels[top : top + _SIDE, left + round(place * (_SIDE - 1)), :3] = _GRID
    for place in beside.places:
        pixels[top + round((1 - place) * (_SIDE - 1)), left : left + _SIDE, :3] = _GRID
    pixels[top : top + _SIDE, left, :3] = _SPINE
    pixels[top + _SIDE - 1, left : left + _SIDE, :3] = _SPINE
    to_pixels = Affine2D().scale(_SIDE - 1).translate(left + 0.5, foot + 0.5)
    context = renderer.new_gc()
    context.set_clip_rectangle(Bbox.from_bounds(left - 4, foot - 4, _SIDE + 8, _SIDE + 8))
    for line in panel.lines:
        _line(renderer, context, panel, line, to_pixels)
    beyond = panel.beyond
    at = np.column_stack([places(panel.x, panel.across), places(panel.y, panel.up)])
    context.set_linewidth(0.0)
    fade = float(np.clip(60.0 / max(len(at), 1), 0.25, 0.8))
    disc = Affine2D().scale(2.4)
    renderer.draw_markers(context, Path.unit_circle(), disc, Path(at[~beyond]), to_pixels, to_rgba(DARK, fade))
    if beyond.any():
        context.set_linewidth(1.2)
        context.set_foreground(DARK)
        square = Affine2D().translate(-0.5, -0.5).scale(7.0)
        border = Path(np.clip(at[beyond], 0.0, 1.0))
        renderer.draw_markers(context, Path.unit_rectangle(), square, border, to_pixels)
    _texts(pixels, panel, (below, beside), left, top)


def _line(renderer: RendererAgg, context: object, panel: Panel, line: Line, to_pixels: Affine2D) -> None:
    ends = np.array([line.start, line.end], float)
    path = Path(np.column_stack([places(ends[:, 0], panel.across), places(ends[:, 1], panel.up)]))
    context.set_linewidth(1.3)  # type: ignore[attr-defined]
    context.set_foreground(DARK if line.dashed else MIDDLE)  # type: ignore[attr-defined]
    context.set_dashes(0, (6, 4) if line.dashed else None)  # type: ignore[attr-defined]
    renderer.draw_path(context, path, to_pixels)
    context.set_dashes(0, None)  # type: ignore[attr-defined]


def _texts(pixels: np.ndarray, panel: Panel, axes: tuple[Marks, Marks], left: int, top: int) -> None:
    """The panel's heading, the marks and the names of its `axes`, and how many points lie beyond them."""
    foot, middle = top + _SIDE, left + _SIDE / 2
    heading = Label(panel.heading, fitting(panel.heading, 12.5, _SIDE), "left", bold=True)
    _write(pixels, heading, left, top - 22)
    beyond = int(panel.beyond.sum())
    if beyond:
        _write(pixels, Label(f"{beyond:,} beyond the axes", 11, "right"), left + _SIDE, top - 8)
    below, beside = axes
    for place, text in zip(below.places, below.texts, strict=True):
        _write(pixels, Label(text, _SIZE), left + place * (_SIDE - 1), foot + 13)
    widest = max(text_width(text, _SIZE) for text in beside.texts)
    size = min(_SIZE, _SIZE * (_LEFT - 34) / max(widest, 1.0))
    for place, text in zip(beside.places, beside.texts, strict=True):
        _write(pixels, Label(text, size, "right"), left - 6, foot - place * (_SIDE - 1))
    words = [_scaled(name, each) for name, each in zip(panel.names, axes, strict=True)]
    _write(pixels, Label(words[0], fitting(words[0], 12.5, _SIDE)), middle, foot + 32)
    gap = min(widest, _LEFT - 34) + 19
    _write(pixels, Label(words[1], fitting(words[1], 12.5, _SIDE), angle=90), left - gap, top + _SIDE / 2)


def _write(pixels: np.ndarray, label: Label, x: float, y: float) -> None:
    """A dark text over the pixels (height, width, RGBA), placed as by `placed`."""
    covered, rows, columns = placed_on(label, x, y, *pixels.shape[:2])
    under = pixels[rows, columns, :3].astype(float)
    pixels[rows, columns, :3] = (under + (_INK - under) * (covered / 255)[..., None]).round()


def _scaled(name: str, own: Marks) -> str:
    return f"{name} (× 10{str(own.power).translate(_POWERS)})" if own.power else name
