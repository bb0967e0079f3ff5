"""The file of a trained network, as a model that takes the data set's raw inputs."""

import hashlib
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import keras
import numpy as np

from models.data.reduction import Reduction
from models.data.scaling import Preprocessing, Scaling
from models.networks.feeding import Feeding

_PREFIX = "search-model-"


def with_preprocessing(network: keras.Model, preprocessing: Preprocessing) -> keras.Model:
    """Raw inputs (rows, *input_shape) -> flattened -> scaled -> reduced -> `network`'s own layers, weights shared.

    For a table the model begins with the encoded features (rows, n_features), which models.data.served makes of raw
    columns. The model of a regression ends in the user's units, float64. All layers are Keras' standard ones, so that
    the model loads in safe mode.
    """
    layers = [*_head(preprocessing), *network.layers, *_tail(preprocessing)]
    return _reduced(keras.Sequential(layers, name="raw_inputs_network"), preprocessing.reduction)


def around_network(network: keras.Model, feeding: Feeding, logits: bool, preprocessing: Preprocessing) -> keras.Model:
    """As `with_preprocessing`, with any network as one layer of the model; `network` must not be compiled any more.

    All other layers are Keras' standard ones: the model loads in safe mode exactly when `network` does. Where the
    network answers with `logits`, the model ends in a softmax.
    """
    inputs, *layers = _head(preprocessing)
    answers = inputs
    for layer in layers:
        answers = layer(answers)
    answers = _without_its_class(network)(feeding.layers(answers))
    if logits:
        answers = keras.layers.Softmax(name="probabilities", dtype="float32")(answers)
    for layer in _tail(preprocessing):
        answers = layer(answers)
    return _reduced(keras.Model(inputs, answers, name="raw_inputs_network"), preprocessing.reduction)


def keras_file(model: keras.Model) -> bytes:
    """`model` as the content of a .keras file."""
    # Keras wants a file whose name ends in .keras; /dev/shm is in memory, where the system has it.
    shared = Path("/dev/shm")
    folder = shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())
    remove_left_behind(folder)
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-", dir=folder) as name:
        path = Path(name) / "model.keras"
        model.save(path)
        return path.read_bytes()


@cache
def remove_left_behind(folder: Path) -> None:
    """Removes what `keras_file` left in `folder` in processes that were killed; does so once a process."""
    for left in folder.glob(f"{_PREFIX}*-*"):
        pid = left.name.removeprefix(_PREFIX).split("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(left, ignore_errors=True)


def weights_sha256(network: keras.Model) -> str:
    """The SHA-256 of types, shapes and values of all weights, in Keras' order.

    Two networks of one configuration have the same hash exactly when they compute the same.
    """
    digest = hashlib.sha256()
    for array in network.get_weights():
        digest.update(f"{array.dtype.str}:{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _head(preprocessing: Preprocessing) -> list[Any]:
    """Keras' input, and the layers between that and the network."""
    features, reduction = preprocessing.features, preprocessing.reduction
    if isinstance(features, Scaling):
        dtype = str(features.scale.dtype)
        layers = [
            keras.layers.Input(preprocessing.input_shape, dtype=preprocessing.input_dtype, name="inputs"),
            keras.layers.Flatten(name="flatten", dtype=dtype),
            keras.layers.Rescaling(_plain(features.scale), _plain(features.offset), name="scaling", dtype=dtype),
        ]
    else:
        layers = [keras.layers.Input((features.n_features,), dtype="float32", name="inputs")]
    if reduction is not None:
        layers.append(keras.layers.Dense(reduction.n_kept, trainable=False, name="reduction", dtype="float32"))
    return layers


def _without_its_class(network: keras.Model) -> keras.Model:
    """The same layers as Keras' functional model, where the network's subclass only changes the training."""
    try:
        plain = keras.Model(network.input, network.output, name=network.name)
    except (AttributeError, ValueError):  # a subclass that is no functional model
        return network
    return plain if type(plain).call is type(network).call else network


def _tail(preprocessing: Preprocessing) -> list[Any]:
    """The layer that turns a regression's answers into the user's units."""
    targets = preprocessing.targets
    if targets is None:
        return []
    return [keras.layers.Rescaling(_plain(targets.spread), _plain(targets.centre), name="units", dtype="float64")]


def _reduced(model: keras.Model, reduction: Reduction | None) -> keras.Model:
    """`model` with the weights of its reduction set; the layer has no weights before the model is built."""
    if reduction is not None:
        model.get_layer("reduction").set_weights([reduction.matrix, reduction.offset])
    return model


def _plain(values: np.ndarray) -> float | list[float] | np.ndarray:
    """One number where all features share the value, for a smaller file. Keras reads plain numbers in float32 alone."""
    if values.dtype == np.float64:
        return values
    return float(values[0]) if (values == values[0]).all() else [float(value) for value in values]
