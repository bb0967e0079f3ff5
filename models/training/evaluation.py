"""A network's loss and answers on a whole part of the data, as one graph call."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.networks.formula import Formula, answers_of, inference_logits, losses_of
from models.training.epoch_graph import handles, moving_statistics, read

# Small enough for a wide layer's activations to stay in the cache, large enough for the matrix product's full speed.
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Evaluation:
    """A network in inference mode on one part of the data."""

    loss: float
    """The rows' mean, without weights and without the L2 penalty: cross-entropy in nats, or squares."""
    outputs: NDArray[np.floating]
    """(rows, outputs): probabilities, or numbers on the network's own scale."""


def evaluate(network: keras.Model, formula: Formula, x: tf.Tensor, y: tf.Tensor) -> Evaluation:
    """`network` on features (rows, n_features) and labels (rows,), or numbers (rows, targets)."""
    graph = _trace(formula.in_inference(), x.dtype)
    weights, moving = handles(network.trainable_variables), handles(moving_statistics(network))
    loss, outputs = graph(x, y, weights, moving)
    return Evaluation(float(loss) / int(y.shape[0]), outputs.numpy())


@lru_cache(maxsize=64)
def _trace(formula: Formula, dtype: tf.DType) -> Any:
    def evaluation(x, y, weights, moving):  # type: ignore[no-untyped-def]
        values = [read(handle, dtype, rank) for handle, rank in zip(weights, formula.weight_ranks, strict=True)]
        statistics = [read(handle, dtype, 1) for handle in moving]
        rows = tf.shape(y)[0]
        chunks = (rows + _ROWS_AT_ONCE - 1) // _ROWS_AT_ONCE

        def chunk(i: tf.Tensor, loss: tf.Tensor, answers: tf.TensorArray) -> tuple[tf.Tensor, ...]:
            start = i * _ROWS_AT_ONCE
            truth = y[start : start + _ROWS_AT_ONCE]
            logits = inference_logits(formula, x[start : start + _ROWS_AT_ONCE], values, statistics)
            losses, _ = losses_of(formula, logits, truth)
            # Of the probabilities, as a user of the model would: two logits can differ and their probabilities not.
            answers = answers.write(i, answers_of(formula, logits))
            return i + 1, loss + tf.reduce_sum(tf.cast(losses, tf.float64)), answers

        empty = tf.TensorArray(dtype, size=chunks, infer_shape=False, element_shape=[None, None])
        begin = (tf.constant(0), tf.zeros([], tf.float64), empty)
        _, loss, answers = tf.while_loop(lambda i, *_: i < chunks, chunk, begin, parallel_iterations=1)
        return loss, answers.concat()

    resource = tf.TensorSpec([], tf.resource)
    truth = tf.TensorSpec([None], tf.int32) if formula.loss == "cross-entropy" else tf.TensorSpec([None, None], dtype)
    signature = [
        tf.TensorSpec([None, None], dtype), truth,
        [resource] * len(formula.weight_ranks), [resource] * formula.n_moving,
    ]  # fmt: skip
    return tf.function(evaluation, input_signature=signature, autograph=False)
