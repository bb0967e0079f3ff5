"""A classifier's errors and confidence, from its probabilities and the true classes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from analysis.looks.classes import checked

Array = NDArray[np.generic]
Rows = NDArray[np.intp]
Shares = NDArray[np.float64]
_TOLERANCE = 1e-3  # of a row's sum; float16 probabilities of many classes are off by as much


@dataclass(frozen=True)
class Predictions:
    """A classifier's probabilities for rows whose classes are known."""

    probabilities: NDArray[np.floating]
    """(rows, n_classes), each row adding to 1."""
    truth: Array
    """(rows,) in 0 .. n_classes - 1."""

    def __post_init__(self) -> None:
        p = self.probabilities
        if p.ndim != 2 or len(p) != len(self.truth) or p.shape[1] < 2:
            raise ValueError(
                f"probabilities must be (rows, n_classes) with a row a label, got shape {p.shape} for "
                f"{len(self.truth)} labels"
            )
        checked(self.truth, p.shape[1])
        if len(p) and not (p.min() >= 0 and np.abs(p.sum(axis=1, dtype=np.float64) - 1).max() <= _TOLERANCE):
            raise ValueError("probabilities must be 0 or more and add to 1 in each row")

    @property
    def n_classes(self) -> int:
        return int(self.probabilities.shape[1])

    @cached_property
    def predicted(self) -> NDArray[np.intp]:
        """(rows,): the class of the highest probability, the first one on ties."""
        return self.probabilities.argmax(axis=1)

    @cached_property
    def confidence(self) -> Shares:
        """(rows,): the probability of the predicted class."""
        return self.probabilities.max(axis=1).astype(np.float64)

    @cached_property
    def of_truth(self) -> Shares:
        """(rows,): the probability of the true class."""
        return self.probabilities[np.arange(len(self.truth)), self.truth.astype(np.intp)].astype(np.float64)

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """(n_classes, n_classes): rows the truth, columns the prediction."""
        k = self.n_classes
        cells = self.truth.astype(np.int64) * k + self.predicted
        return np.bincount(cells, minlength=k * k).reshape(k, k)

    @cached_property
    def wrong(self) -> Rows:
        """The misclassified rows, the surest first; of equally sure rows the one with the least probable truth."""
        return self.surest(np.flatnonzero(self.predicted != self.truth))

    def surest(self, rows: Rows) -> Rows:
        """`rows` by the probability of the predicted class, highest first."""
        return rows[np.lexsort((self.of_truth[rows], -self.confidence[rows]))]


def pair_rows(predictions: Predictions, a: int, b: int) -> dict[tuple[int, int], Rows]:
    """(truth, prediction) of the classes a and b -> the rows with that pair, the surest first.

    Raises:
        ValueError: a and b are not two classes.
    """
    if a == b or not {a, b} <= set(range(predictions.n_classes)):
        raise ValueError(f"a and b must be two of the {predictions.n_classes} classes, got {a} and {b}")
    found = {}
    for truth in (a, b):
        for predicted in (a, b):
            rows = np.flatnonzero((predictions.truth == truth) & (predictions.predicted == predicted))
            found[truth, predicted] = predictions.surest(rows)
    return found


def most_confused(confusion: NDArray[np.int64]) -> tuple[int, int]:
    """The two classes that were taken for each other most often, counted both ways; the smaller number first."""
    both = np.triu(confusion + confusion.T, 1)
    if len(both) < 2:
        raise ValueError(f"a pair needs two classes or more, got {len(both)}")
    both[np.tril_indices(len(both))] = -1
    a, b = np.unravel_index(int(both.argmax()), both.shape)
    return int(a), int(b)


def truth_shares_without_diagonal(confusion: NDArray[np.int64]) -> Shares:
    """Percent of each true class that was taken for each other one; NaN on the diagonal and in a row without cases."""
    shares = truth_shares(confusion)
    np.fill_diagonal(shares, np.nan)
    return shares


def truth_shares(confusion: NDArray[np.int64]) -> Shares:
    """Percent of each true class: rows add to 100; NaN in a row without cases."""
    return _percent(confusion, confusion.sum(axis=1, keepdims=True))


def prediction_shares(confusion: NDArray[np.int64]) -> Shares:
    """Percent of each predicted class: columns add to 100; NaN in a column that was never predicted."""
    return _percent(confusion, confusion.sum(axis=0, keepdims=True))


@dataclass(frozen=True)
class ScoreHistogram:
    """Counts of a class's probability by bin, for rows of the class and for all other rows."""

    edges: Shares
    """(bins + 1,) from 0 to 1."""
    own: NDArray[np.int64]
    """(bins,)."""
    rest: NDArray[np.int64]
    """(bins,)."""


def score_histogram(predictions: Predictions, k: int, bins: int = 50) -> ScoreHistogram:
    """The histogram of the probability of class k."""
    if not 0 <= k < predictions.n_classes:
        raise ValueError(f"k must be one of the {predictions.n_classes} classes, got {k}")
    edges = np.linspace(0.0, 1.0, bins + 1)
    scores, own = np.clip(predictions.probabilities[:, k], 0.0, 1.0), predictions.truth == k
    return ScoreHistogram(edges, np.histogram(scores[own], edges)[0], np.histogram(scores[~own], edges)[0])


def top(probabilities: NDArray[np.floating], k: int) -> tuple[NDArray[np.intp], Shares]:
    """The `k` most probable classes of one row (n_classes,), the most probable first, and their probabilities."""
    classes = np.argsort(-probabilities, kind="stable")[:k]
    return classes, probabilities[classes].astype(np.float64)


def _percent(counts: NDArray[np.int64], of: NDArray[np.int64]) -> Shares:
    return np.divide(100.0 * counts, of, out=np.full(counts.shape, np.nan), where=of > 0)
