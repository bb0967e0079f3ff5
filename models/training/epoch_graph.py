"""A whole epoch of training as one graph call on data that is already in memory."""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from models.core import names
from models.core.config import TrialConfig
from models.core.seeds import derive_seed
from models.networks.formula import Drop, Formula, losses_of, training_logits
from models.training.fused_optimizers import N_CONSTANTS, FusedRule, apply_fused, fused_rule, own_slots
from models.training.keras_optimizers import StandIn
from models.training.resident import Batches, TrainingRows

_RESOURCE = tf.TensorSpec([], tf.resource)
# A study usually has fewer forms of networks; a graph takes some 3 MB.
_GRAPHS_KEPT = 64

Graph = Callable[["_Feed"], tuple[tf.Tensor, tf.Tensor]]
"""From the inputs of an epoch to the sum of its losses and the number of rows whose class was right."""
Masks = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""From a step of the epoch, from 0, and a shape (rows, width) to a mask of that shape."""
Update = Callable[[Sequence[tf.Tensor], Sequence[tf.Tensor], Sequence[tf.Tensor], tf.Tensor, Sequence[tf.Tensor]], None]
"""One step of all weights, from handles of weights and slots, gradients, the step's size and the rule's constants."""


class _Feed(NamedTuple):
    """The inputs of one call of an epoch's graph; for tracing, their types."""

    x: tf.Tensor
    """(rows, n_features)."""
    y: tf.Tensor
    """(rows,) classes, int32, or (rows, targets) numbers."""
    row_weights: tf.Tensor
    """(rows,): the factor of each row's loss; empty where the rows have no weights."""
    order: tf.Tensor
    """(rows,), int32: the row numbers in the order in which the epoch takes them."""
    batch: tf.Tensor
    """Rows a step, int32; the last step takes the rest."""
    shares: tf.Tensor
    """(steps,): the factor that makes a mean of a batch's sum."""
    sizes: tf.Tensor
    """(steps,): FusedRule.step_sizes."""
    constants: tf.Tensor
    """FusedRule.constants."""
    l2: tf.Tensor
    rates: tf.Tensor
    """The dropout rates above 0, in the order of their layers."""
    key: tf.Tensor
    """(1,), uint64: the key of the dropout masks."""
    first: tf.Tensor
    """Steps before this epoch, int64."""
    weights: list[tf.Tensor]
    """Handles of the trainable variables."""
    moving: list[tf.Tensor]
    """Handles of the moving statistics."""
    slots: list[tf.Tensor]
    """Handles of the optimizer's state arrays."""


class Trainer:
    """Trains `network` in place on `rows`, one call an epoch.

    An epoch computes what Model.fit computes on batches taken in a given order: the same loss, running means and
    updates, the last batch smaller when the rows do not divide. Order and dropout follow from `seed` alone. A built
    optimizer's state stays true, which costs some milliseconds; an optimizer that is not built is only read.
    """

    def __init__(
        self,
        network: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        config: TrialConfig,
        rows: TrainingRows,
        seed: int,
        loss: str = "cross-entropy",
    ) -> None:
        dtype = rows.x.dtype
        self.network, self.optimizer = network, optimizer
        self.batches = Batches(rows.count, config.batch_size, seed)
        self._formula = Formula.of(config, loss, rows.weights is not None)
        self._rows, self._l2 = rows, config.l2
        self._row_weights = tf.zeros([0], dtype) if rows.weights is None else rows.weights
        self._rule = fused_rule(optimizer)
        self._weights = handles(network.trainable_variables)
        self._moving = handles(moving_statistics(network))
        self._slots: list[Any] = []
        self._stand_in: StandIn | None = None
        if self._rule is None:
            optimizer.build(network.trainable_variables)
            kind: Any = type(optimizer)
            self._stand_in, self._epoch = _keras_graph(self._formula, kind, _settings(optimizer), dtype)
            self._weights = self._stand_in.handles
        else:
            self._slots = own_slots(optimizer) if optimizer.built else self._rule.new_slots(network.trainable_variables)
            self._epoch = _fused_graph(self._formula, self._rule.kind, dtype)
        rates = [rate for rate in config.dropout if rate]
        self._rates = tf.constant(rates, dtype, [len(rates)])
        self._key = tf.constant([derive_seed(seed, "dropout")], tf.uint64)

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """Trains one epoch, counted from 1; returns `loss` and, of classes, `accuracy`: Keras' running means."""
        first = (epoch - 1) * self.batches.steps
        if self._stand_in is not None:
            self._stand_in.take(self.optimizer, self.network.trainable_variables)
        loss, correct = self._epoch(self._feed(epoch, first))
        if self._stand_in is not None:
            self._stand_in.give_back(self.optimizer, self.network.trainable_variables)
        elif self.optimizer.built:
            self.optimizer.iterations.assign(first + self.batches.steps)
        return running_means(loss, correct if self._formula.loss == "cross-entropy" else None, self._rows.count)

    def _feed(self, epoch: int, first: int) -> _Feed:
        steps, batch, dtype = self.batches.steps, self.batches.size, self._rows.x.dtype
        shares = np.full(steps, 1 / batch)
        shares[-1] = 1 / (self._rows.count - (steps - 1) * batch)
        rate = float(self.optimizer.learning_rate)
        sizes, constants = np.full(steps, rate), tuple[float, ...]()
        if self._rule is not None:
            sizes, constants = self._rule.step_sizes(rate, first + 1, steps), self._rule.constants
        return _Feed(
            x=self._rows.x,
            y=self._rows.y,
            row_weights=self._row_weights,
            order=tf.constant(self.batches.order(epoch)),
            batch=tf.constant(batch),
            shares=tf.constant(shares, dtype),
            sizes=tf.constant(sizes, dtype),
            constants=tf.constant(constants, dtype, [len(constants)]),
            l2=tf.constant(self._l2, dtype),
            rates=self._rates,
            key=self._key,
            first=tf.constant(first, tf.int64),
            weights=self._weights,
            moving=self._moving,
            slots=handles(self._slots),
        )


def running_means(loss: tf.Tensor, correct: tf.Tensor | None, rows: int) -> dict[str, float]:
    """`loss` and, of classes, `accuracy`, from their sums over the `rows` rows of an epoch."""
    found = {names.LOSS: float(loss) / rows}
    return found if correct is None else found | {names.ACCURACY: int(correct) / rows}


def handles(variables: Sequence[Any]) -> list[tf.Tensor]:
    """The TensorFlow resources behind Keras' or TensorFlow's variables."""
    return [(variable.value if isinstance(variable, keras.Variable) else variable).handle for variable in variables]


def moving_statistics(network: keras.Model) -> list[Any]:
    """Moving mean and variance of each normalised layer, in order; not the state of Keras' own dropout."""
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    return [variable for norm in norms for variable in (norm.moving_mean, norm.moving_variance)]


def read(handle: tf.Tensor, dtype: tf.DType, rank: int) -> tf.Tensor:
    """The value behind a variable's handle; the sizes of its axes are left open."""
    return tf.ensure_shape(tf.raw_ops.ReadVariableOp(resource=handle, dtype=dtype), [None] * rank)


@lru_cache(maxsize=_GRAPHS_KEPT)
def _fused_graph(formula: Formula, kind: str, dtype: tf.DType) -> Graph:
    """The epoch of every network of one form under one kind of optimizer: traced once a process."""
    n = len(formula.weight_ranks)
    n_slots = n * FusedRule(kind, ()).slots

    def update(
        variables: Sequence[tf.Tensor],
        slots: Sequence[tf.Tensor],
        gradients: Sequence[tf.Tensor],
        size: tf.Tensor,
        constants: Sequence[tf.Tensor],
    ) -> None:
        each = len(slots) // len(variables)
        for i, (variable, gradient) in enumerate(zip(variables, gradients, strict=True)):
            apply_fused(kind, variable, slots[i * each : (i + 1) * each], gradient, size, constants)

    return _trace(formula, dtype, n_slots, N_CONSTANTS[kind], update)


def _settings(optimizer: keras.optimizers.Optimizer) -> str:
    """JSON of the settings that shape an optimizer's update: not of its learning rate, which is a variable."""
    config = optimizer.get_config()
    return json.dumps({name: value for name, value in config.items() if name not in ("learning_rate", "name")})


@lru_cache(maxsize=_GRAPHS_KEPT)
def _keras_graph(formula: Formula, kind: Any, settings: str, dtype: tf.DType) -> tuple[StandIn, Graph]:
    """The epoch of every network of one form under Keras' own update of one kind of optimizer."""
    stand_in = StandIn(kind.from_config(json.loads(settings)), formula.weight_ranks, dtype.name)

    def update(_v: Any, _s: Any, gradients: Sequence[tf.Tensor], _size: Any, _constants: Any) -> None:
        stand_in.update(gradients)

    return stand_in, _trace(formula, dtype, 0, 0, update)


def _trace(formula: Formula, dtype: tf.DType, n_slots: int, n_constants: int, update: Update) -> Graph:
    """The graph of an epoch of all networks of one form."""
    classes = formula.loss == "cross-entropy"

    def epoch(feed: _Feed) -> tuple[tf.Tensor, tf.Tensor]:
        # Values that all steps share are computed here: a step of a small network is little more than kernel launches.
        steps, rows_a_step = tf.shape(feed.shares)[0], tf.reshape(feed.batch, [1])
        constants = tf.unstack(feed.constants, n_constants)
        masks = _masks_by_layer(formula, feed, steps)

        def step(i: tf.Tensor, start: tf.Tensor, loss: tf.Tensor, correct: tf.Tensor) -> tuple[tf.Tensor, ...]:
            end = start + rows_a_step
            rows = tf.strided_slice(feed.order, start, end)
            labels = tf.gather(feed.y, rows)

            def drop(layer: int, h: tf.Tensor) -> tf.Tensor:
                return _masked(h, masks[layer](i, tf.shape(h)))

            logits, new, total, gradients = _gradients(formula, feed, i, rows, labels, drop)
            # A variable is overwritten in place only when nobody holds its old value any more.
            with tf.control_dependencies(gradients):
                update(feed.weights, feed.slots, gradients, tf.gather(feed.sizes, i), constants)
                for handle, value in zip(feed.moving, new, strict=True):
                    tf.raw_ops.AssignVariableOp(resource=handle, value=value)
            if classes:
                hits = tf.equal(tf.argmax(logits, 1, tf.int32), labels)
                correct += tf.reduce_sum(tf.cast(hits, tf.int32))
            return i + 1, end, loss + total, correct

        begin = (tf.constant(0), tf.constant([0]), tf.zeros([], dtype), tf.constant(0))
        _, _, loss, correct = tf.while_loop(lambda i, *_: i < steps, step, begin, parallel_iterations=1)
        return loss, correct

    return tf.function(epoch, input_signature=[_types(formula, dtype, n_slots)], autograph=False)


def _gradients(
    formula: Formula, feed: _Feed, i: tf.Tensor, rows: tf.Tensor, labels: tf.Tensor, drop: Drop
) -> tuple[tf.Tensor, list[tf.Tensor], tf.Tensor, list[tf.Tensor]]:
    """The logits of step `i`, the moving statistics after it, the sum of its losses and the gradient of each weight."""
    dtype = feed.x.dtype
    values = [read(handle, dtype, rank) for handle, rank in zip(feed.weights, formula.weight_ranks, strict=True)]
    old = [read(handle, dtype, 1) for handle in feed.moving]
    logits, new = training_logits(formula, tf.gather(feed.x, rows), values, old, drop)
    losses, slope = losses_of(formula, logits, labels)
    if formula.weighted:
        own = tf.gather(feed.row_weights, rows)
        losses, slope = losses * own, slope * own[:, tf.newaxis]
    share = tf.gather(feed.shares, i)
    gradients = tf.gradients(logits, values, slope * share)
    total = tf.reduce_sum(losses)
    if formula.l2:
        kernels = [values[k] for k in formula.hidden_kernels]
        # l2_loss is half the sum of squares.
        penalty = 2 * feed.l2 * tf.add_n([tf.nn.l2_loss(kernel) for kernel in kernels])
        total += penalty / share
        for k, kernel in zip(formula.hidden_kernels, kernels, strict=True):
            gradients[k] += 2 * feed.l2 * kernel
    return logits, new, total, gradients


def _masks_by_layer(formula: Formula, feed: _Feed, steps: tf.Tensor) -> dict[int, Masks]:
    """The dropout masks of each hidden layer that drops; every layer of every step has masks of its own."""
    dropping = [layer for layer, drops in enumerate(formula.dropout) if drops]
    widths = [tf.raw_ops.VariableShape(input=feed.weights[formula.hidden_kernels[layer]])[1] for layer in dropping]
    places = (feed.first + tf.range(tf.cast(steps, tf.int64))) * formula.depth
    return {
        layer: dropout_masks(feed.key, places + layer, feed.batch, width, rate)
        for layer, width, rate in zip(dropping, widths, tf.unstack(feed.rates, len(dropping)), strict=True)
    }


def _types(formula: Formula, dtype: tf.DType, n_slots: int) -> _Feed:
    """The types of an epoch's inputs; the sizes of axes are left open."""

    def spec(rank: int, of: tf.DType = dtype) -> tf.TensorSpec:
        return tf.TensorSpec([None] * rank, of)

    return _Feed(
        x=spec(2), y=spec(1, tf.int32) if formula.loss == "cross-entropy" else spec(2), row_weights=spec(1),
        order=spec(1, tf.int32), batch=spec(0, tf.int32), shares=spec(1), sizes=spec(1), constants=spec(1), l2=spec(0),
        rates=spec(1), key=tf.TensorSpec([1], tf.uint64), first=spec(0, tf.int64),
        weights=[_RESOURCE] * len(formula.weight_ranks), moving=[_RESOURCE] * formula.n_moving,
        slots=[_RESOURCE] * n_slots,
    )  # fmt: skip


def dropout_masks(key: tf.Tensor, places: tf.Tensor, rows: tf.Tensor, width: tf.Tensor, rate: tf.Tensor) -> Masks:
    """Draws masks for up to `rows` rows of a layer: 0 with probability `rate` to within 2^-17, else 1 / (1 - rate).

    The mask of step i is a pure function of `key` (1,), uint64, and `places[i]`, int64: Philox (Salmon et al., 2011)
    under the key, its counter's upper half the place, 16 bits an element.
    """
    counters = tf.stack([tf.zeros_like(places, tf.uint64), tf.cast(places, tf.uint64)], axis=1)
    words, elements = tf.stack([rows, (width + 3) // 4]), tf.stack([rows, -1])
    threshold = tf.cast(tf.minimum(tf.round(rate * 2**16), 2**16 - 1), tf.uint16)
    scale = 1 / (1 - rate)

    def mask(i: tf.Tensor, shape: tf.Tensor) -> tf.Tensor:
        bits = tf.raw_ops.StatelessRandomUniformFullIntV2(
            shape=words, key=key, counter=tf.gather(counters, i), alg=1, dtype=tf.uint64
        )
        bits = tf.slice(tf.reshape(tf.bitcast(bits, tf.uint16), elements), [0, 0], shape)
        return tf.cast(bits >= threshold, rate.dtype) * scale

    return mask


@tf.custom_gradient
def _masked(h: tf.Tensor, mask: tf.Tensor) -> Any:
    # Both tensors have one shape, so the gradient needs none of the checks for broadcasting that TensorFlow makes.
    return h * mask, lambda upstream: (upstream * mask, None)
