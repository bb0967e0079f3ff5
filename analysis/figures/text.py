"""Many small texts on one picture, fast: glyph outlines joined into one path.

A matplotlib Text costs about 0.3 ms to lay out and draw; a picture of 400 numbers spends most of its time there. Here
every string becomes an outline once (cached), all strings of one colour become one compound path, and Agg fills it
once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.colors import to_rgba
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path
from matplotlib.textpath import text_to_path
from matplotlib.transforms import Affine2D

_PLAIN = FontProperties(family="DejaVu Sans", size=100)
_BOLD = FontProperties(family="DejaVu Sans", weight="bold", size=100)
# text_to_path draws at its own FONT_SCALE; one em is then this many units
_EM = float(text_to_path.FONT_SCALE)
_DIGIT_HEIGHT = 0.73  # DejaVu Sans: height of a digit, in em


@lru_cache(maxsize=8192)
def _outline(text: str, bold: bool) -> tuple[np.ndarray, np.ndarray, float]:
    """Vertices in em, path codes, and the width in em. Never reads the text as mathematics."""
    font = _BOLD if bold else _PLAIN
    vertices, codes = text_to_path.get_text_path(font, text, ismath=False)
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    shape = np.asarray(vertices, dtype=float).reshape(-1, 2) / _EM
    return shape, np.asarray(codes, dtype=np.uint8), float(width) / 100.0


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width of the text in pixels when written at `size` pixels an em."""
    return _outline(text, bold)[2] * size


def short(text: str, most: int = 12) -> str:
    """The text, or its beginning and an ellipsis: `most` characters in all."""
    return text if len(text) <= most else text[: most - 1] + "\u2026"


class Ink:
    """Texts of one colour, gathered and drawn as one path in pixel coordinates (origin bottom left)."""

    def __init__(self, colour: str) -> None:
        self.colour = colour
        self._vertices: list[np.ndarray] = []
        self._codes: list[np.ndarray] = []

    def write(
        self,
        text: str,
        x: float,
        y: float,
        size: float,
        align: str = "center",
        angle: int = 0,
        bold: bool = False,
    ) -> None:
        """Put `text` with its middle height at y; `align` left, center or right at x; angle 0 or 90 degrees."""
        shape, codes, width = _outline(text, bold)
        if not len(codes):
            return
        shift = {"left": 0.0, "center": width / 2, "right": width}[align]
        along = (shape[:, 0] - shift) * size
        across = (shape[:, 1] - _DIGIT_HEIGHT / 2) * size
        if angle == 90:
            along, across = -across, along
        self._vertices.append(np.column_stack([along + x, across + y]))
        self._codes.append(codes)

    def path(self) -> Path | None:
        """Everything written so far as one compound path; None when nothing was."""
        if not self._codes:
            return None
        return Path(np.concatenate(self._vertices), np.concatenate(self._codes))


def inked(canvas: np.ndarray, inks: Sequence[Ink]) -> np.ndarray:
    """RGBA picture: `canvas` (height x width x 3, bytes) with the inks drawn over it.

    The pixels go straight into Agg's buffer; Figure.figimage would resample them first (70 ms at 1,300 x 1,300).
    """
    height, width = canvas.shape[:2]
    renderer = RendererAgg(width, height, 100)
    picture = np.asarray(renderer.buffer_rgba())
    picture[..., :3] = canvas
    picture[..., 3] = 255
    draw_inks(renderer, inks)
    return picture


def draw_inks(renderer: RendererAgg, inks: Sequence[Ink]) -> None:
    """Draws all that is written in the inks over what the renderer holds."""
    for ink in inks:
        path = ink.path()
        if path is not None:
            context = renderer.new_gc()
            context.set_linewidth(0.0)
            renderer.draw_path(context, path, Affine2D(), to_rgba(ink.colour))
