"""A data set class by class: counts, examples, means, typical rows, and the distribution of values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
Rows = NDArray[np.intp]
_MOST_BINS = 64
_ROWS_AT_ONCE = 4096  # some 25 MB of MNIST in double precision


def class_counts(labels: Mapping[str, Array], n_classes: int) -> dict[str, NDArray[np.int64]]:
    """Rows of each class, (n_classes,), in each part; labels (rows,) in 0 .. n_classes - 1."""
    return {part: np.bincount(checked(values, n_classes), minlength=n_classes) for part, values in labels.items()}


def examples(labels: Array, n_classes: int, each: int, seed: int = 0) -> tuple[Rows, ...]:
    """Row numbers of `each` rows of each class (or all its rows), drawn without replacement from a seed."""
    random = np.random.default_rng(seed)
    found = (np.flatnonzero(checked(labels, n_classes) == k) for k in range(n_classes))
    return tuple(random.permutation(rows)[:each] for rows in found)


def class_means(inputs: Array, labels: Array, n_classes: int) -> NDArray[np.float64]:
    """The mean input of each class, (n_classes, *input_shape); NaN for a class without rows."""
    flat, labels = _flat(inputs), checked(labels, n_classes)
    means = np.full((n_classes, flat.shape[1]), np.nan)
    for k in np.unique(labels):
        means[k] = flat[labels == k].mean(axis=0, dtype=np.float64)
    return means.reshape(n_classes, *inputs.shape[1:])


@dataclass(frozen=True)
class Typicality:
    """How far each row lies from the mean of its class."""

    means: NDArray[np.float64]
    """(n_classes, *input_shape)."""
    distances: NDArray[np.float64]
    """(rows,): Euclidean, in the units of the inputs."""
    nearest: tuple[Rows, ...]
    """For each class, the rows nearest to the mean, the nearest first."""
    farthest: tuple[Rows, ...]
    """For each class, the rows farthest from the mean, the farthest first."""


def typicality(inputs: Array, labels: Array, n_classes: int, each: int) -> Typicality:
    """The `each` most and least typical rows of each class, by Euclidean distance to the class's mean.

    Formula: the square root of the sum of squared differences over all values of a row. The mean of signed differences
    would not do: an image that is darker than the mean in one place and lighter in another would have differences that
    cancel, and the extremes would be the images with the least and the most ink.
    """
    flat, labels = _flat(inputs), checked(labels, n_classes)
    means = class_means(flat, labels, n_classes)
    distances = np.empty(len(flat))
    for start in range(0, len(flat), _ROWS_AT_ONCE):
        part = slice(start, start + _ROWS_AT_ONCE)
        difference = flat[part].astype(np.float64) - means[labels[part]]
        distances[part] = np.sqrt(np.einsum("ij,ij->i", difference, difference))
    nearest, farthest = [], []
    for k in range(n_classes):
        rows = np.flatnonzero(labels == k)
        ordered = rows[np.argsort(distances[rows], kind="stable")]
        nearest.append(ordered[:each])
        farthest.append(ordered[::-1][:each])
    return Typicality(means.reshape(n_classes, *inputs.shape[1:]), distances, tuple(nearest), tuple(farthest))


@dataclass(frozen=True)
class Histogram:
    """Counts between edges; the last bin holds its upper edge too."""

    edges: NDArray[np.float64]
    """(bins + 1,), ascending."""
    counts: NDArray[np.int64]
    """(bins,)."""

    @property
    def shares(self) -> NDArray[np.float64]:
        """The counts over their sum."""
        return self.counts / max(int(self.counts.sum()), 1)


def mean_histograms(inputs: Mapping[str, Array]) -> dict[str, Histogram]:
    """Histograms of the mean value of each row, with the same edges for all parts."""
    means = {part: _flat(values).mean(axis=1, dtype=np.float64) for part, values in inputs.items()}
    low, high = min(map(np.min, means.values())), max(map(np.max, means.values()))
    edges = _edges(low, high, _bins(min(map(len, means.values()))))
    return {part: Histogram(edges, np.histogram(values, edges)[0]) for part, values in means.items()}


def value_histograms(inputs: Mapping[str, Array]) -> dict[str, Histogram]:
    """Histograms of all values of all rows, with the same edges for all parts.

    Whole numbers get bins of equal whole widths, so that every bin covers the same number of values: 256 byte values
    make 64 bins of four.
    """
    low = min(float(values.min()) for values in inputs.values())
    high = max(float(values.max()) for values in inputs.values())
    bins = _bins(min(values.size for values in inputs.values()))
    edges = _edges(low, high, bins)
    if all(values.dtype.kind in "ui" for values in inputs.values()):
        different = round(high - low) + 1
        width = -(-different // bins)
        edges = low - 0.5 + width * np.arange(-(-different // width) + 1.0)
    found = {}
    for part, values in inputs.items():
        counts = np.zeros(len(edges) - 1, np.int64)
        for start in range(0, len(values), _ROWS_AT_ONCE):
            # NumPy would sort the values if the edges were given, so it is given number and range of bins.
            some = values[start : start + _ROWS_AT_ONCE]
            counts += np.histogram(some, len(edges) - 1, (edges[0], edges[-1]))[0]
        found[part] = Histogram(edges, counts)
    return found


def checked(labels: Array, n_classes: int) -> NDArray[np.int64]:
    """`labels` as whole numbers; raises ValueError unless they are (rows,) in 0 .. n_classes - 1."""
    if labels.ndim != 1 or labels.dtype.kind not in "ui":
        raise ValueError(f"labels must be a whole number a row, got {labels.dtype} of shape {labels.shape}")
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < n_classes:
        raise ValueError(f"labels must be in 0 .. {n_classes - 1}, got {labels.min()} to {labels.max()}")
    return labels.astype(np.int64)


def _flat(inputs: Array) -> Array:
    return inputs.reshape(len(inputs), -1)


def _bins(values: int) -> int:
    """The number of bins by Rice's rule, twice the cube root of the values, from 8 to 64."""
    return int(np.clip(round(2 * values ** (1 / 3)), 8, _MOST_BINS))


def _edges(low: float, high: float, bins: int) -> NDArray[np.float64]:
    return np.linspace(low, high if high > low else low + 1.0, bins + 1)
