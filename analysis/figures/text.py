"""Small texts as blocks of pixels, fast: Pillow draws each text once, and a picture only places the blocks.

No matplotlib is imported here: a worker draws the picture of every trial, and needs nothing of matplotlib but its font,
DejaVu Sans.
"""

from __future__ import annotations

import importlib.util
import math
from functools import lru_cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Bytes = NDArray[np.uint8]
_DIGIT_HEIGHT = 0.73  # DejaVu Sans: height of a digit, in em
_FINER = 4
_EM = 100  # pixels, at which texts are measured


@lru_cache(maxsize=256)
def _font(size: float, bold: bool) -> ImageFont.FreeTypeFont:
    """The font at `size` pixels an em. Found without an import of matplotlib, which takes half a second."""
    library = importlib.util.find_spec("matplotlib")
    assert library is not None
    assert library.origin is not None
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(library.origin).parent / "mpl-data" / "fonts" / "ttf" / name), size)


def _one_line(text: str) -> str:
    return " ".join(text.splitlines())


@lru_cache(maxsize=8192)
def _ems(text: str, bold: bool) -> float:
    return _font(_EM, bold).getlength(_one_line(text)) / _EM


def text_width(text: str, size: float, bold: bool = False) -> float:
    """Width of the text in pixels when written at `size` pixels an em."""
    return _ems(text, bold) * size


def fitting(text: str, size: float, room: float) -> float:
    """The size, in pixels an em, at which a bold text takes no more than `room` pixels; `size` at most."""
    return min(size, size * room / max(text_width(text, size, bold=True), 1.0))


def short(text: str, most: int = 12) -> str:
    """The text, or its beginning and an ellipsis: `most` characters in all."""
    return text if len(text) <= most else text[: most - 1] + "\u2026"


@lru_cache(maxsize=8192)
def _block(text: str, size: float, bold: bool, angle: int) -> tuple[Bytes, int, int]:
    """Coverage, 0 to 255, and where the block begins, right of and below the middle of the text's left end."""
    # Drawn larger and reduced: at its own size FreeType would move the letters to whole pixels, and widen small ones.
    font = _font(size * _FINER, bold)
    box = font.getbbox(_one_line(text), anchor="ls")
    left, top = (math.floor(each / _FINER) for each in box[:2])
    right, bottom = (max(math.ceil(each / _FINER), least + 1) for each, least in zip(box[2:], (left, top), strict=True))
    image = Image.new("L", ((right - left) * _FINER, (bottom - top) * _FINER))
    place = -left * _FINER, -top * _FINER
    ImageDraw.Draw(image).text(place, _one_line(text), fill=255, font=font, anchor="ls")
    middle = round(top + _DIGIT_HEIGHT / 2 * size)
    covered = np.asarray(image.reduce(_FINER))
    return (np.rot90(covered).copy(), middle, -right) if angle == 90 else (covered, left, middle)


class Label(NamedTuple):
    """A text as it is written on a picture."""

    text: str
    size: float
    """Pixels an em."""
    align: Literal["left", "center", "right"] = "center"
    """The part of the text that lies at the given place."""
    angle: Literal[0, 90] = 0
    """Degrees, counted against the clock."""
    bold: bool = False


def placed(label: Label, x: float, y: float) -> tuple[Bytes, int, int]:
    """The label's coverage, 0 to 255 (rows, columns), and the column and the row of its upper left pixel.

    The middle height of the text is at y, counted from the top, and its aligned part at x. A turned text has its
    middle height at x, and its aligned part at y.
    """
    text, size, align, angle, bold = label
    size = max(math.floor(size * 4) / 4, 1.0)  # few sizes, so that most blocks were drawn before
    covered, right, down = _block(text, size, bold, angle)
    shift = {"left": 0.0, "center": 0.5, "right": 1.0}[align] * text_width(text, size, bold)
    if angle == 90:
        return covered, round(x) + right, round(y + shift) + down
    return covered, round(x - shift) + right, round(y) + down


def placed_on(label: Label, x: float, y: float, height: int, width: int) -> tuple[Bytes, slice, slice]:
    """The part of the placed label that lies on a picture (height, width), and its rows and columns there."""
    covered, left, top = placed(label, x, y)
    rows = slice(max(top, 0), max(min(top + covered.shape[0], height), 0))
    columns = slice(max(left, 0), max(min(left + covered.shape[1], width), 0))
    return covered[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left], rows, columns
