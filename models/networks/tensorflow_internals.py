"""What a network needs of TensorFlow and TensorFlow does not offer: determinism that is not for the whole process.

tests/models/networks/test_tensorflow_internals.py fails first when another version has it otherwise.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf
from tensorflow.python.framework.config import disable_op_determinism


@contextmanager
def determinism(required: bool) -> Iterator[None]:
    """Within it an operation without a deterministic kernel is refused, or runs all the same where not `required`.

    Processes that train require it before and after (models.core.runtime).
    """
    if required:
        yield
        return
    disable_op_determinism()
    try:
        yield
    finally:
        tf.config.experimental.enable_op_determinism()
