"""Networks as people write them, for tests of training: none of them sets a seed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from models.core.config import OwnConfig
from models.networks.user_function import FitSettings

CLASSES, ROWS = 10, 205


@dataclass(frozen=True)
class Network:
    """One of these networks as a trial takes it: models.training.own_trial.Builder."""

    build: Callable[[], keras.Model]
    fits: FitSettings = field(default_factory=FitSettings)


def config(training: Mapping[str, Any]) -> OwnConfig:
    """The configuration of a trial of one of these networks."""
    return OwnConfig.from_parameters("own_networks.py:build", "", {}, training)


def residual() -> keras.Model:
    inputs = keras.Input((64,))
    h = layers.Dense(24)(inputs)
    for _ in range(2):
        inner = layers.Dense(24, activation="relu")(layers.LayerNormalization()(h))
        h = layers.Add()([h, layers.Dense(24)(layers.Dropout(0.2)(inner))])
    return keras.Model(inputs, layers.Dense(CLASSES, activation="softmax")(h))


def cnn() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(6, 3, activation="relu", kernel_regularizer=keras.regularizers.L2(0.01)),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dropout(0.2),
            layers.Dense(CLASSES, activation="softmax"),
        ]
    )


def sequence() -> keras.Model:
    layer = layers.LSTM(8, dropout=0.1)
    return keras.Sequential([keras.Input((12,), dtype="int32"), layers.Embedding(50, 6), layer, _softmax()])


def two_inputs() -> keras.Model:
    left, right = keras.Input((5,), name="left"), keras.Input((3,), name="right")
    h = layers.Concatenate()([layers.Dense(8, activation="tanh")(left), right])
    return keras.Model({"left": left, "right": right}, _softmax()(h))


class Noisy(keras.Model):
    """A model that draws from Keras' global generator."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.hidden, self.answers = layers.Dense(16), _softmax()

    def call(self, x: Any, training: bool = False) -> Any:
        h = self.hidden(x)
        if training:
            h += self.noise(tf.shape(h))
        return self.answers(h)

    def noise(self, shape: tf.Tensor) -> tf.Tensor:
        return keras.random.normal(shape, stddev=0.1)


class TensorFlowNoise(Noisy):
    """A model that draws from TensorFlow's generator, whose numbers depend on the graph."""

    def noise(self, shape: tf.Tensor) -> tf.Tensor:
        return tf.random.normal(shape, stddev=0.1)


class OwnStep(keras.Model):
    """A functional model with a train_step of its own."""

    def train_step(self, data: Any) -> Any:
        return super().train_step(data)


def own_step() -> keras.Model:
    inputs = keras.Input((64,))
    return OwnStep(inputs, _softmax()(layers.Dropout(0.1)(inputs)))


def _softmax() -> keras.layers.Layer:
    return layers.Dense(CLASSES, activation="softmax")


def inputs_for(build: Any) -> Any:
    """Random inputs (ROWS, ...) for one of these networks."""
    random = np.random.default_rng(0)
    if build is sequence:
        return random.integers(0, 50, (ROWS, 12)).astype("int32")
    if build is two_inputs:
        return {name: random.normal(size=(ROWS, n)).astype("float32") for name, n in (("left", 5), ("right", 3))}
    shape = (8, 8, 1) if build is cnn else (64,)
    return random.normal(size=(ROWS, *shape)).astype("float32")


def labels() -> np.ndarray:
    return np.random.default_rng(1).integers(0, CLASSES, ROWS).astype("int32")
