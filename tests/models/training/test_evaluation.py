"""Evaluation of a part of the data agrees with Keras and with scikit-learn."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import confusion_matrix, mean_squared_error

from models.core.config import TrialConfig
from models.networks.formula import Formula
from models.networks.mlp import build_network
from models.tasks.metrics import confusion_of
from models.training.evaluation import ModelEvaluation, evaluate


@pytest.mark.parametrize("rows", [100, 2500], ids=["one chunk", "three chunks"])
def test_loss_and_confusion_are_those_of_the_keras_network(rows: int) -> None:
    config = TrialConfig.from_parameters({"width": 9, "dropout": 0.5, "l2": 0.1, "batch_norm": "after"})
    network = build_network(config, 5, 4, seed=1)
    random = np.random.default_rng(1)
    x, y = random.normal(size=(rows, 5)).astype("float32"), random.integers(0, 4, rows).astype("int32")
    ours = evaluate(network, Formula.of(config), tf.constant(x), tf.constant(y))
    probabilities = network(x, training=False).numpy()
    assert ours.loss == pytest.approx(-np.log(probabilities[np.arange(rows), y]).mean(), rel=1e-5)
    assert ours.outputs.shape == (rows, 4)
    np.testing.assert_allclose(ours.outputs, probabilities, rtol=1e-5)
    confusion = confusion_of(y, ours.outputs)
    assert (confusion == confusion_matrix(y, probabilities.argmax(1), labels=range(4))).all()


@pytest.mark.parametrize("rows", [1, 7, 50])
def test_of_numbers_the_loss_is_the_mean_square_and_the_answers_are_the_networks(rows: int) -> None:
    config = TrialConfig.from_parameters({"width": "9-4", "batch_norm": "before"})
    network = build_network(config, 5, 2, seed=1, output="linear")
    random = np.random.default_rng(1)
    x, y = random.normal(size=(rows, 5)).astype("float32"), random.normal(size=(rows, 2)).astype("float32")
    ours = evaluate(network, Formula.of(config, "squares"), tf.constant(x), tf.constant(y))
    np.testing.assert_allclose(ours.outputs, network(x, training=False).numpy(), rtol=1e-4, atol=1e-6)
    assert ours.loss == pytest.approx(mean_squared_error(y, ours.outputs), rel=1e-5)


@pytest.mark.parametrize("traced", [True, False])
@pytest.mark.parametrize("rows", [1, 256, 700])
def test_any_model_is_evaluated_as_keras_evaluates_it(rows: int, traced: bool) -> None:
    random = np.random.default_rng(1)
    inputs = {name: keras.Input((3,), name=name) for name in ("a", "b")}
    h = keras.layers.BatchNormalization()(keras.layers.Dropout(0.5)(keras.layers.Concatenate()(list(inputs.values()))))
    model = keras.Model(inputs, keras.layers.Dense(4)(h))
    x = {name: tf.constant(random.normal(size=(rows, 3)), tf.float32) for name in inputs}
    numbers, labels = tf.constant(random.normal(size=(rows, 4)), tf.float32), random.integers(0, 4, rows)
    expected = model.predict_on_batch(x)
    squares = ModelEvaluation(model, "squares", traced=traced)(x, numbers)
    np.testing.assert_allclose(squares.outputs, expected, rtol=1e-4, atol=1e-6)
    assert squares.loss == pytest.approx(mean_squared_error(numbers, expected), rel=1e-5)
    classes = ModelEvaluation(model, "cross-entropy", logits=True, traced=traced)(x, tf.constant(labels, tf.int32))
    probabilities = tf.nn.softmax(expected).numpy()
    np.testing.assert_allclose(classes.outputs, probabilities, rtol=1e-4, atol=1e-6)
    assert classes.loss == pytest.approx(-np.log(probabilities[np.arange(rows), labels]).mean(), rel=1e-4)
