"""Rows held out, or cut into folds, with each class in proportion; a group of rows stays on one side.

The rows held out are those of scikit-learn's train_test_split(stratify=labels), as tests prove. The function itself is
not used, because importing scikit-learn takes as long as starting the rest of a search.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def stratified_split(labels: NDArray[np.generic], held_out: int, seed: int) -> tuple[Rows, Rows]:
    """Row numbers kept and held out, each in random order; `labels` (rows,) are 0 .. K-1, two rows or more of each.

    Every class has a row on either side, even where its share is less than one row: `held_out` must leave K rows or
    more on either side.
    """
    random = np.random.RandomState(seed)
    counts = np.bincount(labels)
    of_class = np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1])
    n_kept = _shared_out(counts, len(labels) - held_out, random)
    n_held = _shared_out(counts - n_kept, held_out, random)
    n_kept, n_held = _one_each(n_kept, n_held)
    kept, held = [], []
    for rows, count, n, m in zip(of_class, counts, n_kept, n_held, strict=True):
        shuffled = rows[random.permutation(count)]
        kept.append(shuffled[:n])
        held.append(shuffled[n : n + m])
    return random.permutation(np.concatenate(kept)), random.permutation(np.concatenate(held))


def stratified_folds(labels: NDArray[np.generic], count: int, seed: int) -> Rows:
    """(rows,): the fold, 0 .. count - 1, of each row. Folds, and each class in the folds, differ by one row at most."""
    shuffled = np.random.RandomState(seed).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    folds = np.empty(len(labels), np.int64)
    folds[by_class] = np.arange(len(labels)) % count
    return folds


def grouped_parts(labels: NDArray[np.generic], groups: NDArray[np.generic], shares: Sequence[float], seed: int) -> Rows:
    """(rows,): the part, 0 .. len(shares) - 1, of each row; a group is in one part, and parts are near their `shares`.

    Groups go one after another, the largest first and equal ones by lot, to the part that then lacks most of their
    classes: the sum over classes of squared shares of the class that are missing falls most. Parts can end without a
    class, or empty, where there are few groups.
    """
    random = np.random.RandomState(seed)
    _, group_of = np.unique(groups, return_inverse=True)
    n_groups, n_classes = int(group_of.max()) + 1, int(labels.max()) + 1
    counts = np.zeros((n_groups, n_classes))
    np.add.at(counts, (group_of, labels.astype(np.int64)), 1)
    counts /= np.maximum(counts.sum(axis=0), 1)
    missing = np.outer(shares, (counts.sum(axis=0) > 0).astype(float))
    order = random.permutation(n_groups)
    order = order[np.argsort(-counts[order].sum(axis=1), kind="stable")]
    part_of = np.empty(n_groups, np.int64)
    for group in order:
        gain = (missing**2).sum(axis=1) - ((missing - counts[group]) ** 2).sum(axis=1)
        part_of[group] = int(gain.argmax())
        missing[part_of[group]] -= counts[group]
    return part_of[group_of]


def grouped_split(
    labels: NDArray[np.generic], groups: NDArray[np.generic], held_out: int, seed: int
) -> tuple[Rows, Rows]:
    """As `stratified_split`, with each group on one side; `held_out` is met as nearly as the groups' sizes allow."""
    share = held_out / len(labels)
    parts = grouped_parts(labels, groups, (1 - share, share), seed)
    random = np.random.RandomState(seed)
    return random.permutation(np.flatnonzero(parts == 0)), random.permutation(np.flatnonzero(parts == 1))


def _one_each(n_kept: NDArray[np.int64], n_held: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The same totals, with a row of each class on either side, taken from the largest class of that side."""
    sides = [n_kept.copy(), n_held.copy()]
    for own, other in ((0, 1), (1, 0)):
        for missing in np.flatnonzero((sides[own] == 0) & (sides[other] > 1)).tolist():
            giving = int(sides[own].argmax())
            if sides[own][giving] < 2:
                break
            for side, change in ((own, 1), (other, -1)):
                sides[side][missing] += change
                sides[side][giving] -= change
    return sides[0], sides[1]


def _shared_out(counts: NDArray[np.int64], n: int, random: np.random.RandomState) -> NDArray[np.int64]:
    """(K,): `n` rows in proportion to `counts` (K,): largest remainders first, equal ones by lot."""
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
