"""Inputs as pictures: which inputs are images, the grey level of a value, many small images as one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
Picture = NDArray[np.uint8]

GAP_COLOUR = (214, 220, 227)
_MOSTLY_LOW = 1 / 3  # of the range: a lower mean shows a background at the low end, as in pictures of handwriting


def is_image(shape: tuple[int, ...]) -> bool:
    """Whether one input of this shape is a picture: (H, W), (H, W, 1) or (H, W, 3), two pixels or more a side."""
    return len(shape) in (2, 3) and min(shape[:2]) >= 2 and (len(shape) == 2 or shape[2] in (1, 3))


@dataclass(frozen=True)
class Shades:
    """How the values of a data set become shades; all pictures of the data set use the same shades."""

    low: float
    """The value drawn as one end of the scale."""
    high: float
    """The value drawn as the other end; above `low`."""
    inverted: bool
    """Whether high values are dark, like ink on paper."""

    def __post_init__(self) -> None:
        if not self.high > self.low:
            raise ValueError(f"high must be above low, got {self.low} to {self.high}")

    @classmethod
    def of(cls, inputs: Array) -> Shades:
        """Shades from the lowest to the highest value of `inputs`, (rows, H, W) or with channels; bytes begin at 0.

        Grey images whose mean lies low in the range, such as white ink on black, are inverted, because black on white
        prints better.
        """
        check_images(inputs)
        low, high = float(inputs.min()), float(inputs.max())
        if inputs.dtype.kind == "u":
            low = 0.0
        if not high > low:
            high = low + 1.0
        level = (float(inputs.mean(dtype=np.float64)) - low) / (high - low)
        return cls(low, high, inputs.shape[-1] != 3 and level < _MOSTLY_LOW)

    def drawn(self, inputs: Array) -> Picture:
        """RGB bytes (rows, H, W, 3) of `inputs`, (rows, H, W) or with 1 or 3 channels; NaN gets the colour of gaps."""
        check_images(inputs)
        values = np.asarray(inputs, dtype=np.float64)
        unknown = np.isnan(values)
        level = (np.where(unknown, self.low, values) - self.low) / (self.high - self.low)
        shade = np.rint(np.clip(1.0 - level if self.inverted else level, 0.0, 1.0) * 255).astype(np.uint8)
        if shade.ndim == 3:
            shade, unknown = shade[..., None], unknown[..., None]
        rgb = np.broadcast_to(shade, (*shade.shape[:3], 3)).copy()
        rgb[unknown.any(axis=-1)] = GAP_COLOUR
        return rgb


def check_images(inputs: Array) -> None:
    """Raises ValueError unless `inputs` are rows of images, one or more."""
    if not is_image(inputs.shape[1:]) or not len(inputs):
        raise ValueError(f"images must be (rows, H, W), (rows, H, W, 1) or (rows, H, W, 3), got shape {inputs.shape}")


@dataclass(frozen=True)
class Mosaic:
    """Many tiles as one picture, row by row."""

    picture: Picture
    """(height, width, 3)."""
    x: NDArray[np.float64]
    """(across,): the columns' centres, in pixels of the picture."""
    y: NDArray[np.float64]
    """(down,): the rows' centres."""
    below: NDArray[np.float64]
    """(down,): the rows' lower edges."""


def mosaic(tiles: Picture, across: int, gap: int = 1, text: int = 0) -> Mosaic:
    """`tiles` (rows, H, W, 3) side by side, `across` a row, with `gap` pixels around each and `text` white ones below.

    A tile whose pixels all have the colour of gaps leaves its place empty.
    """
    n, height, width = tiles.shape[:3]
    down = -(-n // across)
    tall, wide = height + gap + text, width + gap
    picture = np.full((down * tall + gap, across * wide + gap, 3), GAP_COLOUR, dtype=np.uint8)
    if text:
        picture[:] = 255
    for i, tile in enumerate(tiles):
        top, left = gap + i // across * tall, gap + i % across * wide
        if text:
            picture[top - gap : top + height + gap, left - gap : left + width + gap] = GAP_COLOUR
        picture[top : top + height, left : left + width] = tile
    rows, columns = np.arange(down), np.arange(across)
    # Pixel i of a picture covers i - 0.5 to i + 0.5.
    y = gap + rows * tall + (height - 1) / 2
    return Mosaic(picture, gap + columns * wide + (width - 1) / 2, y, y + height / 2 + gap)
