"""Many features in two dimensions: principal components, then t-SNE."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COMPONENTS = 20
PERPLEXITY = 30.0
_FEWEST = 10  # rows below which neighbourhoods say nothing


def can_embed(features: NDArray[np.floating]) -> bool:
    """Whether `embed` has anything to show: more than two features, and rows enough that differ."""
    rows, width = features.shape
    return rows >= _FEWEST and width > 2 and len(np.unique(features, axis=0)) >= _FEWEST


def embed(features: NDArray[np.floating]) -> NDArray[np.float64]:
    """`features` (rows, n) as points (rows, 2): t-SNE of their first 20 principal components.

    Distances between far groups and the sizes of groups mean nothing: t-SNE keeps neighbourhoods alone (van der Maaten
    and Hinton, 2008). Components first, as they advise: less noise, less time. The points follow from the features:
    t-SNE begins at the first two components, not at random.

    Raises:
        ValueError: there is nothing to embed (`can_embed`).
    """
    if not can_embed(features):
        raise ValueError(f"t-SNE needs {_FEWEST} different rows of 3 features, got an array of {features.shape}")
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    rows, width = features.shape
    reduction = PCA(min(COMPONENTS, rows, width), svd_solver="covariance_eigh")
    components = reduction.fit_transform(features.astype(np.float64))
    tsne = TSNE(2, perplexity=min(PERPLEXITY, (rows - 1) / 3), init="pca", random_state=0)
    with threadpool_limits(1):  # threads add in any order; and waiting for each other they slow down beside a search
        placed = tsne.fit_transform(components)
    return np.asarray(placed, dtype=np.float64)
