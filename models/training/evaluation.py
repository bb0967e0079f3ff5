"""A network's loss and outputs on a whole part of the data, as one graph call."""

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
# For any model, fewer rows: a convolution's activations are many times its inputs.
_ROWS_OF_ANY = 256


@dataclass(frozen=True)
class Evaluation:
    """A network in inference mode on one part of the data."""

    loss: float
    """The mean over rows, without weights and L2 penalty: cross-entropy in nats, or squared errors."""
    outputs: NDArray[np.floating]
    """(rows, outputs): probabilities, or numbers on the network's own scale."""


def evaluate(network: keras.Model, formula: Formula, x: tf.Tensor, y: tf.Tensor) -> Evaluation:
    """Evaluates `network` on features (rows, n_features) and labels (rows,), or numbers (rows, targets)."""
    graph = _trace(formula.in_inference(), x.dtype)
    weights, moving = handles(network.trainable_variables), handles(moving_statistics(network))
    loss, outputs = graph(x, y, weights, moving)
    return Evaluation(float(loss) / int(y.shape[0]), outputs.numpy())


class ModelEvaluation:
    """Evaluates any built `model` on whole parts of the data, as one graph, which is traced at the first call.

    The loss is the task's, one of models.networks.formula.LOSSES, whatever loss `model` was compiled with, so that the
    trials of a study can be compared. With `logits`, a softmax makes probabilities of the answers. A model that cannot
    be traced is called chunk by chunk.
    """

    def __init__(self, model: keras.Model, loss: str, logits: bool = False, traced: bool = True) -> None:
        self._model, self._loss, self._logits, self._traced = model, loss, logits, traced
        self._graph: Any = None

    def __call__(self, x: Any, y: tf.Tensor) -> Evaluation:
        """Evaluates the model on inputs as it takes them, and labels (rows,), or numbers (rows, targets)."""
        loss, outputs = self._run(x, y) if self._traced else self._by_chunks(x, y)
        return Evaluation(float(loss) / int(y.shape[0]), outputs.numpy())

    def _run(self, x: Any, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        tensors = keras.tree.flatten(x)
        if self._graph is None:
            specs = [tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype) for tensor in (*tensors, y)]

            def evaluation(*flat):  # type: ignore[no-untyped-def]
                return self._loop(keras.tree.pack_sequence_as(x, flat[:-1]), flat[-1])

            self._graph = tf.function(evaluation, input_signature=specs, autograph=False)
        outcome: tuple[tf.Tensor, tf.Tensor] = self._graph(*tensors, y)
        return outcome

    def _loop(self, x: Any, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        chunks = (tf.shape(y)[0] + _ROWS_OF_ANY - 1) // _ROWS_OF_ANY

        def chunk(i: tf.Tensor, loss: tf.Tensor, answers: tf.TensorArray) -> tuple[tf.Tensor, ...]:
            part, outputs = self._chunk(x, y, i * _ROWS_OF_ANY)
            return i + 1, loss + part, answers.write(i, outputs)

        empty = tf.TensorArray(tf.float32, size=chunks, infer_shape=False, element_shape=[None, None])
        begin = (tf.constant(0), tf.zeros([], tf.float64), empty)
        _, loss, answers = tf.while_loop(lambda i, *_: i < chunks, chunk, begin, parallel_iterations=1)
        return loss, answers.concat()

    def _by_chunks(self, x: Any, y: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        found = [self._chunk(x, y, start) for start in range(0, int(y.shape[0]), _ROWS_OF_ANY)]
        return tf.add_n([loss for loss, _ in found]), tf.concat([outputs for _, outputs in found], 0)

    def _chunk(self, x: Any, y: tf.Tensor, start: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """The sum of the losses, float64, and the answers of the chunk of rows from `start`."""
        inputs, truth = keras.tree.map_structure(lambda values: values[start : start + _ROWS_OF_ANY], (x, y))
        outputs = tf.cast(self._model(inputs, training=False), tf.float32)
        if self._loss == "cross-entropy":
            losses = keras.ops.sparse_categorical_crossentropy(truth, outputs, from_logits=self._logits)
        else:
            losses = tf.reduce_mean(tf.square(outputs - truth), axis=1)
        answers = tf.nn.softmax(outputs) if self._logits else outputs
        return tf.reduce_sum(tf.cast(losses, tf.float64)), answers


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
            # Scores rank by probabilities, as a user of the model would: different logits can give equal ones.
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
