"""The internal of Keras that resets names changes the names of public layers."""

import keras

from models.networks.keras_internals import begin_names_anew


def test_layers_are_named_as_in_a_new_process() -> None:
    begin_names_anew()
    first = [keras.layers.Dense(1).name for _ in range(2)]
    begin_names_anew()
    assert [keras.layers.Dense(1).name for _ in range(2)] == first == ["dense", "dense_1"]
