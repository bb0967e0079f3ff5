"""Keras traces, saves and loads by name the layers of the user's file as it does its own."""

from pathlib import Path

import keras
import numpy as np

from models.core.runtime import without_harmless_warnings
from models.spaces.answers import Planned
from models.spaces.calling import load_function
from models.spaces.modules import objects_of
from models.spaces.source import Source, source_of_texts
from tests.models.spaces.conftest import Write

NETWORK = """
import keras
import tensorflow as tf
from parts import Gate

def build(hp):
    model = keras.Sequential([keras.Input((4,)), Gate(hp.Float("limit", 0, 1)), keras.layers.Dense(1)])
    model.compile("sgd", loss="mse")
    return model
"""
PARTS = """
import keras
import tensorflow as tf

@tf.function
def doubled_above(x, limit):
    if tf.reduce_mean(x) > limit:  # of a tensor: AutoGraph reads the text of this function
        return x * 2
    else:
        return x

class Gate(keras.layers.Layer):
    def __init__(self, limit, **kwargs):
        super().__init__(**kwargs)
        self.limit = limit
    def call(self, x):
        return doubled_above(x, self.limit)
    def get_config(self):
        return super().get_config() | {"limit": self.limit}
"""


def built(source: Source) -> keras.Model:
    function = load_function(source, {}, 3)
    return function.build(function.asking(Planned({"limit": 0.5}), 0))


def test_a_function_that_branches_by_a_tensor_is_traced_from_the_text_alone(write: Write) -> None:
    source = write(NETWORK, parts=PARTS)
    kept = source_of_texts(source.file, source.function, dict(source.texts))
    for model in (built(source), built(kept)):
        gate = keras.Sequential([keras.Input((4,)), model.layers[0]])
        assert gate.predict_on_batch(np.ones((2, 4))).tolist() == [[2.0] * 4] * 2
        assert gate.predict_on_batch(np.zeros((2, 4)) + 0.25).tolist() == [[0.25] * 4] * 2
    np.testing.assert_array_equal(built(source).get_weights()[0], built(kept).get_weights()[0])


def test_a_saved_network_with_a_layer_of_the_users_file_loads_where_the_file_was_loaded(
    write: Write, tmp_path: Path
) -> None:
    source = write(NETWORK, parts=PARTS)
    model = built(source)
    with without_harmless_warnings():
        model.save(tmp_path / "model.keras")
        load_function(source, {}, 0)
        again = keras.saving.load_model(tmp_path / "model.keras", custom_objects=objects_of(source))
    x = np.arange(8.0).reshape(2, 4)
    np.testing.assert_array_equal(again.predict_on_batch(x), model.predict_on_batch(x))
    assert set(objects_of(source)) == {"Gate", "build", "doubled_above"}
    assert isinstance(again.layers[0], objects_of(source)["Gate"])
