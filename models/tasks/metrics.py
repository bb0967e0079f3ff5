"""The metrics of a network's answers, computed from arrays; each is defined as in scikit-learn."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from models.core import names

Float = NDArray[np.floating]
Counts = NDArray[np.int64]
Direction = Literal["maximize", "minimize"]
"""Whether high or low scores are better, in Optuna's words."""


@dataclass(frozen=True)
class Metric:
    """A metric's name, the bounds of its values, and whether high or low ones are better."""

    name: str
    label: str
    """The name in sentences and on axes."""
    direction: Direction
    low: float
    high: float
    """The bounds of the values; infinite where there is none."""


_UNIT: tuple[Direction, float, float] = ("maximize", 0.0, 1.0)
_ERROR: tuple[Direction, float, float] = ("minimize", 0.0, np.inf)
METRICS = {
    metric.name: metric
    for metric in (
        Metric(names.LOSS, "loss", *_ERROR),
        Metric(names.ACCURACY, "accuracy", *_UNIT),
        Metric(names.BALANCED_ACCURACY, "balanced accuracy", *_UNIT),
        Metric(names.MACRO_F1, "macro F1", *_UNIT),
        Metric(names.AUC, "AUC", *_UNIT),
        Metric(names.RMSE, "RMSE", *_ERROR),
        Metric(names.MAE, "MAE", *_ERROR),
        Metric(names.R2, "R\u00b2", "maximize", -np.inf, 1.0),
    )
}


def metric_of(name: str) -> Metric:
    """The metric of `val_rmse`, `test_rmse` or `rmse`."""
    return METRICS[bare_name(name)]


def bare_name(name: str) -> str:
    """`rmse` of `val_rmse`, `test_rmse` or `rmse`."""
    return next((name.removeprefix(prefix) for prefix in names.PREFIXES.values() if name.startswith(prefix)), name)


def confusion_of(truth: Counts, outputs: Float) -> Counts:
    """(n_classes, n_classes): rows are the truth, columns the class of highest output, the first one on ties."""
    k = outputs.shape[1]
    return np.bincount(truth * k + outputs.argmax(axis=1), minlength=k * k).reshape(k, k)


def accuracy(confusion: Counts) -> float:
    return int(np.trace(confusion)) / int(confusion.sum())


def balanced_accuracy(confusion: Counts) -> float:
    """The mean recall of the classes that have rows."""
    support = confusion.sum(axis=1)
    return float((np.diag(confusion)[support > 0] / support[support > 0]).mean())


def macro_f1(confusion: Counts) -> float:
    """The mean F1 of the classes that have rows or were predicted; 0 / 0 counts as 0."""
    both = confusion.sum(axis=0) + confusion.sum(axis=1)
    return float((2 * np.diag(confusion)[both > 0] / both[both > 0]).mean())


def auc(truth: Counts, outputs: Float) -> float:
    """The area under the ROC curve: of two classes that of the second, of more the mean of each against the rest.

    The area is computed from ranks (Hanley and McNeil, 1982), ties counting half. Classes that have no rows, or all
    rows, have no area and are left out; 0.5 where no class is left.
    """
    classes = [1] if outputs.shape[1] == 2 else range(outputs.shape[1])
    found = [_area(truth == k, outputs[:, k]) for k in classes]
    areas = [area for area in found if area is not None]
    return float(np.mean(areas)) if areas else 0.5


def _area(own: NDArray[np.bool_], score: Float) -> float | None:
    positives = int(own.sum())
    negatives = len(own) - positives
    if not positives or not negatives:
        return None
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(count) - (count - 1) / 2
    return float((mean_ranks[place][own].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def rmse(truth: Float, predicted: Float) -> float:
    """The error on numbers (rows, targets), in their units; the mean over targets."""
    return float(np.sqrt(((predicted - truth) ** 2).mean(axis=0)).mean())


def mae(truth: Float, predicted: Float) -> float:
    """The error on numbers (rows, targets), in their units; the mean over targets."""
    return float(np.abs(predicted - truth).mean(axis=0).mean())


def r2(truth: Float, predicted: Float) -> float:
    """1 minus the ratio of the squared errors to those of the part's own mean; the mean over targets.

    A target that is the same in all rows gives 1 where it is predicted exactly, else 0.
    """
    errors = ((predicted - truth) ** 2).sum(axis=0)
    spread = ((truth - truth.mean(axis=0)) ** 2).sum(axis=0)
    constant = spread == 0  # exactly 0: the rule is for equal rows, not for nearly equal ones
    ratio = np.where(constant, (errors > 0).astype(float), errors / np.where(constant, 1, spread))
    return float((1 - ratio).mean())


OF_CONFUSION: dict[str, Callable[[Counts], float]] = {
    names.ACCURACY: accuracy,
    names.BALANCED_ACCURACY: balanced_accuracy,
    names.MACRO_F1: macro_f1,
}
"""The metrics of a classification that the confusion matrix alone gives."""
OF_OUTPUTS: dict[str, Callable[[Counts, Float], float]] = {names.AUC: auc}
"""The metrics of a classification that need the truth (rows,) and the outputs (rows, n_classes)."""
OF_NUMBERS: dict[str, Callable[[Float, Float], float]] = {names.RMSE: rmse, names.MAE: mae, names.R2: r2}
"""The metrics of a regression, of the truth and the predictions (rows, targets)."""
