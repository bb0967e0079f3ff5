"""A network's loss and confusion matrix on a whole part of the data, as one graph call."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.networks.formula import Formula, inference_logits
from models.training.epoch_graph import handles, moving_statistics, read

# Small enough for a wide layer's activations to stay in the cache, large enough for the matrix product's full speed.
_ROWS_AT_ONCE = 1024


@dataclass(frozen=True)
class Evaluation:
    """A network in inference mode on one part of the data."""

    loss: float
    """Mean cross-entropy in nats, without the L2 penalty."""
    confusion: NDArray[np.int64]
    """(n_classes, n_classes), rows the truth, columns the prediction."""

    @property
    def accuracy(self) -> float:
        return int(np.trace(self.confusion)) / int(self.confusion.sum())


def evaluate(network: keras.Model, formula: Formula, x: tf.Tensor, y: tf.Tensor, n_classes: int) -> Evaluation:
    """`network` on features (rows, n_features) and labels (rows,)."""
    graph = _trace(formula.in_inference(), x.dtype)
    weights, moving = handles(network.trainable_variables), handles(moving_statistics(network))
    loss, counts = graph(x, y, tf.constant(n_classes), weights, moving)
    return Evaluation(float(loss) / int(y.shape[0]), counts.numpy().reshape(n_classes, n_classes))


@lru_cache(maxsize=64)
def _trace(formula: Formula, dtype: tf.DType) -> Any:
    def evaluation(x, y, n_classes, weights, moving):  # type: ignore[no-untyped-def]
        values = [read(handle, dtype, rank) for handle, rank in zip(weights, formula.weight_ranks, strict=True)]
        statistics = [read(handle, dtype, 1) for handle in moving]

        def chunk(start: tf.Tensor, loss: tf.Tensor, counts: tf.Tensor) -> tuple[tf.Tensor, ...]:
            labels = y[start : start + _ROWS_AT_ONCE]
            logits = inference_logits(formula, x[start : start + _ROWS_AT_ONCE], values, statistics)
            losses, _ = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=logits, labels=labels)
            # Of the probabilities, as a user of the model would: two logits can differ and their probabilities not.
            predicted = tf.argmax(tf.nn.softmax(logits), 1, tf.int32)
            cells = tf.raw_ops.DenseBincount(
                input=labels * n_classes + predicted, size=n_classes * n_classes, weights=tf.zeros([0], tf.int64)
            )
            return start + _ROWS_AT_ONCE, loss + tf.reduce_sum(tf.cast(losses, tf.float64)), counts + cells

        begin = (tf.constant(0), tf.zeros([], tf.float64), tf.zeros(tf.reshape(n_classes * n_classes, [1]), tf.int64))
        shapes = (tf.TensorShape([]), tf.TensorShape([]), tf.TensorShape([None]))
        rows = tf.shape(y)[0]
        _, loss, counts = tf.while_loop(
            lambda start, *_: start < rows, chunk, begin, shape_invariants=shapes, parallel_iterations=1
        )
        return loss, counts

    resource = tf.TensorSpec([], tf.resource)
    signature = [
        tf.TensorSpec([None, None], dtype), tf.TensorSpec([None], tf.int32), tf.TensorSpec([], tf.int32),
        [resource] * len(formula.weight_ranks), [resource] * formula.n_moving,
    ]  # fmt: skip
    return tf.function(evaluation, input_signature=signature, autograph=False)
