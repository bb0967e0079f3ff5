"""Classification: its metrics, and each class against the rest. Imports no TensorFlow, because figures use it too."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.core import names
from models.data.labels import CLASSIFICATION, Label
from models.tasks import metrics
from models.tasks.objective import METRICS_OF


@dataclass(frozen=True)
class Classification:
    """Truth (rows,) in 0 .. K-1, outputs (rows, K) probabilities."""

    classes: tuple[Label, ...]
    kind = CLASSIFICATION
    loss = "cross-entropy"
    metrics = METRICS_OF[CLASSIFICATION]
    costly = (names.AUC,)

    def scores(
        self, truth: NDArray[Any], outputs: NDArray[np.floating], loss: float, wanted: tuple[str, ...]
    ) -> dict[str, float]:
        """As models.tasks.task.Task."""
        confusion = metrics.confusion_of(truth, outputs)
        by_counts = {name: measure(confusion) for name, measure in metrics.OF_CONFUSION.items() if name in wanted}
        by_outputs = {name: measure(truth, outputs) for name, measure in metrics.OF_OUTPUTS.items() if name in wanted}
        return {names.LOSS: loss} | by_counts | by_outputs

    def evidence(self, truth: NDArray[Any], outputs: NDArray[np.floating]) -> dict[str, Any]:
        """`confusion`, rows the truth, columns the prediction; and `per_class`, a row for each class."""
        confusion = metrics.confusion_of(truth, outputs)
        return {"confusion": confusion.tolist(), "per_class": per_class(confusion)}


def score_of_confusion(metric: str, confusion: NDArray[np.int64]) -> float | None:
    """The metric computed from a matrix (n_classes, n_classes), rows the truth; None where it needs probabilities."""
    return metrics.OF_CONFUSION[metric](confusion) if metric in metrics.OF_CONFUSION else None


@dataclass(frozen=True)
class OneAgainstRest:
    """One class's counts of rows, and its rates; 0 / 0 counts as 0, as in scikit-learn.

    Definitions as in T. Fawcett, "An introduction to ROC analysis", Pattern Recognition Letters 27 (2006), table 1.
    """

    true_positives: int
    false_negatives: int
    false_positives: int
    true_negatives: int

    @property
    def support(self) -> int:
        """The number of the class's rows."""
        return self.true_positives + self.false_negatives

    @property
    def recall(self) -> float:
        """The share of the class's rows that were found; also called sensitivity, or the true positive rate."""
        return _share(self.true_positives, self.support)

    @property
    def precision(self) -> float:
        """The share of the rows predicted as the class that belong to the class."""
        return _share(self.true_positives, self.true_positives + self.false_positives)

    @property
    def specificity(self) -> float:
        """The true negative rate: the share of the other classes' rows that were not predicted as the class."""
        return _share(self.true_negatives, self.true_negatives + self.false_positives)

    @property
    def false_positive_rate(self) -> float:
        """The share of the other classes' rows that were predicted as the class."""
        return _share(self.false_positives, self.true_negatives + self.false_positives)

    @property
    def false_negative_rate(self) -> float:
        """The share of the class's rows that were missed."""
        return _share(self.false_negatives, self.support)

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        return _share(2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives)


def one_against_rest(confusion: NDArray[np.int64]) -> tuple[OneAgainstRest, ...]:
    """Each class of a matrix (n_classes, n_classes), rows the truth, columns the prediction, against the rest."""
    total, found = int(confusion.sum()), np.diag(confusion)
    missed, wrongly = confusion.sum(axis=1) - found, confusion.sum(axis=0) - found
    counts = zip(found.tolist(), missed.tolist(), wrongly.tolist(), strict=True)
    return tuple(OneAgainstRest(tp, fn, fp, total - tp - fn - fp) for tp, fn, fp in counts)


def per_class(confusion: NDArray[np.int64]) -> list[dict[str, Any]]:
    """The precision, recall, F1, specificity and support of each class, a row for each."""
    rates = ("precision", "recall", "f1", "specificity", "support")
    rows = enumerate(one_against_rest(confusion))
    return [{"class": k} | {name: getattr(row, name) for name in rates} for k, row in rows]


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
