"""The common parts of all figures: size, greys that print, axes for N and for scores, and PNG bytes."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from PIL import Image

from analysis.figures.matrix import png_file
from models.tasks.metrics import Direction
from models.tasks.objective import Objective

DARK, MIDDLE, LIGHT = "#1b1b1b", "#1f6fb2", "#b9c9d8"
_SPREAD = 3.0  # errors that differ by more than this factor are drawn on a logarithmic scale
# Errors at the marks of a logarithmic axis of scores; the fine ones stand there where few coarse ones are seen.
_COARSE = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001)
_FINE = (0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.15, 0.08, 0.06, 0.04, 0.03, 0.015, 0.012, 0.008, 0.006, 0.004, 0.003)
WIDTH = 5.6
"""Inches of a picture that a telephone shows whole; the letters of a wider picture would be too small there."""
_PIXELS = 200  # an inch; a page shows 100
_TITLE_LINE = 0.19  # inches


Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Searchable:
    """A picture on which a reader can find a trial, or a number of trials N, by its number."""

    png: bytes
    places: dict[int, Points]
    """The points of each number on the picture: 0 to 1 from the left, 0 to 1 from the top."""


class Drawing(Figure):
    """A figure that knows its columns, which a page may show below each other."""

    columns = 1


def new_figure(width: float = WIDTH, height: float = 3.9) -> Drawing:
    """A figure with its own Agg canvas: no pyplot, so nothing is shared between threads."""
    figure = Drawing(figsize=(width, height), dpi=_PIXELS, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def column_figure(columns: int, width: float, height: float, title: str) -> tuple[Drawing, list[SubFigure]]:
    """A figure of columns of `width` inches, `height` inches high below the title, which stands over the first one."""
    lines = wrapped(title, width).count("\n") + 1
    above = 0.12 + _TITLE_LINE * lines
    figure = new_figure(width * columns, above + height)
    figure.columns = columns
    head, body = list(figure.subfigures(2, 1, squeeze=False, height_ratios=[above, height]).flat)
    head.text(0.01, 0.95, wrapped(title, width), ha="left", va="top", fontsize=10.5, fontweight="bold")
    return figure, list(body.subfigures(1, columns, squeeze=False).flat)


def png(figure: Drawing) -> bytes:
    """The figure as PNG bytes.

    Lines and words need few colours: with 256 colours a PNG is a third as large, and written faster. A figure that
    shows images keeps all of its colours.
    """
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()
    images = any(axes.images for axes in figure.axes)
    return png_of(np.asarray(canvas.buffer_rgba()), figure.columns, _PIXELS, few_colours=not images)


def png_of(pixels: np.ndarray, columns: int, inch: int, few_colours: bool = False) -> bytes:
    """PNG bytes of a picture (height, width, RGBA) with equally wide `columns` and `inch` pixels an inch.

    Pillow writes them: matplotlib's imsave would import pyplot.
    """
    picture = Image.fromarray(pixels).convert("RGB")
    if few_colours:
        picture = picture.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    return png_file(picture, columns, dpi=(inch, inch))


def on_picture(axes: Axes, points: Sequence[tuple[float, float]]) -> Points:
    """Where points of the axes lie on the picture that was drawn last, in the units of `Searchable.places`."""
    drawn = axes.get_figure(root=True)
    assert drawn is not None
    box = drawn.bbox
    pixels = axes.transData.transform(np.asarray(points, dtype=float).reshape(-1, 2))
    return tuple((round(x / box.width, 4), round(1.0 - y / box.height, 4)) for x, y in pixels.tolist())


def frame(axes: Axes, title: str, inches: float | None = None) -> None:
    """Title, light grid, no box on top and right. `inches`: width of the axes; None: the title is the figure's."""
    if inches is None:
        figure = axes.get_figure(root=True)
        assert figure is not None
        headline(figure, title)
    else:
        axes.set_title(wrapped(title, inches), loc="left", fontsize=10.5, fontweight="bold")
    axes.grid(True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def headline(figure: Figure, title: str, y: float | None = None) -> None:
    """The title of a figure of several axes. `y`: the title's upper border, for a figure without a layout engine."""
    words = wrapped(title, figure.get_figwidth())
    figure.suptitle(words, x=0.01, y=y, ha="left", va="top", fontsize=10.5, fontweight="bold")


def wrapped(title: str, inches: float) -> str:
    """A bold title in lines that fit into so many inches."""
    return "\n".join(textwrap.wrap(title, int(inches * 10)))


def legend_at_the_better_end(axes: Axes, direction: Direction) -> None:
    """The legend in the corner that a curve of better and better scores leaves free."""
    corner = "lower right" if direction == "maximize" else "upper right"
    axes.legend(loc=corner, fontsize=8.5, framealpha=0.95)


def number_axis(axes: Axes, m: int) -> None:
    """The logarithmic axis of N, from 1 to m, marked 1, 2, 5, 10, ... and m."""
    axes.set_xscale("log")
    axes.set_xlim(0.85, max(m, 2) * 1.18)
    marks = [s * 10**k for k in range(len(str(m))) for s in (1, 2, 5)]
    marks = [n for n in marks if n * 1.3 < m] + [m]
    axes.xaxis.set_major_locator(FixedLocator(marks))
    axes.xaxis.set_major_formatter(FixedFormatter([f"{n:,}" for n in marks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("number of trials N (logarithmic)")


def size_axis(axes: Axes, least: float, most: float) -> None:
    """The logarithmic axis of the number of parameters, marked in plain numbers."""
    axes.set_xscale("log")
    axes.set_xlim(least / 1.25, most * 1.25)
    _mark_plainly(axes.xaxis, _log_marks(*axes.get_xlim()) or sorted({round(least), round(most)}))
    axes.set_xlabel("number of parameters (logarithmic)")


def logarithmic_heights(axes: Axes, low: float, high: float) -> None:
    """A logarithmic vertical axis from `low` to `high`, both above 0, marked in plain numbers."""
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    _mark_plainly(axes.yaxis, _log_marks(low, high) or [low, high])


def _log_marks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, ... between the two, or powers of ten where these are many; empty if there are fewer than two."""
    steps = (1, 2, 5) if high / low < 2000 else (1,)
    marks = [float(f"{step}e{k}") for k in range(-12, 13) for step in steps if low <= float(f"{step}e{k}") <= high]
    return marks if len(marks) > 1 else []


def _mark_plainly(axis: Axis, marks: Sequence[float]) -> None:
    axis.set_major_locator(FixedLocator(marks))
    axis.set_major_formatter(FixedFormatter([f"{mark:,.4g}" if mark < 1e4 else f"{mark:,.0f}" for mark in marks]))
    axis.set_minor_locator(NullLocator())


def score_axis(axes: Axes, values: Sequence[float], name: str, objective: Objective) -> None:
    """The axis of scores: linear; scores from 0 to 1 whose errors differ widely are logarithmic in the error."""
    finite = [v for v in values if math.isfinite(v)]
    low, high = min(finite), max(finite)
    least, most = 1.0 - high, 1.0 - low
    if objective.from_0_to_1 and least > 1e-6 and most / least > _SPREAD:
        _log_error_axis(axes, least, most)
        axes.set_ylabel(f"{name}\n(logarithmic in 1 - {objective.label})" if name else "")
        return
    if objective.from_0_to_1:
        margin = max((high - low) * 0.08, 0.0005)
        axes.set_ylim(low - margin, min(high + margin, 1.0 + margin))
    else:
        margin = max((high - low) * 0.08, 1e-4 * max(abs(high), abs(low)), 1e-12)
        axes.set_ylim(low - margin, high + margin)
    axes.set_ylabel(name)


def _log_error_axis(axes: Axes, least: float, most: float) -> None:
    """A vertical axis of scores that is logarithmic in the error, for errors from `least` to `most`."""
    axes.set_yscale("function", functions=(_to_log_error, _from_log_error))
    margin = (most / least) ** 0.06
    axes.set_ylim(1.0 - min(most * margin, 1.0), 1.0 - least / margin)
    errors = [e for e in _COARSE if least / margin <= e <= most * margin]
    if len(errors) < 5:
        errors += [e for e in _FINE if least / margin <= e <= most * margin]
    marks = sorted(1.0 - e for e in errors)
    axes.yaxis.set_major_locator(FixedLocator(marks))
    axes.yaxis.set_major_formatter(FixedFormatter([_decimal(mark) for mark in marks]))
    axes.yaxis.set_minor_locator(NullLocator())


def _decimal(accuracy: float) -> str:
    text = f"{accuracy:.4f}".rstrip("0")
    return text + "0" * max(0, 2 - len(text.split(".")[1]))


def _to_log_error(accuracy: np.ndarray) -> np.ndarray:
    return -np.log10(np.maximum(1.0 - np.asarray(accuracy, dtype=float), 1e-9))


def _from_log_error(level: np.ndarray) -> np.ndarray:
    return 1.0 - 10.0 ** -np.asarray(level, dtype=float)


def spaced(m: int, points: int = 80) -> tuple[int, ...]:
    """Whole numbers from 1 to m, about equally spaced on a logarithmic axis."""
    return tuple(sorted({round(n) for n in np.geomspace(1, m, points).tolist()} | {1, m}))
