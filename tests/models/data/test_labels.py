"""Labels of any kind determine their task and keep their names; a refusal names the task that takes them."""

from typing import Any

import numpy as np
import pytest

from models.core.errors import ConfigError
from models.data.dataset import Dataset
from models.data.labels import Target, encode_labels, infer_task
from models.data.sources import load_dataset


@pytest.mark.parametrize(
    ("labels", "classes", "codes"),
    [
        (["b", "a", "b"], ("a", "b"), [1, 0, 1]),
        (np.array([b"yes", b"no", b"no"]), ("no", "yes"), [1, 0, 0]),
        (np.array(["x", "y", "x"], dtype=object), ("x", "y"), [0, 1, 0]),
        ([True, False, True], (False, True), [1, 0, 1]),
        ([7, -3, 7], (-3, 7), [1, 0, 1]),
        ([1.0, 2.0, 1.0], (1, 2), [0, 1, 0]),
        ([[5], [9], [9]], (5, 9), [0, 1, 1]),
        ([[0, 1, 0], [1, 0, 0], [0, 0, 1]], (0, 1, 2), [1, 0, 2]),
        ([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], (0, 1), [1, 0, 1]),
        (np.array([2, 0, 1], ">i2"), (0, 1, 2), [2, 0, 1]),
    ],
)
def test_classes_of_any_kind_are_encoded_and_named(labels: Any, classes: tuple, codes: list[int]) -> None:
    target, train, test = encode_labels(np.asarray(labels), np.asarray(labels)[:1])
    assert (target.task, target.classes) == ("classification", classes)
    assert [type(label) for label in target.classes] == [type(label) for label in classes]
    assert train.tolist() == codes
    assert test.tolist() == codes[:1]
    assert target.class_names == [str(label) for label in classes]
    assert target.numbered == (classes == tuple(range(len(classes))) and not isinstance(classes[0], bool))


@pytest.mark.parametrize(
    ("labels", "task"),
    [
        (np.arange(20), "classification"),
        (np.arange(21), "regression"),
        (np.tile(np.arange(100), 2), "classification"),
        (np.arange(100.0) * 3, "regression"),
        (np.array([0.5, 1, 1]), "regression"),
        (np.ones((5, 2)), "regression"),
        (np.array(["3", "4"]), "classification"),
    ],
)
def test_the_task_is_inferred_from_the_labels(labels: np.ndarray, task: str) -> None:
    assert infer_task(labels) == task


def test_whole_numbers_are_predicted_as_numbers_where_the_task_says_so() -> None:
    target, train, _ = encode_labels(np.array([3, 4, 8]), np.array([5]), "regression")
    assert target == Target("regression")
    assert train.tolist() == [[3.0], [4.0], [8.0]]
    several, train, _ = encode_labels(np.ones((4, 2)), np.ones((1, 2)), names=("a", "b"))
    assert (several.task, several.names, several.n_outputs, train.shape) == ("regression", ("a", "b"), 2, (4, 2))
    kept, train, _ = encode_labels(np.array([[0, 1], [1, 0]]), np.array([[1, 0]]), "regression")
    assert (kept.n_outputs, train.shape) == (2, (2, 2))


@pytest.mark.parametrize(
    ("train", "test", "task", "message"),
    [
        (["a", "b"], ["a"], "regression", "y_train holds words such as 'a', which task: classification would take"),
        ([True, False], [True], "regression", "holds booleans such as True, which task: classification would take"),
        ([0.5, 1.5], [0.5], "classification", "holds numbers such as 0.5, which task: regression would take"),
        ([1, 2], [0.5], "classification", "y_test holds numbers such as 0.5, which task: regression would take"),
        (
            [[1, 5], [2, 3]],
            [[1, 2]],
            "classification",
            "y_train has 2 numbers a row, which task: regression would",
        ),
        (["a", "a"], ["a"], "", "y_train must have two classes or more, got 'a' alone"),
        (["a", "b"], ["c"], "", "y_test must hold labels of y_train only, got c"),
        (["a", "b"], [1], "", "must be of one kind, got words and numbers"),
        ([0.5, np.nan], [0.5], "", "y_train must be finite numbers, got 1 others"),
        ([[1.5, 2]], [[1.5]], "", "as many numbers a row"),
        ([1j, 2], [1], "", "y_train must be words, booleans or numbers, all of one kind, got complex128"),
        ([1, 2], [1], "ranking", "task must be one of classification, regression, got 'ranking'"),
        ([1, 2], [1], "regresion", "got 'regresion'; did you mean 'regression'?"),
    ],
)
def test_labels_of_no_task_or_another_are_refused(train: Any, test: Any, task: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace("?", r"\?")):
        encode_labels(np.asarray(train), np.asarray(test), task)


def test_what_a_data_set_means_is_part_of_its_hash_and_labels_from_0_are_what_they_were() -> None:
    x = np.arange(8.0).reshape(4, 2)

    def made(*labels: Any) -> Dataset:
        return Dataset("made", "made up", x, np.array(labels), x, np.array(labels))

    pairs: Any = ((0, 1), ("a", "b"), ("a", "c"), (3, 7))
    assert len({made(*pair, *pair).sha256 for pair in pairs}) == 4
    # The hash of digits that has identified studies since the first release.
    assert load_dataset("digits").sha256 == "a902e2e48aabe22e294e1129f1943b6a4c683d1b689329c93fa492a0da29bc65"
