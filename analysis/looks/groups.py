"""Values of a hyperparameter as places on an axis, and as groups of trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

_MOST_VALUES = 8  # up to so many different numbers, each number is a group
_RANGES = 4  # more numbers are cut into so many groups with equally many trials
_WIDE = 10.0  # the least ratio of highest to lowest number on a logarithmic scale


@dataclass(frozen=True)
class Scale:
    """An axis from 0 to 1: categories at equal distances, or numbers (logarithmic when `log`)."""

    categories: tuple[Any, ...]
    low: float
    high: float
    log: bool
    ticks: tuple[tuple[float, str], ...]

    @classmethod
    def numbers(cls, values: np.ndarray, log: bool) -> Scale:
        """A scale over the range of the values."""
        low, high = float(np.min(values)), float(np.max(values))
        if low == high:
            return cls((), low, high, False, ((0.5, number(low)),))
        marks = np.geomspace(low, high, 5) if log else np.linspace(low, high, 5)
        ticks = tuple((k / 4, number(float(mark))) for k, mark in enumerate(marks))
        return cls((), low, high, log, ticks)

    def place(self, value: Any) -> float:
        """Where a value lies, from 0 to 1."""
        if self.categories:
            return self.categories.index(value) / max(len(self.categories) - 1, 1)
        if self.low == self.high:
            return 0.5
        if self.log:
            return float(np.log(value / self.low) / np.log(self.high / self.low))
        return float((value - self.low) / (self.high - self.low))


def scale_of(column: pd.Series) -> Scale:
    """A scale of categories for texts and for few numbers, and a numeric scale for other columns."""
    values = ordered(column)
    if len(values) <= _MOST_VALUES or any(isinstance(v, str) for v in values):
        last = max(len(values) - 1, 1)
        step = max(1, len(values) // 12)
        ticks = tuple((k / last, label(v)) for k, v in enumerate(values) if k % step == 0)
        return Scale(tuple(values), 0.0, 1.0, False, ticks)
    numbers = np.asarray(values, dtype=float)
    return Scale.numbers(numbers, logarithmic(numbers))


def logarithmic(numbers: np.ndarray) -> bool:
    """Whether numbers read better on a logarithmic scale: positive, wide, and crowded at the low end."""
    low, high = float(np.min(numbers)), float(np.max(numbers))
    if low <= 0 or high / low < _WIDE:
        return False
    return float(np.median(numbers) - low) / (high - low) < 0.27


def ordered(column: pd.Series) -> list[Any]:
    """The distinct values, numbers ascending, texts such as "400-300" by the numbers in them."""
    return sorted(set(column.tolist()), key=_key)


def grouped(column: pd.Series, scores: pd.Series) -> list[tuple[str, list[float]]]:
    """(label, scores) of each value; where there are many numbers, of ranges with equally many trials."""
    values = ordered(column)
    text = any(isinstance(v, str) for v in values)
    if len(values) <= _MOST_VALUES or text:
        pairs = [(label(v), scores[column == v].tolist()) for v in values]
        if len(pairs) > 12:  # more groups cannot be read: the ones with most trials
            kept = sorted(pairs, key=lambda pair: -len(pair[1]))[:12]
            pairs = [pair for pair in pairs if pair in kept]
        return pairs
    edges = np.unique(np.quantile(column.to_numpy(dtype=float), np.linspace(0, 1, _RANGES + 1)))
    which = np.clip(np.searchsorted(edges, column.to_numpy(dtype=float), "right") - 1, 0, len(edges) - 2)
    return [
        (f"{number(edges[k])}\nto {number(edges[k + 1])}", scores[which == k].tolist()) for k in range(len(edges) - 1)
    ]


def label(value: Any) -> str:
    """A value as the label of an axis, at most 14 characters."""
    text = (value or "(not set)") if isinstance(value, str) else number(float(value))
    return text if len(text) <= 14 else text[:13] + "\u2026"


def number(value: float) -> str:
    """A number with at most three significant digits; a whole number below a million in full."""
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value)}"
    return f"{value:.3g}"


def _key(value: Any) -> tuple[int, tuple[float, ...], str]:
    if not isinstance(value, str):
        return 0, (float(value),), ""
    try:
        return 0, tuple(float(part) for part in value.split("-")), value
    except ValueError:
        return 1, (), value
