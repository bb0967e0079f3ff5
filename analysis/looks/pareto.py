"""Score against size: the Pareto front, and the smallest network that is good enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.reading.columns import PARAMS
from analysis.reading.table import TrialTable
from models.core import names
from models.tasks.objective import Objective


@dataclass(frozen=True)
class Network:
    """One trial as a network: its number, size, scores and hyperparameters."""

    number: int
    n_parameters: int
    val: float
    """The objective on validation."""
    test: float
    params: dict[str, Any]


def sized(table: TrialTable) -> pd.DataFrame:
    """The complete trials that have a validation score and a number of parameters."""
    frame = table.frame
    if names.N_PARAMETERS not in frame:
        return frame.iloc[:0]
    return frame[table.scored & frame[names.N_PARAMETERS].notna()]


def pareto_front(table: TrialTable) -> tuple[Network, ...]:
    """Trials that no other trial beats in both number of parameters and validation score, by size.

    Bias: the front is optimistic, because at every size it is the best of many noisy validation scores.
    """
    name, sign = table.objective.name, table.objective.sign
    frame = sized(table).sort_values([names.N_PARAMETERS, name, names.NUMBER], ascending=[True, sign < 0, True])
    best = -np.inf
    front = []
    for _, row in frame.iterrows():
        if sign * row[name] > best:
            best = sign * row[name]
            front.append(_network(row, table.objective))
    return tuple(front)


def smallest_at_least(table: TrialTable, target: float) -> Network | None:
    """The smallest of the trials that reach this validation score; of trials of equal size the better one."""
    table.objective.check_targets([target])
    return smallest_of(pareto_front(table), target, table.objective)


def smallest_of(front: Sequence[Network], target: float, objective: Objective) -> Network | None:
    """The first network of a front that reaches the target on validation; a front gets better with size."""
    return next((network for network in front if not objective.better(target, network.val)), None)


def _network(row: pd.Series, objective: Objective) -> Network:
    params = {str(k).removeprefix(PARAMS): v for k, v in row.items() if str(k).startswith(PARAMS)}
    return Network(
        int(row[names.NUMBER]),
        int(row[names.N_PARAMETERS]),
        float(row[objective.name]),
        float(row[objective.test_name]),
        params,
    )
