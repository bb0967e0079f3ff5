"""Numbers to predict: their distribution, the predictions beside them, and the range of an axis that shows them."""

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
"""Part of the data -> what models.tasks.regression.Regression.evidence keeps of the part."""

_SMALLEST = 1e-300  # for smaller numbers, float64 lacks the digits that tell the ends of an axis apart
_WHOLE = 1e15  # float64 cannot represent every larger whole number
_NEARLY_ALL = (0.05, 0.95)
_BEYOND = 1.5  # times the range of nearly all numbers: of a billion normal numbers none lies farther out


@dataclass(frozen=True)
class Residuals:
    """One target on one part of the data."""

    name: str
    true: Floats
    """(n,): the true numbers of the rows that were kept, and of the worst rows."""
    predicted: Floats
    """(n,)."""
    quantiles: Mapping[float, float]
    """Share, ascending from 0 to 1 -> quantile of predicted less true over all rows of the part."""

    @cached_property
    def residuals(self) -> Floats:
        """(n,): predicted less true; infinite beyond the range of float64."""
        with np.errstate(over="ignore"):
            return self.predicted - self.true


def residuals_of(kept: Mapping[str, Any]) -> tuple[Residuals, ...]:
    """The residuals of each target, from the evidence of one part."""
    return tuple(map(_residuals, kept["targets"]))


def _residuals(target: Mapping[str, Any]) -> Residuals:
    drawn = set(target["rows"])
    further = [row for row in target["worst"] if row["row"] not in drawn]
    true = np.array([*target["true"], *(row["true"] for row in further)], float)
    predicted = np.array([*target["predicted"], *(row["predicted"] for row in further)], float)
    quantiles = {float(share): float(value) for share, value in target["residual_quantiles"]}
    return Residuals(str(target["name"]), true, predicted, quantiles)


def window(values: Sequence[Floats], through: float | None = None) -> tuple[float, float]:
    """The ends (low, high) of an axis that shows all numbers except those far out; `through` lies on the axis.

    A number is far out where it lies beyond the 5% or the 95% quantile by more than one and a half times the distance
    between both quantiles: one row of 250 would press thousands of rows from -3 to 3 into a line. Always low < high.
    """
    numbers = np.concatenate(values)
    numbers = np.append(numbers[np.isfinite(numbers)], [] if through is None else [through])
    size = max(float(np.abs(numbers).max(initial=0.0)), _SMALLEST) if numbers.any() else 1.0
    scaled = (
        numbers / size if len(numbers) else np.zeros(1)
    )  # unscaled, the difference of two numbers near 1e308 is infinite
    low, high = float(scaled.min()), float(scaled.max())
    near, far = np.quantile(scaled, _NEARLY_ALL).tolist()
    if far > near:
        low, high = max(low, near - _BEYOND * (far - near)), min(high, far + _BEYOND * (far - near))
    if through is not None:
        low, high = min(low, through / size), max(high, through / size)
    margin = 0.04 * (high - low)
    if margin <= 1e-12:  # all numbers are equal
        margin = 0.04
    top = float(np.finfo(float).max)
    return max((low - margin) * size, -top), min((high + margin) * size, top)


def target_histograms(columns: Mapping[str, Floats]) -> tuple[dict[str, Histogram], int]:
    """Histograms of one target, given as (rows,) of each part, within its `window`, and the rows that lie beyond."""
    low, high = window(list(columns.values()))
    inside = {part: numbers[(numbers >= low) & (numbers <= high)] for part, numbers in columns.items()}
    beyond = sum(len(columns[part]) - len(numbers) for part, numbers in inside.items())
    together = np.concatenate(list(inside.values()))
    if (together == np.rint(together)).all() and np.abs(together).max(initial=0.0) < _WHOLE:
        return value_histograms({part: numbers.astype(np.int64) for part, numbers in inside.items()}), beyond
    return value_histograms(inside), beyond
