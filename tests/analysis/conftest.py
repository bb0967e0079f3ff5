"""Studies of made-up trials."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from analysis.reading.table import TrialTable
from tests.analysis.made_up import table_of


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
