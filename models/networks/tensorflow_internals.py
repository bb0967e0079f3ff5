"""The use of TensorFlow's internals for determinism of one trial, which TensorFlow offers for a whole process alone.

tests/models/networks/test_tensorflow_internals.py fails first when another version of TensorFlow changes them.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf
from tensorflow.python.framework.config import disable_op_determinism


@contextmanager
def determinism(required: bool) -> Iterator[None]:
    """Refuses operations without a deterministic kernel in the block where `required`, and lets them run otherwise.

    A process that trains refuses them before and after the block (models.core.runtime).
    """
    if required:
        yield
        return
    disable_op_determinism()
    try:
        yield
    finally:
        tf.config.experimental.enable_op_determinism()
