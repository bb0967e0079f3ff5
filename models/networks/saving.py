"""The file of a trained network, made to be fed the data set's raw inputs."""

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
from models.data.scaling import Features, Scaling, TargetScaling
from models.networks.feeding import Feeding

_PREFIX = "search-model-"


def with_preprocessing(
    network: keras.Model,
    features: Features,
    input_shape: tuple[int, ...],
    input_dtype: str,
    reduction: Reduction | None = None,
    targets: TargetScaling | None = None,
) -> keras.Model:
    """Raw inputs (rows, *input_shape) -> flattened -> scaled -> reduced -> `network`'s own layers, weights shared.

    Of a table it begins with the encoded features (rows, n_features), which models.data.served makes of raw columns.
    A regression ends in the user's units, float64. Of Keras' standard layers alone, so that it loads in safe mode.
    """
    layers = [*_head(features, input_shape, input_dtype, reduction), *network.layers]
    if targets is not None:
        layers.append(_units(targets))
    return _reduced(keras.Sequential(layers, name="raw_inputs_network"), reduction)


def around_network(
    network: keras.Model,
    feeding: Feeding,
    logits: bool,
    features: Features,
    input_shape: tuple[int, ...],
    input_dtype: str,
    reduction: Reduction | None = None,
    targets: TargetScaling | None = None,
) -> keras.Model:
    """As `with_preprocessing`, of any network, which is one layer of it and must not be compiled any more.

    Beyond the network itself it is of Keras' standard layers alone: it loads in safe mode exactly when `network` does.
    With `logits` it ends in a softmax.
    """
    inputs, *layers = _head(features, input_shape, input_dtype, reduction)
    answers = inputs
    for layer in layers:
        answers = layer(answers)
    answers = _without_its_class(network)(feeding.layers(answers))
    if logits:
        answers = keras.layers.Softmax(name="probabilities", dtype="float32")(answers)
    if targets is not None:
        answers = _units(targets)(answers)
    return _reduced(keras.Model(inputs, answers, name="raw_inputs_network"), reduction)


def keras_file(model: keras.Model) -> bytes:
    """`model` as the content of a .keras file."""
    # Keras wants a name that ends in .keras; memory-backed where the system has it. What a killed process left there
    # is removed by the next one that comes by.
    shared = Path("/dev/shm")
    folder = shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())
    _remove_left_behind(folder)
    with tempfile.TemporaryDirectory(prefix=f"{_PREFIX}{os.getpid()}-", dir=folder) as name:
        path = Path(name) / "model.keras"
        model.save(path)
        return path.read_bytes()


@cache
def _remove_left_behind(folder: Path) -> None:
    """Folders of this user's processes that are gone; once a process."""
    for left in folder.glob(f"{_PREFIX}*-*"):
        pid = left.name.removeprefix(_PREFIX).split("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(left, ignore_errors=True)


def weights_sha256(network: keras.Model) -> str:
    """Of types, shapes and values of all weights, in Keras' order: equal exactly for networks that compute the same."""
    digest = hashlib.sha256()
    for array in network.get_weights():
        digest.update(f"{array.dtype.str}:{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _head(features: Features, input_shape: tuple[int, ...], input_dtype: str, reduction: Reduction | None) -> list[Any]:
    """Keras' input, and the layers from it to what a network is fed."""
    if isinstance(features, Scaling):
        dtype = str(features.scale.dtype)
        layers = [
            keras.layers.Input(input_shape, dtype=input_dtype, name="inputs"),
            keras.layers.Flatten(name="flatten", dtype=dtype),
            keras.layers.Rescaling(_plain(features.scale), _plain(features.offset), name="scaling", dtype=dtype),
        ]
    else:
        layers = [keras.layers.Input((features.n_features,), dtype="float32", name="inputs")]
    if reduction is not None:
        layers.append(keras.layers.Dense(reduction.n_kept, trainable=False, name="reduction", dtype="float32"))
    return layers


def _without_its_class(network: keras.Model) -> keras.Model:
    """The same layers as Keras' functional model, where a subclass only says how it is trained."""
    try:
        plain = keras.Model(network.input, network.output, name=network.name)
    except (AttributeError, ValueError):  # a subclass that is no functional model
        return network
    return plain if type(plain).call is type(network).call else network


def _units(targets: TargetScaling) -> keras.layers.Layer:
    return keras.layers.Rescaling(_plain(targets.spread), _plain(targets.centre), name="units", dtype="float64")


def _reduced(model: keras.Model, reduction: Reduction | None) -> keras.Model:
    """`model` with the weights of its reduction, which has none until the model is built."""
    if reduction is not None:
        model.get_layer("reduction").set_weights([reduction.matrix, reduction.offset])
    return model


def _plain(values: np.ndarray) -> float | list[float] | np.ndarray:
    """One number when all features share it: the file then says so. Keras reads plain numbers in float32 alone."""
    if values.dtype == np.float64:
        return values
    return float(values[0]) if (values == values[0]).all() else [float(value) for value in values]
