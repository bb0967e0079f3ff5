"""The network of a configuration, an ordinary Keras model. Keras is imported on use: counting parameters needs none."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from models.core.config import TrialConfig
from models.core.seeds import derive_seed

if TYPE_CHECKING:
    import keras


def build_network(
    config: TrialConfig,
    n_features: int,
    n_outputs: int,
    seed: int,
    dtype: str = "float32",
    output: str = "softmax",
) -> "keras.Model":
    """From scaled features (rows, n_features) to (rows, n_outputs).

    With `output` "softmax" the outputs are class probabilities, with "linear" numbers. Every layer's initial weights
    come from `seed` and the layer's place. Layers have fixed names, so that a saved network does not depend on the
    networks that the process built before.
    """
    import keras

    # Each layer has a dtype of its own, because Keras' default one is global to the process.
    layers = [keras.layers.Input((n_features,), name="features", dtype=dtype)]
    for place in range(1, config.depth + 1):
        layers += _hidden(config, place, seed, dtype)
    kernel = keras.initializers.GlorotUniform(derive_seed(seed, "kernel", "output"))
    layers.append(
        keras.layers.Dense(n_outputs, activation=output, kernel_initializer=kernel, name="output", dtype=dtype)
    )
    return keras.Sequential(layers, name="network")


def _hidden(config: TrialConfig, place: int, seed: int, dtype: str) -> "list[keras.layers.Layer]":
    """Hidden layer `place`, from 1: Dense, [batch normalisation], activation, [batch normalisation], [dropout]."""
    import keras

    width, rate = config.width[place - 1], config.dropout[place - 1]
    dense = keras.layers.Dense(
        width,
        # A bias before batch normalisation has no effect, and its gradient is rounding errors alone, which Adam would
        # blow up to full steps.
        use_bias=config.batch_norm != "before",
        kernel_initializer=keras.initializers.GlorotUniform(derive_seed(seed, "kernel", place)),
        kernel_regularizer=keras.regularizers.L2(config.l2) if config.l2 else None,
        name=f"hidden_{place}",
        dtype=dtype,
    )
    layers = [dense, keras.layers.Activation(config.activation, name=f"{config.activation}_{place}", dtype=dtype)]
    if config.batch_norm != "none":
        norm = keras.layers.BatchNormalization(name=f"norm_{place}", dtype=dtype)
        layers.insert(1 if config.batch_norm == "before" else 2, norm)
    if rate:
        mask_seed = derive_seed(seed, "dropout", place)
        layers.append(keras.layers.Dropout(rate, seed=mask_seed, name=f"dropout_{place}", dtype=dtype))
    return layers


def parameter_count(config: TrialConfig, n_features: int, n_outputs: int) -> tuple[int, int]:
    """The numbers of (all, trainable) parameters, as Keras' count_params has them, without preprocessing."""
    trainable = sum(_trainable_of_layers(config, n_features, n_outputs))
    moving = 0 if config.batch_norm == "none" else 2 * sum(config.width)
    return trainable + moving, trainable


def _trainable_of_layers(config: TrialConfig, n_features: int, n_outputs: int) -> Iterator[int]:
    below = n_features
    for width in config.width:
        yield below * width
        yield 0 if config.batch_norm == "before" else width
        yield 0 if config.batch_norm == "none" else 2 * width
        below = width
    yield below * n_outputs + n_outputs
