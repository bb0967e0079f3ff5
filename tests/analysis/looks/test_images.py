"""Which inputs are images, and how their values become shades and mosaics."""

import numpy as np
import pytest

from analysis.looks.images import Shades, is_image, mosaic
from tests.analysis.made_up import made_up_images


def test_what_counts_as_an_image() -> None:
    assert all(is_image(shape) for shape in [(8, 8), (8, 8, 1), (8, 8, 3)])
    assert not any(is_image(shape) for shape in [(64,), (1, 64), (8, 8, 4), (8, 8, 3, 1)])
    with pytest.raises(ValueError, match=r"images must be \(rows, H, W\).*got shape \(3, 64\)"):
        Shades.of(np.zeros((3, 64)))


def test_shades_are_ink_on_paper_for_mostly_black_images_and_colours_stay() -> None:
    images, _ = made_up_images()
    drawn = Shades.of(images).drawn(images)
    top = images.max()
    assert drawn[..., 0] == pytest.approx(np.rint(255 * (1 - images / top)), abs=1)
    assert (drawn == drawn[..., :1]).all()
    bright = 255 - images
    assert Shades.of(bright).drawn(bright)[..., 0] == pytest.approx(bright, abs=1)
    colours = np.random.default_rng(3).random((4, 6, 5, 3)).astype("float32")
    low, high = colours.min(), colours.max()
    expected = 255 * (colours - low) / (high - low)
    assert Shades.of(colours).drawn(colours) == pytest.approx(np.rint(expected), abs=1)


def test_a_mosaic_puts_every_tile_at_its_place() -> None:
    tiles = np.random.default_rng(4).integers(0, 256, (5, 4, 3, 3)).astype(np.uint8)
    whole = mosaic(tiles, 2, gap=1, text=6)
    for i in range(5):
        y, x = whole.y[i // 2], whole.x[i % 2]
        part = whole.picture[int(y - 1.5) : int(y + 2.5), int(x - 1) : int(x + 2)]
        assert (part == tiles[i]).all()
    assert whole.picture.shape == (3 * 11 + 1, 2 * 4 + 1, 3)
