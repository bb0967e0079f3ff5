"""The file of a trained network, made to be fed the data set's raw inputs."""

import hashlib
import os
import tempfile
from pathlib import Path

import keras
import numpy as np

from models.data.reduction import Reduction
from models.data.scaling import Scaling


def with_preprocessing(
    network: keras.Model,
    scaling: Scaling,
    input_shape: tuple[int, ...],
    input_dtype: str,
    reduction: Reduction | None = None,
) -> keras.Model:
    """Raw inputs (rows, *input_shape) -> flattened -> scaled -> reduced -> `network`'s own layers, weights shared.

    Of Keras' standard layers alone, so that it loads in safe mode.
    """
    layers = [
        keras.layers.Input(input_shape, dtype=input_dtype, name="inputs"),
        keras.layers.Flatten(name="flatten", dtype="float32"),
        keras.layers.Rescaling(_plain(scaling.scale), _plain(scaling.offset), name="scaling", dtype="float32"),
    ]
    if reduction is not None:
        layers.append(keras.layers.Dense(reduction.n_kept, trainable=False, name="reduction", dtype="float32"))
    model = keras.Sequential([*layers, *network.layers], name="raw_inputs_network")
    if reduction is not None:
        model.get_layer("reduction").set_weights([reduction.matrix, reduction.offset])
    return model


def keras_file(model: keras.Model) -> bytes:
    """`model` as the content of a .keras file."""
    # Keras wants a name that ends in .keras; memory-backed where the system has it.
    shared = Path("/dev/shm")
    folder = str(shared) if os.access(shared, os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=folder) as name:
        path = Path(name) / "model.keras"
        model.save(path)
        return path.read_bytes()


def weights_sha256(network: keras.Model) -> str:
    """Of types, shapes and values of all weights, in Keras' order: equal exactly for networks that compute the same."""
    digest = hashlib.sha256()
    for array in network.get_weights():
        digest.update(f"{array.dtype.str}:{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _plain(values: np.ndarray) -> float | list[float]:
    """One number when all features share it: the file then says so."""
    return float(values[0]) if (values == values[0]).all() else [float(value) for value in values]
