"""Rows held out, or cut into folds, each class in proportion.

The rows held out are those of scikit-learn's train_test_split(stratify=labels), which tests hold it to: importing that
costs as much as starting the rest of a search.
"""

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def stratified_split(labels: NDArray[np.generic], held_out: int, seed: int) -> tuple[Rows, Rows]:
    """Rows kept and rows held out, each in random order; `labels` (rows,) are 0 .. K-1, two rows or more of each."""
    random = np.random.RandomState(seed)
    counts = np.bincount(labels)
    of_class = np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1])
    n_kept = _shared_out(counts, len(labels) - held_out, random)
    n_held = _shared_out(counts - n_kept, held_out, random)
    kept, held = [], []
    for rows, count, n, m in zip(of_class, counts, n_kept, n_held, strict=True):
        shuffled = rows[random.permutation(count)]
        kept.append(shuffled[:n])
        held.append(shuffled[n : n + m])
    return random.permutation(np.concatenate(kept)), random.permutation(np.concatenate(held))


def stratified_folds(labels: NDArray[np.generic], count: int, seed: int) -> Rows:
    """The fold, 0 .. count - 1, of each row: their sizes, and each class in them, differ by one row at most."""
    shuffled = np.random.RandomState(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    folds = np.empty(len(labels), np.int64)
    folds[by_class] = np.arange(len(labels)) % count
    return folds


def _shared_out(counts: NDArray[np.int64], n: int, random: np.random.RandomState) -> NDArray[np.int64]:
    """`n` rows shared out in proportion to `counts` (K,): largest remainders first, equal ones by lot."""
    exact = counts / counts.sum() * n
    shares = np.floor(exact)
    missing = n - int(shares.sum())
    for remainder in np.unique(exact - np.floor(exact))[::-1]:
        if missing <= 0:
            break
        equal = np.flatnonzero(exact - np.floor(exact) == remainder)
        chosen = random.choice(equal, size=min(len(equal), missing), replace=False)
        shares[chosen] += 1
        missing -= len(chosen)
    return shares.astype(np.int64)
