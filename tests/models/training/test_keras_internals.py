"""What is taken from inside Keras is what its public list of an optimizer's variables holds."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.training.keras_internals import leave_sizes_open, slots_by_kind


@pytest.mark.parametrize(
    ("optimizer", "kinds"),
    [
        (keras.optimizers.Adam(), ("momentum", "velocity")),
        (keras.optimizers.RMSprop(momentum=0.5), ("velocity", "momentum")),
        (keras.optimizers.SGD(momentum=0.5), ("momentum",)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_slots_are_the_optimizers_public_variables(
    optimizer: keras.optimizers.Optimizer, kinds: tuple[str, ...]
) -> None:
    trained = [keras.Variable(np.ones((2, 3)), name="kernel"), keras.Variable(np.ones(3), name="bias")]
    optimizer.build(trained)
    public = {id(variable) for variable in optimizer.variables} - {id(optimizer.iterations)}
    found = slots_by_kind(optimizer)
    assert {id(slot) for kind in found for slot in kind} <= public
    assert len(found) == len(kinds)
    for kind, slots in zip(kinds, found, strict=True):
        assert [slot.shape for slot in slots] == [variable.shape for variable in trained]
        assert all(kind in slot.path for slot in slots), [slot.path for slot in slots]


def test_plain_sgd_and_rmsprop_have_no_momenta() -> None:
    trained = [keras.Variable(np.ones(3))]
    for optimizer in (keras.optimizers.SGD(), keras.optimizers.RMSprop()):
        optimizer.build(trained)
        assert not slots_by_kind(optimizer)[-1]


def test_a_variable_of_open_size_takes_other_sizes_through_keras_own_methods() -> None:
    variable = keras.Variable(np.ones((1, 1), np.float32))
    leave_sizes_open([variable])
    variable.value.assign(tf.zeros((4, 2)))
    assert variable.numpy().shape == (4, 2)
