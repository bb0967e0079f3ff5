"""The rows held out are those of scikit-learn's train_test_split."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from models.data.sources import load_dataset
from models.data.stratified import stratified_split


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("counts", "held_out"), [([50, 50], 20), ([7, 2, 3, 2], 5), ([101, 33, 19, 19, 8], 41)])
def test_the_rows_are_those_of_train_test_split(counts: list[int], held_out: int, seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    ours = stratified_split(labels, held_out, seed)
    theirs = train_test_split(np.arange(len(labels)), test_size=held_out, stratify=labels, random_state=seed)
    for own, other in zip(ours, theirs, strict=True):
        assert own.tolist() == other.tolist()


def test_digits_are_those_of_scikit_learn() -> None:
    ours, theirs = load_dataset("digits"), load_digits()
    x_train, x_test, y_train, y_test = train_test_split(
        theirs.images.astype(np.uint8), theirs.target, test_size=360, stratify=theirs.target, random_state=0
    )
    for own, other in zip((ours.x_train, ours.x_test, ours.y_train, ours.y_test), (x_train, x_test, y_train, y_test),
                          strict=True):  # fmt: skip
        assert own.dtype == other.dtype
        assert (own == other).all()
