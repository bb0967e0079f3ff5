"""Whether trials follow the scores of earlier ones: a search that looks at its scores does, and random draws do not.

A trend of scores misses many such searches: on complete tables of networks TPE's scores show one after 40 trials in a
third of the studies (benchmarks.adaptive has the tables). Where the next trial is drawn shows more.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

BEGINS = 10
"""The first trials that are judged by those before: samplers draw as many at random before they look."""
_GOOD = 0.25  # of the trials before: the ones that a search goes back to
MOST = 100
"""Trials that are looked at, the first ones: a search that looks at its scores shows that early."""
_DRAWS = 1_999


def following(columns: Sequence[np.ndarray], scores: np.ndarray) -> float:
    """How often trials in a random order follow earlier good ones as closely as these do; 1 for too few trials.

    `columns`: a hyperparameter each, (M,) numbers or words in plan order; `scores`: (M,), higher is better.

    Formula: of each trial from BEGINS on, how alike its hyperparameters are to those of the best quarter before it,
    less how alike they are to all before it; added up, and compared with 1,999 random orders of the same trials. Alike:
    half the share of equal values, half the closeness of ranks of numbers. Assumption: none; for trials drawn at random
    every order is as likely (a permutation test), so that the result is below 0.05 in 5% of such studies at most.
    Measured at 40 trials: below 0.05 in 92 to 100% of TPE's studies on four complete tables, and in 83% of a made-up
    objective's. Range: the first 100 trials. Cost: 0.3 s.
    """
    m = min(len(scores), MOST)
    if m < 2 * BEGINS or not columns:
        return 1.0
    alike = np.mean([_alike(column[:m]) for column in columns], axis=0)
    random = np.random.default_rng(0)
    orders = np.vstack([np.arange(m), random.permuted(np.tile(np.arange(m), (_DRAWS, 1)), axis=1)])
    sums = _closeness_to_good(alike, scores[:m], orders)
    return float((1 + np.count_nonzero(sums[1:] >= sums[0] - 1e-12)) / (_DRAWS + 1))


def columns_of(frame: pd.DataFrame, names: Sequence[str]) -> list[np.ndarray]:
    """Columns of a table as `following` takes them: numbers where all values are, else words."""
    return [
        frame[name].to_numpy(dtype=float)
        if pd.api.types.is_numeric_dtype(frame[name]) and frame[name].notna().all()
        else frame[name].astype(str).to_numpy(dtype=str)
        for name in names
    ]


def _closeness_to_good(alike: np.ndarray, scores: np.ndarray, orders: np.ndarray) -> np.ndarray:
    """Of each order (a row), the sum over its trials of closeness to the best ones before less that to all before."""
    ordered = scores[orders]
    sums = np.zeros(len(orders))
    for place in range(BEGINS, orders.shape[1]):
        count = math.ceil(_GOOD * place)
        best = np.argpartition(-ordered[:, :place], count - 1, axis=1)[:, :count]
        before = orders[:, :place]
        to_all = alike[orders[:, place, None], before]
        sums += np.take_along_axis(to_all, best, axis=1).mean(axis=1) - to_all.mean(axis=1)
    return sums


def _alike(column: np.ndarray) -> np.ndarray:
    """(M, M): of each two values, half whether they are equal, half how close the ranks of numbers are."""
    _, places, counts = np.unique(column, return_inverse=True, return_counts=True)
    equal = (places[:, None] == places[None, :]).astype(float)
    if column.dtype.kind not in "if":
        return equal
    ranks = ((np.cumsum(counts) - (counts + 1) / 2) / max(len(column) - 1, 1))[places]
    return (equal + 1.0 - np.abs(ranks[:, None] - ranks[None, :])) / 2.0
