"""Tables of made-up trials, and the oracle files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.table import TrialTable, trials_frame

ORACLES = Path(__file__).parent / "oracles"


def oracle(name: str) -> dict[str, Any]:
    return json.loads((ORACLES / name).read_text())


def oracle_names(pattern: str) -> list[str]:
    return sorted(path.name for path in ORACLES.glob(pattern))


def table_of(rows: list[dict[str, Any]], sampler: str = "random", **facts: Any) -> TrialTable:
    """A table from short rows: number and state are filled in."""
    full = [
        {"number": k, "state": "complete", "state_reason": "", "val_accuracy": None, "test_accuracy": None} | row
        for k, row in enumerate(rows)
    ]
    return TrialTable(trials_frame(full), study="made-up", sampler=sampler, **facts)


def scored(val: Any, test: Any = None, **facts: Any) -> TrialTable:
    test = val if test is None else test
    return table_of([{"val_accuracy": v, "test_accuracy": t} for v, t in zip(val, test, strict=True)], **facts)


@pytest.fixture(scope="session")
def make_table() -> Callable[..., TrialTable]:
    """Makes a study of m trials with hyperparameters, sizes and seconds; a share of them failed."""

    def make(m: int, failed: float = 0.0, seed: int = 1, **facts: Any) -> TrialTable:
        random = np.random.default_rng(seed)
        level = np.minimum(0.985, 0.99 - 0.06 * random.exponential(size=m))
        rows = []
        for k in range(m):
            lost = bool(random.random() < failed)
            val, test = np.clip(level[k] + random.normal(0, [0.002, 0.001]), 0, 1).round(4).tolist()
            rows.append(
                {
                    "state": "failed" if lost else "complete",
                    "state_reason": "diverged" if lost else "",
                    "val_accuracy": None if lost else val,
                    "test_accuracy": None if lost else test,
                    "n_parameters": int(random.integers(1000, 90000)),
                    "seconds": float(3 + 10 * random.random()),
                    "params.width": str(random.choice(["32", "128", "400-300"])),
                    "params.learning_rate": str(10 ** random.uniform(-4, -1)),
                    "params.dropout": str(random.uniform(0, 0.5)),
                    "params.batch_size": str(random.choice([16, 32, 128])),
                    "params.epochs": "10",
                }
            )
        known = {"seed": 7, "data_sha256": "ab" * 32, "test_rows": 10000, "validation_rows": 6000}
        return table_of(rows, **(known | facts))

    return make
