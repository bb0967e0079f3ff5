"""TensorFlow's determinism can be turned off for a block, and is on again after the block."""

import pytest
import tensorflow as tf

from models.networks.tensorflow_internals import determinism


def pooled() -> tf.Tensor:
    """An operation that TensorFlow refuses without a seed while operations must be deterministic."""
    return tf.nn.fractional_max_pool(tf.ones((1, 8, 8, 1)), [1, 1.4, 1.4, 1])[0]


def test_an_operation_without_a_deterministic_kernel_runs_only_where_that_is_allowed() -> None:
    with determinism(False):
        assert pooled().shape[0] == 1
    with pytest.raises(ValueError, match="determinism"), determinism(True):
        pooled()


def test_determinism_comes_back_after_an_error() -> None:
    with pytest.raises(RuntimeError, match="theirs"), determinism(False):
        raise RuntimeError("theirs")
    with pytest.raises(ValueError, match="determinism"):
        pooled()
