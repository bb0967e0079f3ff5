"""What a network computes, apart from its sizes, as TensorFlow operations on given weights.

Keras' layers hold their variables, so a graph traced through them serves one network. Traced through this file it
serves every network of the same form, whatever its widths, rates and batch size. tests/models/networks/test_mlp.py
holds it to Keras' own result for every activation and place of batch normalisation.
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
"""Of the logits and labels (rows,); of the outputs and numbers (rows, targets), the mean over targets."""

Drop = Callable[[int, tf.Tensor], tf.Tensor]
"""From a hidden layer's place, from 0, and its output (rows, width) to the output with nodes dropped."""


@dataclass(frozen=True)
class Formula:
    """The parts of a configuration that change the operations, not only their operands."""

    activation: str
    batch_norm: str
    dropout: tuple[bool, ...]
    """For each hidden layer: does it drop anything?"""
    l2: bool
    loss: str = "cross-entropy"
    """One of LOSSES."""
    weighted: bool = False
    """Does a row count what its weight says?"""

    @classmethod
    def of(cls, config: TrialConfig, loss: str = "cross-entropy", weighted: bool = False) -> "Formula":
        drops = tuple(rate > 0 for rate in config.dropout)
        return cls(config.activation, config.batch_norm, drops, config.l2 > 0, loss, weighted)

    def in_inference(self) -> "Formula":
        """What is left of it when nothing is dropped, penalised or weighted."""
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
        """Moving means and variances, two a normalised layer."""
        return 0 if self.batch_norm == "none" else 2 * self.depth

    @property
    def hidden_kernels(self) -> tuple[int, ...]:
        """Where in the trainable variables the kernels stand that the L2 penalty is on."""
        return tuple(i for i, rank in enumerate(self.weight_ranks[:-2]) if rank == 2)


def inference_logits(
    formula: Formula, x: tf.Tensor, weights: Sequence[tf.Tensor], moving: Sequence[tf.Tensor]
) -> tf.Tensor:
    """Logits (rows, outputs) of features `x` (rows, n_features), with moving statistics and without dropout."""
    return _logits(formula, x, weights, moving, None)[0]


def training_logits(
    formula: Formula, x: tf.Tensor, weights: Sequence[tf.Tensor], moving: Sequence[tf.Tensor], drop: Drop
) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Logits of a training batch, and the moving statistics after it; `drop(layer, h)` drops out."""
    return _logits(formula, x, weights, moving, drop)


def losses_of(formula: Formula, logits: tf.Tensor, truth: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The loss of each row (rows,), and its slope by the logits (rows, outputs)."""
    if formula.loss == "cross-entropy":
        losses, slope = tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=logits, labels=truth)
        return losses, slope
    errors = logits - truth
    return tf.reduce_mean(tf.square(errors), axis=1), errors * (2 / tf.cast(tf.shape(errors)[1], errors.dtype))


def answers_of(formula: Formula, logits: tf.Tensor) -> tf.Tensor:
    """What a user of the network gets: probabilities, or the numbers themselves."""
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
