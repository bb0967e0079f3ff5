"""PCA and the forest: the inputs that they keep, the rows that they are fitted on, and equal results when repeated."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from sklearn.decomposition import PCA

from models.core.errors import ConfigError
from models.data.dataset import Dataset
from models.data.reduction import Reduction, check_reduction
from models.data.scaling import count_inputs, fit_scaling, fit_split_reduction
from models.data.sources import load_dataset
from models.data.splits import Split, split_dataset
from models.training.trial import prepare


def digits(reduction: str, seed: int = 7) -> Split:
    return split_dataset(load_dataset("digits"), 0.1, seed, reduction=reduction)


def scaled(split: Split, part: str = "train") -> np.ndarray:
    return fit_scaling(split).apply(split.inputs[part])


def fitted(split: Split) -> Reduction:
    return fit_split_reduction(split, scaled(split))


def bits(reduction: Reduction) -> list[bytes]:
    return [reduction.matrix.tobytes(), reduction.offset.tobytes()]


@pytest.mark.parametrize("asked", ["pca:0.95", "pca:10"])
def test_pca_is_scikit_learns_on_the_training_rows(asked: str) -> None:
    split = digits(asked)
    amount = float(asked[4:])
    theirs = PCA(amount if amount < 1 else int(amount), svd_solver="full").fit(scaled(split).astype(np.float64))
    ours, data = fitted(split), prepare(split)
    assert ours.n_kept == theirs.n_components_ == count_inputs(split) == data.n_features
    np.testing.assert_allclose(ours.explained, theirs.explained_variance_ratio_, rtol=1e-9)
    for part in ("train", "test"):
        np.testing.assert_allclose(data.x[part].numpy(), theirs.transform(scaled(split, part)), atol=2e-5)


def test_the_forest_chooses_the_features_that_tell_the_classes_apart() -> None:
    random = np.random.default_rng(3)
    labels = np.arange(400) % 4
    x = random.normal(size=(400, 12))
    x[:, 7] += 3 * (labels % 2)
    x[:, 2] += 5 * (labels // 2)
    made = Dataset("made", "made up", x[:300], labels[:300], x[300:], labels[300:])
    split = split_dataset(made, 0.2, 1, "standardise", "forest:2")
    reduction, data = fitted(split), prepare(split)
    assert set(reduction.chosen) == {2, 7}
    assert reduction.importances is not None
    assert list(reduction.importances.argsort()[::-1][:2]) == list(reduction.chosen)
    assert reduction.importances.sum() == pytest.approx(1)
    assert (data.x["test"].numpy() == scaled(split, "test")[:, reduction.chosen]).all()


@pytest.mark.parametrize("asked", ["pca:0.9", "forest:9"])
def test_neither_looks_at_a_row_outside_the_training_part(asked: str) -> None:
    split = digits(asked)
    other = {part: split.inputs[part][::-1] // 2 for part in ("validation", "test")}
    labels = {part: split.labels[part] * 0 for part in other}
    changed = replace(split, inputs=split.inputs | other, labels=split.labels | labels)
    theirs = prepare(changed).preprocessing.reduction
    assert theirs is not None
    assert bits(theirs) == bits(fitted(split))


def test_each_fold_is_reduced_by_its_own_training_rows() -> None:
    split = split_dataset(load_dataset("digits"), 0.1, 7, folds=2, reduction="pca:5")
    data = prepare(split)
    found = [data.fold(number).preprocessing.reduction for number in range(2)]
    assert [bits(each) for each in found] == [bits(fitted(split.fold(number))) for number in range(2)]
    assert bits(found[0]) != bits(found[1])


def test_the_same_seed_gives_the_same_forest_and_another_one_another() -> None:
    split = digits("forest:0.25")
    first, again, other = fitted(split), fitted(split), fitted(replace(split, seed=8))
    assert first.n_kept == 16
    assert bits(first) == bits(again)
    assert first.importances is not None
    assert other.importances is not None
    assert (first.importances == again.importances).all()
    assert (first.importances != other.importances).any()


def test_a_reduction_has_one_form_and_a_clear_refusal(blobs: Callable[..., Dataset]) -> None:
    written = ["none", "pca:.950", "pca:154", "forest:070", "forest:0.0893"]
    assert list(map(check_reduction, written)) == ["none", "pca:0.95", "pca:154", "forest:70", "forest:0.0893"]
    for wrong in ("pca", "pca:0", "pca:1.5", "forest:-3", "forest:0.0", "tsne:2", "pca:nan", 5, None):
        with pytest.raises(ConfigError, match=rf"reduction must be none, or pca: or forest: .*, got {wrong!r}"):
            check_reduction(wrong)
    with pytest.raises(ConfigError, match="must keep at most 64 inputs of these data, got 'forest:70'"):
        digits("forest:70")
    with pytest.raises(ConfigError, match="must keep at most 6 inputs of these data, got 'pca:7'"):
        split_dataset(blobs(), 0.2, 1, reduction="pca:7")
    equal = replace(blobs(), x_train=np.ones((100, 6), np.float32))
    with pytest.raises(ConfigError, match=r"'pca:0\.5' needs training rows that differ, got 80 equal ones"):
        split_dataset(equal, 0.2, 1, reduction="pca:0.5")
