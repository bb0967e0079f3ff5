"""Tables of made-up trials, and the oracle files. Imported by the tests of this folder."""

import json
from pathlib import Path
from typing import Any

from analysis.reading.columns import trials_frame
from analysis.reading.table import TrialTable

ORACLES = Path(__file__).parent / "oracles"


def oracle(name: str) -> dict[str, Any]:
    return json.loads((ORACLES / name).read_text())


def oracle_names(pattern: str) -> list[str]:
    return sorted(path.name for path in ORACLES.glob(pattern))


def table_of(rows: list[dict[str, Any]], sampler: str = "random", **facts: Any) -> TrialTable:
    """A table from short rows: number, state and empty scores are filled in."""
    full = [
        {"number": k, "state": "complete", "state_reason": "", "val_accuracy": None, "test_accuracy": None} | row
        for k, row in enumerate(rows)
    ]
    return TrialTable(trials_frame(full), study="made-up", sampler=sampler, **facts)


def scored(val: Any, test: Any = None, **facts: Any) -> TrialTable:
    test = val if test is None else test
    return table_of([{"val_accuracy": v, "test_accuracy": t} for v, t in zip(val, test, strict=True)], **facts)
