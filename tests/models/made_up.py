"""Made-up data: a table with words, gaps, booleans, an identifier and a date; and folders of images."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def penguins(rows: int = 300, seed: int = 0) -> pd.DataFrame:
    """Rows whose species follows from a bill with gaps, from an island, and from diving or not."""
    random = np.random.default_rng(seed)
    species = random.choice(["adelie", "chinstrap", "gentoo"], rows)
    table = pd.DataFrame(
        {
            "number": np.arange(rows) + 7,
            "bill": random.normal(40, 1, rows) + 4 * (species == "gentoo"),
            "mass": random.integers(3000, 5000, rows),
            "island": np.where(species == "adelie", "Dream", random.choice(["Biscoe", "Torgersen"], rows)),
            "dives": random.choice([True, False], rows),
            "seen": [f"2020-{k % 12 + 1:02d}-{k % 28 + 1:02d}" for k in range(rows)],
            "nest": random.integers(0, rows // 5, rows),
            "species": species,
        }
    ).astype({"dives": object})
    table.loc[::9, "bill"] = np.nan
    table.loc[::11, "island"] = None
    table.loc[::13, "dives"] = None
    return table


def images(folder: Path, per_class: int = 12, size: tuple[int, int] = (6, 5), mode: str = "L") -> Path:
    """Folders `dark` and `light` of PNGs (width, height), which differ in brightness."""
    from PIL import Image

    random = np.random.default_rng(1)
    for label, level in (("dark", 60), ("light", 180)):
        (folder / label).mkdir(parents=True)
        for number in range(per_class):
            shape: Any = size[::-1] if mode == "L" else (*size[::-1], 3)
            pixels = (level + random.integers(-50, 50, shape)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{number}.png")
    return folder
