"""Numbers to predict: how they are distributed, what was predicted beside them, and the stretch that shows most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analysis.looks.classes import Histogram, value_histograms

Floats = NDArray[np.floating]

Evidence = Mapping[str, Mapping[str, Any]]
"""A part of the data to what models.tasks.regression.Regression.evidence keeps of it."""

_SMALLEST = 1e-300  # below it, float64 loses the digits that would tell an axis's ends apart
_WHOLE = 1e15  # beyond it, float64 cannot say each whole number
_NEARLY_ALL = (0.05, 0.95)
_BEYOND = 1.5  # times the stretch of nearly all numbers: of a billion normal numbers none lies farther out


@dataclass(frozen=True)
class Residuals:
    """One target on one part of the data."""

    name: str
    true: Floats
    """(n,): the rows that were kept, and the worst ones."""
    predicted: Floats
    """(n,)."""
    quantiles: Mapping[float, float]
    """Of predicted less true over all rows of the part, by their share, ascending from 0 to 1."""

    @cached_property
    def residuals(self) -> Floats:
        """(n,): predicted less true; infinite beyond what float64 can say."""
        with np.errstate(over="ignore"):
            return self.predicted - self.true


def residuals_of(kept: Mapping[str, Any]) -> tuple[Residuals, ...]:
    """Each target of one part of the evidence."""
    return tuple(map(_residuals, kept["targets"]))


def _residuals(target: Mapping[str, Any]) -> Residuals:
    drawn = set(target["rows"])
    further = [row for row in target["worst"] if row["row"] not in drawn]
    true = np.array([*target["true"], *(row["true"] for row in further)], float)
    predicted = np.array([*target["predicted"], *(row["predicted"] for row in further)], float)
    quantiles = {float(share): float(value) for share, value in target["residual_quantiles"]}
    return Residuals(str(target["name"]), true, predicted, quantiles)


def window(values: Sequence[Floats], through: float | None = None) -> tuple[float, float]:
    """From where to where an axis goes that shows all numbers but those far out; `through` lies within.

    Far out is what lies beyond the 5% or the 95% quantile by more than one and a half times what is between the two:
    one row of 250 among thousands from -3 to 3 would leave those no room. Always low < high.
    """
    numbers = np.concatenate(values)
    numbers = np.append(numbers[np.isfinite(numbers)], [] if through is None else [through])
    size = max(float(np.abs(numbers).max(initial=0.0)), _SMALLEST) if numbers.any() else 1.0
    scaled = numbers / size if len(numbers) else np.zeros(1)  # a difference of 1e308s would be infinite
    low, high = float(scaled.min()), float(scaled.max())
    near, far = np.quantile(scaled, _NEARLY_ALL).tolist()
    if far > near:
        low, high = max(low, near - _BEYOND * (far - near)), min(high, far + _BEYOND * (far - near))
    if through is not None:
        low, high = min(low, through / size), max(high, through / size)
    margin = 0.04 * (high - low)
    if margin <= 1e-12:  # of one number alone
        margin = 0.04
    top = float(np.finfo(float).max)
    return max((low - margin) * size, -top), min((high + margin) * size, top)


def target_histograms(columns: Mapping[str, Floats]) -> tuple[dict[str, Histogram], int]:
    """Of one number to predict, (rows,) of each part, within their `window`; and how many rows lie beyond it."""
    low, high = window(list(columns.values()))
    inside = {part: numbers[(numbers >= low) & (numbers <= high)] for part, numbers in columns.items()}
    beyond = sum(len(columns[part]) - len(numbers) for part, numbers in inside.items())
    together = np.concatenate(list(inside.values()))
    if (together == np.rint(together)).all() and np.abs(together).max(initial=0.0) < _WHOLE:
        return value_histograms({part: numbers.astype(np.int64) for part, numbers in inside.items()}), beyond
    return value_histograms(inside), beyond
