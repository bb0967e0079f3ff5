"""What training needs of Keras and Keras does not offer: an optimizer's state by kind, and variables of open size.

tests/models/training/test_keras_internals.py fails first when another version of Keras has them otherwise.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf


def slots_by_kind(optimizer: keras.optimizers.Optimizer) -> list[list[Any]]:
    """The state arrays of a built Adam, SGD or RMSprop: a list for each kind, an array for each trained variable.

    Adam: first, then second moments. SGD: momenta, none without momentum. RMSprop: mean squares, then momenta, none of
    them without momentum. The public `optimizer.variables` holds the same arrays and does not say which is which.
    """
    if isinstance(optimizer, keras.optimizers.Adam):
        return [optimizer._momentums, optimizer._velocities]
    if isinstance(optimizer, keras.optimizers.RMSprop):
        return [optimizer._velocities, optimizer._momentums]
    return [optimizer.momentums]


def leave_sizes_open(variables: Sequence[Any]) -> None:
    """Lets Keras' variables take values of any size, as TensorFlow's can; Keras reads and writes them by `_value`."""
    for variable in variables:
        value = variable.value
        variable._value = tf.Variable(value, shape=[None] * value.shape.rank, trainable=False)
