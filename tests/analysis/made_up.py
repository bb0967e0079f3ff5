"""Tables of made-up trials, and the oracle files. Imported by the tests of this folder."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from analysis.reading.columns import DEFAULT, trials_frame
from analysis.reading.table import TrialTable

ORACLES = Path(__file__).parent / "oracles"


def oracle(name: str) -> dict[str, Any]:
    return json.loads((ORACLES / name).read_text())


def oracle_names(pattern: str) -> list[str]:
    return sorted(path.name for path in ORACLES.glob(pattern))


def table_of(rows: list[dict[str, Any]], sampler: str = "random", **facts: Any) -> TrialTable:
    """A table from short rows: number, state and empty scores are filled in."""
    objective = facts.get("objective", DEFAULT)
    empty = {"state": "complete", "state_reason": "", objective.name: None, objective.test_name: None}
    full = [{"number": k} | empty | row for k, row in enumerate(rows)]
    return TrialTable(trials_frame(full, objective), study="made-up", sampler=sampler, **facts)


def scored(val: Any, test: Any = None, **facts: Any) -> TrialTable:
    test = val if test is None else test
    objective = facts.get("objective", DEFAULT)
    rows = [{objective.name: v, objective.test_name: t} for v, t in zip(val, test, strict=True)]
    return table_of(rows, **facts)


def made_up_images(rows: int = 60, shape: tuple[int, ...] = (6, 5), seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """White ink on black: class k is a bar at row k, with noise."""
    random = np.random.default_rng(seed)
    labels = np.arange(rows) % 3
    images = random.integers(0, 60, (rows, *shape))
    images[np.arange(rows), labels] = random.integers(200, 256, (rows, *shape[1:]))
    return images.astype(np.uint8), labels
