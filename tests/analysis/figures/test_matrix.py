"""The picture of every trial: the same bytes for the same counts, any number of classes, and nothing of matplotlib."""

import io
import subprocess
import sys

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image

from analysis.figures.confusion import confusion_picture
from analysis.figures.matrix import ramp

DRAWN = """
import hashlib, sys
import numpy as np
from analysis.figures.confusion import confusion_picture
png = confusion_picture({"test": np.arange(9).reshape(3, 3)}, ["a", "кошка", "猫"], "t")
print(hashlib.sha256(png).hexdigest(), "matplotlib" in sys.modules)
"""


def test_a_picture_is_the_same_in_another_process_and_imports_no_matplotlib() -> None:
    def drawn() -> list[str]:
        return subprocess.run([sys.executable, "-c", DRAWN], check=True, capture_output=True, text=True).stdout.split()

    first, second = drawn(), drawn()
    assert first == second
    assert first[1] == "False"


@pytest.mark.parametrize("name", ["Blues", "RdBu_r"])
def test_the_ramps_are_those_of_matplotlib(name: str) -> None:
    theirs = np.asarray(colormaps[name](np.linspace(0.05, 0.95, 256)))[:, :3] * 255
    assert np.abs(ramp(name, 0.05, 0.95) - theirs).max() <= 3


@pytest.mark.parametrize("k", [1, 2, 26, 100, 300])
def test_no_word_is_cut_at_the_border_however_large_the_counts_and_long_the_names(k: int) -> None:
    counts = np.full((k, k), 10_000_000)
    png = confusion_picture({"test": counts}, [f"a class of a long name {c}" for c in range(k)], "a long title " * 20)
    drawn = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    for border in (drawn[:2], drawn[-2:], drawn[:, :2], drawn[:, -2:]):
        assert (border == 255).all()
