"""Accuracy against size: the Pareto front, and the smallest network that is good enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.reading.columns import PARAMS
from analysis.reading.table import TrialTable
from models.core import names


@dataclass(frozen=True)
class Network:
    """One trial as a network: its number, size, scores and hyperparameters."""

    number: int
    n_parameters: int
    val_accuracy: float
    test_accuracy: float
    params: dict[str, Any]


def sized(table: TrialTable) -> pd.DataFrame:
    """The complete trials that have a validation accuracy and a number of parameters."""
    frame = table.frame
    if names.N_PARAMETERS not in frame:
        return frame.iloc[:0]
    return frame[table.scored & frame[names.N_PARAMETERS].notna()]


def pareto_front(table: TrialTable) -> tuple[Network, ...]:
    """Trials that no other one beats in both (fewer parameters, higher validation accuracy), by size.

    Chosen on validation accuracies that carry noise: the front is the best of many at every size, so it is optimistic.
    """
    frame = sized(table).sort_values(
        [names.N_PARAMETERS, names.VAL_ACCURACY, names.NUMBER], ascending=[True, False, True]
    )
    best = -np.inf
    front = []
    for _, row in frame.iterrows():
        if row[names.VAL_ACCURACY] > best:
            best = row[names.VAL_ACCURACY]
            front.append(_network(row))
    return tuple(front)


def smallest_at_least(table: TrialTable, accuracy: float = 0.95) -> Network | None:
    """The trial with the fewest parameters among those that reach this validation accuracy (ties: the better)."""
    if not 0.0 <= accuracy <= 1.0:
        raise ValueError(f"an accuracy lies in [0, 1]: got {accuracy}")
    return smallest_of(pareto_front(table), accuracy)


def smallest_of(front: Sequence[Network], accuracy: float) -> Network | None:
    """The first of a front, which rises with size, that reaches this validation accuracy."""
    return next((network for network in front if network.val_accuracy >= accuracy), None)


def _network(row: pd.Series) -> Network:
    params = {str(k).removeprefix(PARAMS): v for k, v in row.items() if str(k).startswith(PARAMS)}
    return Network(
        int(row[names.NUMBER]),
        int(row[names.N_PARAMETERS]),
        float(row[names.VAL_ACCURACY]),
        float(row[names.TEST_ACCURACY]),
        params,
    )
