"""An epoch of any Keras model in one graph call computes what Model.fit computes on the same batches."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.training.fused_optimizers import fused_rule
from models.training.model_fit import FitTrainer
from models.training.model_graph import GraphTrainer, NotTraceable
from models.training.resident import Batches, TrainingRows
from tests.models import own_networks as own

BATCH = 16
BATCHES = Batches(own.ROWS, BATCH, seed=5)
Optimizer = Callable[[], keras.optimizers.Optimizer]
of = keras.optimizers
Cosine = of.schedules.CosineDecay

ADAM: Optimizer = of.Adam
NETWORKS = (own.residual, own.cnn, own.sequence, own.two_inputs, own.Noisy)
OPTIMIZERS: dict[str, Optimizer] = {
    "momentum": lambda: of.SGD(0.05, momentum=0.9),
    "rmsprop": of.RMSprop,
    "scheduled": lambda: of.Adam(Cosine(1e-3, 20, warmup_target=2e-2, warmup_steps=3)),
    "decayed": lambda: of.AdamW(Cosine(1e-2, 20), weight_decay=0.01),
    "averaged": lambda: of.SGD(0.05, use_ema=True, ema_momentum=0.9, clipnorm=1.0),
    "overwritten": lambda: of.SGD(0.05, use_ema=True, ema_overwrite_frequency=5),
    "accumulated": lambda: of.Adam(gradient_accumulation_steps=3),
}


def compiled(build: Any, optimizer: Optimizer = ADAM, metrics: Any = ("accuracy",), seed: int = 3) -> keras.Model:
    """A model built from `seed`; train it before another is built, since Keras' global generator has the last seed."""
    keras.utils.set_random_seed(seed)
    model = build()
    model(keras.tree.map_structure(lambda values: values[:1], own.inputs_for(build)))
    model.compile(optimizer(), "sparse_categorical_crossentropy", metrics=list(metrics))
    return model


def trainer(model: keras.Model, build: Any, kind: Any = GraphTrainer, weights: Any = None) -> Any:
    x = keras.tree.map_structure(tf.constant, own.inputs_for(build))
    return kind(model, TrainingRows(x, tf.constant(own.labels()), weights), BATCHES)


def trained(
    build: Any, kind: Any = GraphTrainer, weights: Any = None, **settings: Any
) -> tuple[keras.Model, dict[str, float]]:
    """The model after two epochs and `finish`, and the metrics of the second epoch."""
    model = compiled(build, **settings)
    trains = trainer(model, build, kind, weights)
    trains.run_epoch(1)
    metrics = trains.run_epoch(2)
    trains.finish()
    return model, metrics


def weights_of(model: keras.Model) -> np.ndarray:
    return np.concatenate([np.ravel(array) for array in model.get_weights()])


def fitted(build: Any, optimizer: Optimizer = ADAM, weights: np.ndarray | None = None) -> keras.Model:
    """The model after one epoch of Model.fit on the batches of two epochs of ours."""
    model = compiled(build, optimizer)
    x, y = own.inputs_for(build), own.labels()
    parts = (x, y) if weights is None else (x, y, weights)

    class TwoEpochs(keras.utils.PyDataset):
        def __len__(self) -> int:
            return 2 * -(-own.ROWS // BATCH)

        def __getitem__(self, i: int) -> Any:
            epoch, step = divmod(i, len(self) // 2)
            rows = BATCHES.order(epoch + 1)[step * BATCH : (step + 1) * BATCH]
            return keras.tree.map_structure(lambda values: values[rows], parts)

    model.fit(TwoEpochs(), shuffle=False, verbose=0)
    return model


def distance(ours: keras.Model, theirs: keras.Model) -> float:
    a, b = weights_of(ours), weights_of(theirs)
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


CASES = [
    *((build, ADAM) for build in NETWORKS),
    *((own.residual, optimizer) for optimizer in OPTIMIZERS.values()),
    *((build, OPTIMIZERS["decayed"]) for build in NETWORKS),
    (own.sequence, OPTIMIZERS["momentum"]),
]


@pytest.mark.parametrize(("build", "optimizer"), CASES)
def test_two_epochs_are_those_of_model_fit(build: Any, optimizer: Optimizer) -> None:
    (ours, _), theirs = trained(build, optimizer=optimizer), fitted(build, optimizer)
    # Adam's kernel forms 1 - beta_2 in float32, Keras in double. Keras' own update is the same arithmetic.
    assert distance(ours, theirs) < (5e-5 if fused_rule(ours.optimizer) else 1e-6)
    assert int(ours.optimizer.iterations) == int(theirs.optimizer.iterations) > 0


def test_rows_count_what_their_weights_say() -> None:
    weights = np.random.default_rng(2).uniform(0, 2, own.ROWS).astype("float32")
    ours, _ = trained(own.residual, weights=tf.constant(weights))
    theirs, plain = fitted(own.residual, weights=weights), fitted(own.residual)
    assert distance(ours, theirs) < 1e-5 < distance(ours, plain)


@pytest.mark.parametrize("build", NETWORKS)
def test_running_means_are_keras_own_and_so_are_the_models_metrics(build: Any) -> None:
    metrics = ["accuracy", keras.metrics.SparseTopKCategoricalAccuracy(3, name="top_3")]
    (_, found), (_, logs) = (trained(build, kind, metrics=metrics) for kind in (GraphTrainer, FitTrainer))
    assert found.keys() == logs.keys() == {"loss", "accuracy", "top_3"}
    assert found["loss"] == pytest.approx(logs["loss"], rel=1e-4)
    # One row of 205 may lie at the border between two classes.
    assert found == pytest.approx(logs, abs=0.02)


@pytest.mark.parametrize("build", [*NETWORKS, own.TensorFlowNoise])
def test_trained_twice_the_bits_are_the_same_and_another_seed_gives_others(build: Any) -> None:
    (one, found), (other, again), (_, seeded) = trained(build), trained(build), trained(build, seed=4)
    assert found == again != seeded
    assert (weights_of(one) == weights_of(other)).all()


def test_the_optimizer_can_go_on_from_the_graph() -> None:
    ours = compiled(own.residual)
    trainer(ours, own.residual).run_epoch(1)
    trainer(ours, own.residual, FitTrainer).run_epoch(2)
    assert distance(ours, fitted(own.residual)) < 5e-5


def test_a_frozen_layer_and_a_constraint_are_kept() -> None:
    def build() -> keras.Model:
        hidden = keras.layers.Dense(8, trainable=False)
        answers = keras.layers.Dense(own.CLASSES, activation="softmax", kernel_constraint="non_neg")
        return keras.Sequential([keras.Input((64,)), hidden, answers])

    before = compiled(build).layers[0].get_weights()[0]
    model, _ = trained(build)
    assert (model.layers[0].get_weights()[0] == before).all()
    assert model.layers[1].get_weights()[0].min() == 0


def test_a_model_that_looks_at_its_values_cannot_be_traced() -> None:
    class Looking(own.Noisy):
        def call(self, x: Any, training: bool = False) -> Any:
            return self.answers(self.hidden(x) if float(tf.reduce_sum(x)) > 0 else x[:, :16])

    with pytest.raises(NotTraceable, match="TypeError"):
        trainer(compiled(Looking), Looking)
