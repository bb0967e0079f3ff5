"""A grid that was run completely is a finite population: its curves are exact, with or without replacement."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analysis.estimates.curves import best_val, checked_scores


def without_replacement(val: Sequence[float] | np.ndarray, at: Sequence[int]) -> np.ndarray:
    """Mean best score of N different cells of the grid: the U of analysis.estimates.curves, with nothing left to estimate.

    It holds for all C(G, N) subsets alike, so for a grid in random order; a prefix of nested loops is not such a
    subset.
    """
    return best_val(val, at)


def with_replacement(val: Sequence[float] | np.ndarray, at: Sequence[int]) -> np.ndarray:
    """Mean best score of N random draws, with replacement, from the G cells: what random search over them would reach.

    Formula: V_N = y_(G) - sum over i < G of (i / G)^N (y_(i+1) - y_(i)). Assumption: all G cells are in `val`.
    Bias: none for the grid; used on a sample of a larger space it would be biased downwards. Range: any N >= 1.
    Cost: O(G) for each N. Source: Dodge et al., "Show Your Work" (2019), their expected validation performance.
    """
    y = np.sort(checked_scores("val", val))
    share = np.arange(1, len(y)) / len(y)
    if any(n < 1 or int(n) != n for n in at):
        raise ValueError(f"N is a whole number from 1: got {list(at)}")
    return np.array([y[-1] - np.sum(share**n * np.diff(y)) for n in at])
