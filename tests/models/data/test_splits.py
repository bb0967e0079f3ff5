"""A split has each class on either side and each group on one side, and its weights add up."""

import numpy as np
import pytest

from models.core.errors import ConfigError
from models.data.dataset import Dataset
from models.data.splits import split_by, split_dataset
from models.data.stratified import stratified_split


def made(labels: np.ndarray, **more: object) -> Dataset:
    x = np.random.default_rng(1).normal(size=(len(labels), 3))
    few = np.array([int(np.flatnonzero(labels == k)[0]) for k in np.unique(labels)])
    return Dataset("made", "made up", x, labels, x[few], labels[few], **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sizes", "held_out"), [((998, 100, 2), 220), ((998, 2, 2, 2), 10), ((3, 3, 900), 8), ((50, 50, 2), 99)]
)
@pytest.mark.parametrize("seed", range(3))
def test_each_class_has_a_row_on_either_side(sizes: tuple[int, ...], held_out: int, seed: int) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    kept, held = stratified_split(labels, held_out, seed)
    assert len(held) == held_out
    assert sorted([*kept, *held]) == list(range(len(labels)))
    for side in (kept, held):
        assert (np.bincount(labels[side], minlength=len(sizes)) > 0).all()


def test_the_sentence_about_validation_is_what_the_split_keeps() -> None:
    labels = np.repeat(np.arange(3), (998, 100, 2))
    split = split_dataset(made(labels), 0.2, 1)
    assert np.bincount(split.labels["validation"]).min() == 1
    with pytest.raises(
        ConfigError, match=r"each of the 3 classes on either side, got 2 of 1100 rows \(smallest class: 2"
    ):
        split_dataset(made(labels), 2, 1)


@pytest.mark.parametrize("seed", range(4))
def test_rows_of_one_group_are_on_one_side_of_validation_and_of_every_fold(seed: int) -> None:
    random = np.random.default_rng(seed)
    groups = random.integers(0, 60, 600).astype(str)
    labels = random.integers(0, 3, 600)
    data = made(labels, groups=groups)
    where = {row.tobytes(): group for row, group in zip(data.x_train, groups, strict=True)}

    def groups_of(rows: np.ndarray) -> set[str]:
        return {where[row.tobytes()] for row in rows}

    split = split_by(data, 0.25, "standardise", seed, folds=4)
    assert split.rows("train") + split.rows("validation") == 600
    assert abs(split.rows("validation") - 150) < 30
    assert not groups_of(split.inputs["train"]) & groups_of(split.inputs["validation"])
    folds = [groups_of(split.fold(k).inputs["test"]) for k in range(4)]
    assert sum(map(len, folds)) == len(set.union(*folds))
    shares = [np.bincount(split.labels[part], minlength=3) / split.rows(part) for part in ("train", "validation")]
    assert np.abs(shares[0] - shares[1]).max() < 0.12


def test_groups_that_would_leave_a_side_without_a_class_are_refused() -> None:
    labels = np.repeat([0, 1], 30)
    with pytest.raises(ConfigError, match="each side of a split needs a row of each class, which 2 groups"):
        split_dataset(made(labels, groups=labels.astype(str)), 0.5, 1)


def test_balanced_classes_weigh_alike_and_weights_have_mean_one() -> None:
    labels = np.repeat([0, 1, 2], (200, 50, 10))
    own = np.random.default_rng(1).uniform(0, 2, 260)
    for weights in (None, own):
        split = split_dataset(made(labels, weights=weights), 0.2, 1, class_weight="balanced")
        assert split.weights is not None
        sums = np.bincount(split.labels["train"], split.weights)
        np.testing.assert_allclose(sums, sums.mean())
        assert split.weights.mean() == pytest.approx(1)
    assert split_dataset(made(labels), 0.2, 1).weights is None
    for wrong, message in (
        (-own, "numbers of 0 or more"),
        (own * 0, "must be above 0 in some"),
        (own[1:], "must have a value a training row"),
    ):
        with pytest.raises(ConfigError, match=message):
            split_dataset(made(labels, weights=wrong), 0.2, 1)
