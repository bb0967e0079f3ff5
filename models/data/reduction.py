"""Fewer inputs than the data has features: principal components, or the features a random forest ranks highest."""

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
    """What stands between the scaled features (rows, n_features) and the network: features @ matrix + offset."""

    kind: str
    """"pca" or "forest"."""
    matrix: Float
    """(n_features, k): a principal component a column, or a one where a feature is chosen, the highest-ranked first."""
    offset: Float
    """(k,); of a forest, zeros."""
    importances: NDArray[np.float64] | None = None
    """(n_features,): mean decrease of the Gini impurity, or variance, they sum to 1; of a forest alone."""
    explained: NDArray[np.float64] | None = None
    """(k,): each component's share of the variance of the training part, falling; of PCA alone."""

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
    """`written` in its one form: "none", "pca:0.95", "pca:154", "forest:70" or "forest:0.1".

    Raises:
        ConfigError: it is none of these.
    """
    if written == "none":
        return "none"
    kind, amount = _parsed(written)
    return f"{kind}:{amount}"


def count_asked(reduction: str, n_features: int) -> int | None:
    """How many inputs are left of `n_features`, or None where a share of the variance decides."""
    if reduction == "none":
        return n_features
    kind, amount = _parsed(reduction)
    return None if kind == "pca" and amount < 1 else _count(amount, n_features)


def check_fits(reduction: str, train: NDArray[np.generic]) -> None:
    """That the training part (rows, ...) can be reduced so.

    Raises:
        ConfigError: it has too few rows or features, or, for PCA, no variance.
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
    """Fitted on the scaled training part (rows, n_features), never on validation or test rows.

    Its labels are (rows,), or numbers (rows, targets).

    PCA keeps the components with the largest variance, the fewest that hold the share asked for; it looks at no label
    and at no seed. The forest has 100 trees, grown whole, and ranks by mean decrease of the Gini impurity (Breiman,
    2001), of numbers to predict by that of the variance. On one thread, so that the bits do not depend on how many
    there are.
    """
    from threadpoolctl import threadpool_limits

    kind, amount = _parsed(reduction)
    with threadpool_limits(1):
        if kind == "pca":
            return _fit_pca(features, amount)
        return _fit_forest(features, labels, _count(amount, features.shape[1]), seed)


def _fit_pca(features: Float, amount: float) -> Reduction:
    from sklearn.decomposition import PCA

    # In double precision: from the covariance, which in single precision would lose the small components.
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
    ranked = np.argsort(-importances, kind="stable")  # of equal ones the first
    matrix = np.zeros((features.shape[1], n_kept), np.float32)
    matrix[ranked[:n_kept], np.arange(n_kept)] = 1
    return Reduction("forest", matrix, np.zeros(n_kept, np.float32), importances=importances)


def _all_equal(train: NDArray[np.generic]) -> bool:
    low, high = train.min(axis=0).astype(np.float64), train.max(axis=0).astype(np.float64)
    return bool(is_constant(high - low, np.maximum(np.abs(low), np.abs(high)), len(train)).all())


def _count(amount: float, n_features: int) -> int:
    return int(amount) if amount >= 1 else max(round(amount * n_features), 1)


def _parsed(written: object) -> tuple[str, float]:
    """("pca" or "forest", a count of 1 or more, or a share below 1)."""
    found = re.fullmatch(r"(pca|forest):([0-9]+|0?\.[0-9]+)", str(written))
    amount = 0.0 if found is None else float(found[2])
    if found is None or amount == 0 or ("." in found[2] and amount >= 1):
        raise ConfigError(f"reduction must be {_RULE}, got {written!r}")
    return found[1], amount if "." in found[2] else int(found[2])
