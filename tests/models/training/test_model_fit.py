"""Model.fit one epoch at a time trains as one call of Model.fit, and the reason for using it is given in words."""

from typing import Any

import keras
import numpy as np
import pytest

from models.training.model_fit import FIT, GRAPH, FitTrainer, path_of
from models.training.resident import Batches, TrainingRows
from tests.models import own_networks as own
from tests.models.training.test_model_graph import (
    ADAM,
    OPTIMIZERS,
    Optimizer,
    compiled,
    fitted,
    trained,
    trainer,
    weights_of,
)

callbacks = keras.callbacks


@pytest.mark.parametrize("build", [own.residual, own.own_step, own.two_inputs])
@pytest.mark.parametrize("optimizer", [ADAM, OPTIMIZERS["averaged"], OPTIMIZERS["decayed"]])
def test_epoch_by_epoch_the_bits_are_those_of_one_call(build: Any, optimizer: Optimizer) -> None:
    ours, _ = trained(build, FitTrainer, optimizer=optimizer)
    assert (weights_of(ours) == weights_of(fitted(build, optimizer))).all()


class OwnLoss(keras.Model):
    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        return super().compute_loss(*args, **kwargs)


class OwnFit(keras.Model):
    def fit(self, *args: Any, **kwargs: Any) -> Any:
        return super().fit(*args, **kwargs)


class BatchListener(callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None: ...


def small(kind: Any = keras.Model, **settings: Any) -> keras.Model:
    inputs = keras.Input((4,))
    model = kind(inputs, keras.layers.Dense(own.CLASSES, activation="softmax")(inputs))
    model.compile("adam", "sparse_categorical_crossentropy", **settings)
    return model


def test_a_model_that_leaves_training_to_keras_goes_into_one_graph() -> None:
    listeners = [
        callbacks.EarlyStopping(),
        callbacks.LambdaCallback(on_epoch_end=print),
        callbacks.ModelCheckpoint("x.keras"),
        callbacks.TensorBoard("logs"),
        callbacks.TerminateOnNaN(),
    ]
    assert path_of(small(), listeners) == (GRAPH, "")
    for build in (own.residual, own.cnn, own.Noisy):
        assert path_of(compiled(build)) == (GRAPH, "")


@pytest.mark.parametrize(
    ("model", "callback", "why"),
    [
        (lambda: compiled(own.own_step), None, "the model has a train_step of its own"),
        (lambda: small(OwnLoss), None, "the model has a compute_loss of its own"),
        (lambda: small(OwnFit), None, "the model has a fit of its own"),
        (lambda: small(run_eagerly=True), None, "the model is compiled to run eagerly"),
        (small, BatchListener, "the callback BatchListener hears of each batch"),
        (
            small,
            lambda: callbacks.LambdaCallback(on_train_batch_begin=print),
            "the callback LambdaCallback hears of each batch",
        ),
        (
            small,
            lambda: callbacks.ModelCheckpoint("x.keras", save_freq=10),
            "the callback ModelCheckpoint hears of each batch",
        ),
    ],
)
def test_what_else_there_is_goes_through_model_fit_and_says_why(model: Any, callback: Any, why: str) -> None:
    assert path_of(model(), [callback()] if callback else []) == (FIT, why)


def test_callbacks_hear_of_batches_and_of_nothing_else() -> None:
    heard: list[Any] = []
    listener = callbacks.LambdaCallback(
        on_epoch_begin=lambda *_: heard.append("epoch"),
        on_train_begin=lambda *_: heard.append("train"),
        on_train_batch_end=lambda batch, logs: heard.append((batch, np.isfinite(logs["loss"]))),
    )
    model = compiled(own.residual)
    rows = TrainingRows(own.inputs_for(own.residual), own.labels())
    FitTrainer(model, rows, Batches(own.ROWS, 64, seed=5), [listener]).run_epoch(1)
    assert heard == [(batch, True) for batch in range(4)]


def test_the_metrics_of_a_model_have_the_names_that_the_graph_gives_them() -> None:
    model = compiled(own.residual, metrics=[keras.metrics.SparseCategoricalAccuracy()])
    assert trainer(model, own.residual, FitTrainer).run_epoch(1).keys() == {"loss", "accuracy"}
