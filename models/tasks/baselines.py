"""The baselines of a study, scored as its trials are: a constant, and scikit-learn's linear model."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.core import names
from models.data.dataset import PARTS
from models.data.labels import CLASSIFICATION
from models.data.scaling import fit_scaling, fit_split_reduction, fit_targets
from models.data.splits import Split
from models.tasks.objective import CONSTANT, LINEAR
from models.tasks.task import task_of

LINEAR_ROWS = 10_000
"""The most training rows that the linear model is fitted on: a logistic one takes minutes on all of MNIST."""
LINEAR_FEATURES = 5_000
"""The most features of a linear baseline, whose cost grows with their square."""
_LEAST = float(np.finfo(np.float64).tiny)

Outputs = dict[str, NDArray[np.float64]]


def constant_baseline(split: Split) -> dict[str, float]:
    """The scores, named as a trial's, of answering every row with the class shares, or the mean, of the training part.

    The accuracy is that of the most frequent class.
    """
    labels, weights = split.labels["train"], split.weights
    if split.n_classes:
        row = np.bincount(labels, minlength=split.n_classes) / len(labels)
    else:
        row = np.average(labels, axis=0, weights=weights)
    return _scores(split, {part: np.tile(row, (split.rows(part), 1)) for part in PARTS})


def linear_baseline(split: Split) -> dict[str, float]:
    """The scores, named as a trial's, of scikit-learn's LogisticRegression or LinearRegression with its defaults.

    The model is fitted on the networks' features with the networks' row weights, on one thread. The scores are empty
    where there are more than LINEAR_FEATURES features.
    """
    from sklearn.linear_model import LinearRegression, LogisticRegression
    from threadpoolctl import threadpool_limits

    encoding = fit_scaling(split)
    features = {part: encoding.apply(split.inputs[part]) for part in PARTS}
    if split.reduction != "none":
        reduction = fit_split_reduction(split, features["train"])
        features = {part: rows @ reduction.matrix + reduction.offset for part, rows in features.items()}
    labels, weights = split.labels["train"], split.weights
    if features["train"].shape[1] > LINEAR_FEATURES:
        return {}
    kept = _some(labels)
    own = None if weights is None else weights[kept]
    with threadpool_limits(1):
        if not split.n_classes:
            fitted = LinearRegression().fit(features["train"][kept].astype(np.float64), labels[kept], own)
            return _scores(split, {part: fitted.predict(features[part]).reshape(-1, labels.shape[1]) for part in PARTS})
        model = LogisticRegression(max_iter=1000, tol=1e-3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about convergence: a baseline near its optimum is enough
            fitted = model.fit(features["train"][kept], labels[kept], own)
        found = {part: np.zeros((split.rows(part), split.n_classes)) for part in PARTS}
        for part in PARTS:
            found[part][:, fitted.classes_] = fitted.predict_proba(features[part])
        return _scores(split, found)


def baseline(name: str, split: Split) -> dict[str, float]:
    """The scores of CONSTANT or LINEAR; with cross-validation, those on validation are means over the folds."""
    fit = {CONSTANT: constant_baseline, LINEAR: linear_baseline}[name]
    scores = fit(replace(split, fold_of=None))
    if not split.folds or not scores:
        return scores
    folds = [fit(split.fold(number)) for number in range(split.folds)]
    means = {
        names.VAL + metric: float(np.mean([fold[names.TEST + metric] for fold in folds]))
        for metric in task_of(split.target).metrics
    }
    return scores | means


def describe_baseline(name: str, task: str, train_rows: int | None) -> str:
    """A baseline's name in summaries."""
    classes = task == CLASSIFICATION
    if name == CONSTANT:
        return "the most frequent class" if classes else "the mean of the training part"
    kind = "logistic" if classes else "linear"
    fewer = f", fitted on {LINEAR_ROWS:,} rows" if (train_rows or 0) > LINEAR_ROWS else ""
    return f"{kind} regression on the same features{fewer}"


def _scores(split: Split, outputs: Outputs) -> dict[str, float]:
    task, targets = task_of(split.target), fit_targets(split)
    scores: dict[str, float] = {}
    for part, found in outputs.items():
        truth = split.labels[part]
        if targets is None:
            loss = float(-np.log(np.maximum(found[np.arange(len(truth)), truth], _LEAST)).mean())
        else:
            loss = float((((found - truth) / targets.spread) ** 2).mean())
        measured = task.scores(truth, found, loss, task.metrics)
        scores |= {names.PREFIXES[part] + name: value for name, value in measured.items()}
    return scores


def _some(labels: NDArray[Any]) -> NDArray[np.int64]:
    """At most LINEAR_ROWS rows, evenly spaced: a split's rows come in random order."""
    return np.linspace(0, len(labels) - 1, min(len(labels), LINEAR_ROWS)).round().astype(np.int64)
