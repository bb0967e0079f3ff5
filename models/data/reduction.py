"""Reduction of the features: to principal components, or to the features that a random forest ranks highest."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.core.errors import ConfigError
from models.core.rounding import is_constant

TREES = 100
_RULE = "none, or pca: or forest: with a count of 1 or more or a share below 1 (of the variance, of the features)"

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Reduction:
    """The map from scaled features (rows, n_features) to the network's inputs (rows, k): features @ matrix + offset."""

    kind: str
    """"pca" or "forest"."""
    matrix: Float
    """(n_features, k). PCA: each column is a principal component. Forest: each column has a 1 at the feature that it
    chooses, the highest-ranked first."""
    offset: Float
    """(k,); zeros for a forest."""
    importances: NDArray[np.float64] | None = None
    """(n_features,), for a forest: the mean decrease of the Gini impurity, or of the variance; the sum is 1."""
    explained: NDArray[np.float64] | None = None
    """(k,), for PCA: each component's share of the training part's variance, the largest first."""

    @property
    def n_kept(self) -> int:
        return self.matrix.shape[1]

    @property
    def chosen(self) -> NDArray[np.int64]:
        """(k,): the features that the forest chose, the highest-ranked first."""
        if self.kind != "forest":
            raise ValueError(f"features are chosen by a forest, got {self.kind}")
        return self.matrix.argmax(axis=0)


def check_reduction(written: object) -> str:
    """`written` in its normal form: "none", "pca:0.95", "pca:154", "forest:70" or "forest:0.1".

    Raises:
        ConfigError: `written` has none of these forms.
    """
    if written == "none":
        return "none"
    kind, amount = _parsed(written)
    return f"{kind}:{amount}"


def count_asked(reduction: str, n_features: int) -> int | None:
    """How many inputs a network has after the reduction; None where a share of the variance decides."""
    if reduction == "none":
        return n_features
    kind, amount = _parsed(reduction)
    return None if kind == "pca" and amount < 1 else _count(amount, n_features)


def check_fits(reduction: str, train: NDArray[np.generic]) -> None:
    """Checks that the training part (rows, ...) can be reduced as asked for.

    Raises:
        ConfigError: the part has too few rows or features, or for PCA no variance.
    """
    if reduction == "none":
        return
    kind, _ = _parsed(reduction)
    rows, n_features = len(train), int(np.prod(train.shape[1:]))
    most = min(rows, n_features) if kind == "pca" else n_features
    if (count_asked(reduction, n_features) or 1) > most:
        raise ConfigError(f"reduction must keep at most {most} inputs of these data, got {reduction!r}")
    if kind == "pca" and _all_equal(train):
        raise ConfigError(f"reduction {reduction!r} needs training rows that differ, got {rows} equal ones")


def fit_reduction(reduction: str, features: Float, labels: NDArray[np.generic], seed: int) -> Reduction:
    """The reduction, fitted on the scaled training part (rows, n_features), never on validation or test rows.

    `labels` are classes (rows,), or numbers (rows, targets).

    PCA keeps the components with the largest variance, as few as hold the share asked for; PCA uses neither labels nor
    seed. The forest has 100 trees of full depth and ranks features by the mean decrease of the Gini impurity (Breiman,
    2001), or in a regression of the variance. Both run on one thread, so that the bits do not depend on the number of
    threads.
    """
    from threadpoolctl import threadpool_limits

    kind, amount = _parsed(reduction)
    with threadpool_limits(1):
        if kind == "pca":
            return _fit_pca(features, amount)
        return _fit_forest(features, labels, _count(amount, features.shape[1]), seed)


def _fit_pca(features: Float, amount: float) -> Reduction:
    from sklearn.decomposition import PCA

    # In double precision: a covariance in single precision would lose the small components.
    pca = PCA(n_components=amount, svd_solver="covariance_eigh").fit(features.astype(np.float64))
    offset = -pca.mean_ @ pca.components_.T
    return Reduction(
        "pca",
        np.ascontiguousarray(pca.components_.T, np.float32),
        offset.astype(np.float32),
        explained=pca.explained_variance_ratio_,
    )


def _fit_forest(features: Float, labels: NDArray[np.generic], n_kept: int, seed: int) -> Reduction:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    forest = RandomForestClassifier(TREES, random_state=seed)
    if labels.ndim == 2:
        forest = RandomForestRegressor(TREES, random_state=seed)
        labels = labels[:, 0] if labels.shape[1] == 1 else labels
    importances = forest.fit(features, labels).feature_importances_
    ranked = np.argsort(-importances, kind="stable")  # equal importances keep the order of the features
    matrix = np.zeros((features.shape[1], n_kept), np.float32)
    matrix[ranked[:n_kept], np.arange(n_kept)] = 1
    return Reduction("forest", matrix, np.zeros(n_kept, np.float32), importances=importances)


def _all_equal(train: NDArray[np.generic]) -> bool:
    low, high = train.min(axis=0).astype(np.float64), train.max(axis=0).astype(np.float64)
    return bool(is_constant(high - low, np.maximum(np.abs(low), np.abs(high)), len(train)).all())


def _count(amount: float, n_features: int) -> int:
    return int(amount) if amount >= 1 else max(round(amount * n_features), 1)


def _parsed(written: object) -> tuple[str, float]:
    """("pca" or "forest", the amount): the amount is a count of 1 or more, or a share below 1."""
    found = re.fullmatch(r"(pca|forest):([0-9]+|0?\.[0-9]+)", str(written))
    amount = 0.0 if found is None else float(found[2])
    if found is None or amount == 0 or ("." in found[2] and amount >= 1):
        raise ConfigError(f"reduction must be {_RULE}, got {written!r}")
    return found[1], amount if "." in found[2] else int(found[2])
