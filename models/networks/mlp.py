"""The network of a configuration: an ordinary Keras model. Keras is imported on use, so that counting needs none."""

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
    """From scaled features (rows, n_features) to (rows, n_outputs): with `output` "softmax" class probabilities.

    With "linear", numbers.

    A hidden layer is Dense, [batch normalisation], activation, [batch normalisation], [dropout]. Every layer's initial
    weights come from `seed` and its place. Layers have fixed names, so that a saved network does not depend on what the
    process built before.
    """
    import keras

    # Each layer its own policy: Keras' default one is global to the process.
    common = {"dtype": dtype}
    layers = [keras.layers.Input((n_features,), name="features", **common)]
    for i, (width, rate) in enumerate(zip(config.width, config.dropout, strict=True), start=1):
        layers.append(
            keras.layers.Dense(
                width,
                # A bias in front of batch normalisation has no effect, only rounding errors for a gradient, which Adam
                # would blow up to full steps.
                use_bias=config.batch_norm != "before",
                kernel_initializer=keras.initializers.GlorotUniform(derive_seed(seed, "kernel", i)),
                kernel_regularizer=keras.regularizers.L2(config.l2) if config.l2 else None,
                name=f"hidden_{i}",
                **common,
            )
        )
        activation = keras.layers.Activation(config.activation, name=f"{config.activation}_{i}", **common)
        if config.batch_norm == "none":
            layers.append(activation)
        else:
            norm = keras.layers.BatchNormalization(name=f"norm_{i}", **common)
            layers += [norm, activation] if config.batch_norm == "before" else [activation, norm]
        if rate:
            mask_seed = derive_seed(seed, "dropout", i)
            layers.append(keras.layers.Dropout(rate, seed=mask_seed, name=f"dropout_{i}", **common))
    layers.append(
        keras.layers.Dense(
            n_outputs,
            activation=output,
            kernel_initializer=keras.initializers.GlorotUniform(derive_seed(seed, "kernel", "output")),
            name="output",
            **common,
        )
    )
    return keras.Sequential(layers, name="network")


def parameter_count(config: TrialConfig, n_features: int, n_outputs: int) -> tuple[int, int]:
    """(all, trainable) parameters of the network, as Keras' count_params counts them, preprocessing excluded."""
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
