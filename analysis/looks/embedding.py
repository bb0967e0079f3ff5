"""Many features in two dimensions: principal components, then t-SNE."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COMPONENTS = 20
PERPLEXITY = 30.0
_FEWEST = 10  # with fewer different rows, neighbourhoods say nothing


def can_embed(features: NDArray[np.floating]) -> bool:
    """Whether `embed` can show anything: there are more than two features, and enough different rows."""
    rows, width = features.shape
    return rows >= _FEWEST and width > 2 and len(np.unique(features, axis=0)) >= _FEWEST


def embed(features: NDArray[np.floating]) -> NDArray[np.float64]:
    """`features` (rows, n) as points (rows, 2): t-SNE of their first 20 principal components.

    Distances between far groups and the sizes of groups mean nothing, because t-SNE keeps neighbourhoods only.
    Principal components come first, which takes away noise and time. The points are a function of the features: t-SNE
    begins at the first two components, not at random. Source: van der Maaten and Hinton, "Visualizing Data using t-SNE"
    (2008).

    Raises:
        ValueError: the features have fewer than 10 different rows or fewer than 3 columns (`can_embed`).
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
    with threadpool_limits(1):  # threads add in a varying order, and are slow beside a search
        placed = tsne.fit_transform(components)
    return np.asarray(placed, dtype=np.float64)
