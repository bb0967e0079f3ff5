"""Counts and rates of each class against the rest agree with scikit-learn and with a plain count."""

import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from models.tasks.classification import one_against_rest, per_class


def test_per_class_numbers_are_scikit_learns_and_a_class_never_predicted_counts_as_0() -> None:
    random = np.random.default_rng(2)
    truth, predicted = random.integers(0, 4, 50), random.integers(0, 3, 50)
    rows = per_class(confusion_matrix(truth, predicted, labels=range(4)))
    columns = precision_recall_fscore_support(truth, predicted, labels=range(4), zero_division=0)
    for name, values in zip(("precision", "recall", "f1", "support"), columns, strict=True):
        assert [row[name] for row in rows] == pytest.approx(list(values))
    assert [row["class"] for row in rows] == [0, 1, 2, 3]
    for k, row in enumerate(rows):
        others = truth != k
        assert row["specificity"] == pytest.approx(np.mean(predicted[others] != k))
    assert rows[3]["precision"] == 0.0


def test_counts_and_rates_against_the_rest_are_what_counting_gives() -> None:
    random = np.random.default_rng(3)
    truth, predicted = random.integers(0, 4, 200), random.integers(0, 4, 200)
    for k, row in enumerate(one_against_rest(confusion_matrix(truth, predicted))):
        own, taken = truth == k, predicted == k
        assert row.true_positives == np.sum(own & taken)
        assert row.false_negatives == np.sum(own & ~taken)
        assert row.false_positives == np.sum(~own & taken)
        assert row.true_negatives == np.sum(~own & ~taken)
        assert row.false_positive_rate == pytest.approx(np.mean(taken[~own]))
        assert row.false_negative_rate == pytest.approx(np.mean(~taken[own]))
        assert row.specificity + row.false_positive_rate == pytest.approx(1.0)
        assert row.recall + row.false_negative_rate == pytest.approx(1.0)
