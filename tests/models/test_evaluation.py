"""Evaluation of a part of the data agrees with Keras and with scikit-learn."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from models import evaluation
from models.config import TrialConfig
from models.evaluation import evaluate, per_class
from models.formula import Formula
from models.networks import build_network


@pytest.mark.parametrize("rows_at_once", [7, 1024])
def test_loss_and_confusion_are_those_of_the_keras_network(rows_at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation, "_ROWS_AT_ONCE", rows_at_once)
    evaluation._trace.cache_clear()
    config = TrialConfig.from_parameters({"width": 9, "dropout": 0.5, "l2": 0.1, "batch_norm": "after"})
    network = build_network(config, 5, 4, seed=1)
    random = np.random.default_rng(1)
    x, y = random.normal(size=(100, 5)).astype("float32"), random.integers(0, 4, 100).astype("int32")
    ours = evaluate(network, Formula.of(config), tf.constant(x), tf.constant(y), 4)
    evaluation._trace.cache_clear()
    probabilities = network(x, training=False).numpy()
    assert ours.loss == pytest.approx(-np.log(probabilities[np.arange(100), y]).mean(), rel=1e-5)
    assert (ours.confusion == confusion_matrix(y, probabilities.argmax(1), labels=range(4))).all()
    assert ours.accuracy == np.mean(probabilities.argmax(1) == y)


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
