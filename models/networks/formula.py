"""The computation of a network, apart from its sizes, as TensorFlow operations on given weights.

Keras' layers hold their variables, so a graph traced through layers serves one network. A graph traced through this
file serves every network of the same form, whatever its widths, rates and batch size. tests/models/networks/test_mlp.py
compares the results with Keras' own for every activation and place of batch normalisation.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import keras
import tensorflow as tf

from models.core.config import TrialConfig

# The defaults of keras.layers.BatchNormalization.
_NORM_EPSILON = 1e-3
_NORM_MOMENTUM = 0.99

LOSSES = ("cross-entropy", "squares")
"""Cross-entropy of logits and labels (rows,); mean over targets of squared errors of numbers (rows, targets)."""

Drop = Callable[[int, tf.Tensor], tf.Tensor]
"""From a hidden layer's place, from 0, and its output (rows, width) to the output with nodes dropped."""


@dataclass(frozen=True)
class Formula:
    """The parts of a configuration that change the operations, not only their operands."""

    activation: str
    batch_norm: str
    dropout: tuple[bool, ...]
    """For each hidden layer, whether it has dropout."""
    l2: bool
    """Whether there is an L2 penalty."""
    loss: str = "cross-entropy"
    """One of LOSSES."""
    weighted: bool = False
    """Whether rows have weights in the loss."""

    @classmethod
    def of(cls, config: TrialConfig, loss: str = "cross-entropy", weighted: bool = False) -> "Formula":
        drops = tuple(rate > 0 for rate in config.dropout)
        return cls(config.activation, config.batch_norm, drops, config.l2 > 0, loss, weighted)

    def in_inference(self) -> "Formula":
        """The formula of inference: without dropout, penalty and row weights."""
        return replace(self, dropout=(False,) * self.depth, l2=False, weighted=False)

    @property
    def depth(self) -> int:
        return len(self.dropout)

    @property
    def weight_ranks(self) -> tuple[int, ...]:
        """The rank of each trainable variable, in Keras' order."""
        hidden = {"none": (2, 1), "before": (2, 1, 1), "after": (2, 1, 1, 1)}[self.batch_norm]
        return hidden * self.depth + (2, 1)

    @property
    def n_moving(self) -> int:
        """The number of moving means and variances, two for each normalised layer."""
        return 0 if self.batch_norm == "none" else 2 * self.depth

    @property
    def hidden_kernels(self) -> tuple[int, ...]:
        """The places, among the trainable variables, of the kernels that the L2 penalty is on."""
        return tuple(i for i, rank in enumerate(self.weight_ranks[:-2]) if rank == 2)


def inference_logits(
    formula: Formula, x: tf.Tensor, weights: Sequence[tf.Tensor], moving: Sequence[tf.Tensor]
) -> tf.Tensor:
    """Logits (rows, outputs) of features `x` (rows, n_features), with moving statistics and without dropout."""
    return _logits(formula, x, weights, moving, None)[0]


def training_logits(
    formula: Formula, x: tf.Tensor, weights: Sequence[tf.Tensor], moving: Sequence[tf.Tensor], drop: Drop
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Logits of a training batch, and the moving statistics after the batch; `drop` applies a layer's dropout."""
    return _logits(formula, x, weights, moving, drop)


def losses_of(formula: Formula, logits: tf.Tensor, truth: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The loss of each row (rows,), and its derivative by the logits (rows, outputs)."""
    if formula.loss == "cross-entropy":
        losses, slope = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=logits, labels=truth)
        return losses, slope
    errors = logits - truth
    return tf.reduce_mean(tf.square(errors), axis=1), errors * (2 / tf.cast(tf.shape(errors)[1], errors.dtype))


def answers_of(formula: Formula, logits: tf.Tensor) -> tf.Tensor:
    """The network's answers for a user: probabilities, or for a regression the logits themselves."""
    return tf.nn.softmax(logits) if formula.loss == "cross-entropy" else logits


def _logits(
    formula: Formula, x: tf.Tensor, weights: Sequence[tf.Tensor], moving: Sequence[tf.Tensor], drop: Drop | None
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    activation = keras.activations.get(formula.activation)
    remaining, statistics = iter(weights), iter(moving)
    updated: list[tf.Tensor] = []

    def normalise(h: tf.Tensor) -> tf.Tensor:
        gamma, beta = next(remaining), next(remaining)
        old = next(statistics), next(statistics)
        if drop is None:
            mean, variance = old
        else:
            mean, variance = tf.nn.moments(h, [0])
            for before, now in zip(old, (mean, variance), strict=True):
                updated.append(before * _NORM_MOMENTUM + now * (1 - _NORM_MOMENTUM))
        return tf.nn.batch_normalization(h, mean, variance, beta, gamma, _NORM_EPSILON)

    h = x
    for layer in range(formula.depth):
        h = tf.raw_ops.MatMul(a=h, b=next(remaining))
        if formula.batch_norm == "before":
            h = activation(normalise(h))
        else:
            h = activation(tf.raw_ops.BiasAdd(value=h, bias=next(remaining)))
            if formula.batch_norm == "after":
                h = normalise(h)
        if drop is not None and formula.dropout[layer]:
            h = drop(layer, h)
    return tf.raw_ops.BiasAdd(value=tf.raw_ops.MatMul(a=h, b=next(remaining)), bias=next(remaining)), updated
