"""A whole epoch of training as one graph call on data that is already in memory."""

import json
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.core import names
from models.core.config import TrialConfig
from models.core.seeds import derive_seed
from models.networks.formula import Formula, losses_of, training_logits
from models.training.fused_optimizers import N_CONSTANTS, FusedRule, apply_fused, fused_rule, own_slots
from models.training.keras_optimizers import StandIn

_RESOURCE = tf.TensorSpec([], tf.resource)
# More than a study usually has forms of networks; a graph is some 3 MB.
_GRAPHS_KEPT = 64

Graph = Callable[..., Any]
Masks = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class Trainer:
    """Trains `network` in place, one call an epoch.

    It computes what Model.fit computes on batches taken in a given order: the same loss, running means and updates,
    the last batch smaller when the rows do not divide. Order and dropout follow from `seed` alone. An optimizer that is
    built keeps its state true, which costs some milliseconds; one that is not is only read.
    """

    def __init__(
        self,
        network: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        config: TrialConfig,
        x: tf.Tensor,
        y: tf.Tensor,
        seed: int,
        loss: str = "cross-entropy",
        weights: tf.Tensor | None = None,
    ) -> None:
        self.network, self.optimizer = network, optimizer
        self._config, self._x, self._y, self._seed = config, x, y, seed
        self._formula = Formula.of(config, loss, weights is not None)
        self._row_weights = tf.zeros([0], x.dtype) if weights is None else weights
        self._rows = int(y.shape[0])
        self._batch = min(config.batch_size, self._rows)
        self._rule = fused_rule(optimizer)
        self._weights = handles(network.trainable_variables)
        self._moving = handles(moving_statistics(network))
        self._slots: list[Any] = []
        self._stand_in: StandIn | None = None
        if self._rule is None:
            optimizer.build(network.trainable_variables)
            kind: Any = type(optimizer)
            self._stand_in, self._epoch = _keras_graph(self._formula, kind, _settings(optimizer), x.dtype)
            self._weights = self._stand_in.handles
        else:
            self._slots = own_slots(optimizer) if optimizer.built else self._rule.new_slots(network.trainable_variables)
            self._epoch = _fused_graph(self._formula, self._rule.kind, x.dtype)
        rates = [rate for rate in config.dropout if rate]
        self._rates = tf.constant(rates, x.dtype, [len(rates)])
        self._key = tf.constant([derive_seed(seed, "dropout")], tf.uint64)

    @property
    def steps(self) -> int:
        """Steps an epoch, the smaller last one included."""
        return -(-self._rows // self._batch)

    def order(self, epoch: int) -> NDArray[np.int32]:
        """The rows in the order in which epoch `epoch`, from 1, takes them."""
        return row_order(self._seed, epoch, self._rows)

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """Trains one epoch, counted from 1; returns `loss` and, of classes, `accuracy`: Keras' running means."""
        steps, batch, dtype = self.steps, self._batch, self._x.dtype
        first = (epoch - 1) * steps
        shares = np.full(steps, 1 / batch)
        shares[-1] = 1 / (self._rows - (steps - 1) * batch)
        rate = float(self.optimizer.learning_rate)
        sizes, constants = np.full(steps, rate), tuple[float, ...]()
        if self._rule is not None:
            sizes, constants = self._rule.step_sizes(rate, first + 1, steps), self._rule.constants
        if self._stand_in is not None:
            self._stand_in.take(self.optimizer, self.network.trainable_variables)
        loss, correct = self._epoch(
            self._x,
            self._y,
            self._row_weights,
            tf.constant(self.order(epoch)),
            tf.constant(batch),
            tf.constant(shares, dtype),
            tf.constant(sizes, dtype),
            tf.constant(constants, dtype, [len(constants)]),
            tf.constant(self._config.l2, dtype),
            self._rates,
            self._key,
            tf.constant(first, tf.int64),
            self._weights,
            self._moving,
            handles(self._slots),
        )
        if self._stand_in is not None:
            self._stand_in.give_back(self.optimizer, self.network.trainable_variables)
        elif self.optimizer.built:
            self.optimizer.iterations.assign(first + steps)
        found = {names.LOSS: float(loss) / self._rows}
        return found | ({names.ACCURACY: int(correct) / self._rows} if self._formula.loss == "cross-entropy" else {})


def row_order(seed: int, epoch: int, rows: int, shuffle: bool = True) -> NDArray[np.int32]:
    """The `rows` row numbers in the order in which epoch `epoch`, from 1, of the trial of `seed` takes them."""
    if not shuffle:
        return np.arange(rows, dtype=np.int32)
    return np.random.default_rng([derive_seed(seed, "order"), epoch]).permutation(rows).astype(np.int32)


def handles(variables: Sequence[Any]) -> list[tf.Tensor]:
    """The TensorFlow resources behind Keras' or TensorFlow's variables."""
    return [(variable.value if isinstance(variable, keras.Variable) else variable).handle for variable in variables]


def moving_statistics(network: keras.Model) -> list[Any]:
    """Moving mean and variance of each normalised layer, in order; not the state of Keras' own dropout."""
    norms = [layer for layer in network.layers if isinstance(layer, keras.layers.BatchNormalization)]
    return [variable for norm in norms for variable in (norm.moving_mean, norm.moving_variance)]


def read(handle: tf.Tensor, dtype: tf.DType, rank: int) -> tf.Tensor:
    """The value behind a handle; its sizes are left open."""
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
    """What shapes an optimizer's update: all but its rate and the rest of its state, which are variables."""
    config = optimizer.get_config()
    return json.dumps({name: value for name, value in config.items() if name not in ("learning_rate", "name")})


@lru_cache(maxsize=_GRAPHS_KEPT)
def _keras_graph(formula: Formula, kind: Any, settings: str, dtype: tf.DType) -> tuple[StandIn, Graph]:
    """The epoch of every network of one form under Keras' own update of one kind of optimizer."""
    stand_in = StandIn(kind.from_config(json.loads(settings)), formula.weight_ranks, dtype.name)

    def update(_v: Any, _s: Any, gradients: Sequence[tf.Tensor], _size: Any, _constants: Any) -> None:
        stand_in.update(gradients)

    return stand_in, _trace(formula, dtype, 0, 0, update)


def _trace(formula: Formula, dtype: tf.DType, n_slots: int, n_constants: int, update: Any) -> Graph:
    def spec(rank: int, of: tf.DType = dtype) -> tf.TensorSpec:
        return tf.TensorSpec([None] * rank, of)

    classes = formula.loss == "cross-entropy"

    def epoch(x, y, row_weights, order, batch, shares, sizes, constants, l2, rates, key, first, weights, moving, slots):  # type: ignore[no-untyped-def]
        # Whatever need not be computed at each step is computed here: a step of a small network is all kernel launches.
        steps, rows_a_step = tf.shape(shares)[0], tf.reshape(batch, [1])
        constants = tf.unstack(constants, n_constants)
        dropping = [layer for layer, drops in enumerate(formula.dropout) if drops]
        widths = [tf.raw_ops.VariableShape(input=weights[formula.hidden_kernels[layer]])[1] for layer in dropping]
        places = (first + tf.range(tf.cast(steps, tf.int64))) * formula.depth
        masks = {
            layer: dropout_masks(key, places + layer, batch, width, rate)
            for layer, width, rate in zip(dropping, widths, tf.unstack(rates, len(dropping)), strict=True)
        }

        def step(i: tf.Tensor, start: tf.Tensor, loss: tf.Tensor, correct: tf.Tensor) -> tuple[tf.Tensor, ...]:
            end = start + rows_a_step
            rows = tf.strided_slice(order, start, end)
            labels = tf.gather(y, rows)

            def drop(layer: int, h: tf.Tensor) -> tf.Tensor:
                return _masked(h, masks[layer](i, tf.shape(h)))

            values = [read(handle, dtype, rank) for handle, rank in zip(weights, formula.weight_ranks, strict=True)]
            old = [read(handle, dtype, 1) for handle in moving]
            logits, new = training_logits(formula, tf.gather(x, rows), values, old, drop)
            losses, slope = losses_of(formula, logits, labels)
            if formula.weighted:
                own = tf.gather(row_weights, rows)
                losses, slope = losses * own, slope * own[:, tf.newaxis]
            share = tf.gather(shares, i)
            gradients = tf.gradients(logits, values, slope * share)
            total = tf.reduce_sum(losses)
            if formula.l2:
                kernels = [values[k] for k in formula.hidden_kernels]
                # l2_loss is half the sum of squares.
                penalty = 2 * l2 * tf.add_n([tf.nn.l2_loss(kernel) for kernel in kernels])
                total += penalty / share
                for k, kernel in zip(formula.hidden_kernels, kernels, strict=True):
                    gradients[k] += 2 * l2 * kernel
            # A variable is overwritten in place only when nobody holds its old value any more.
            with tf.control_dependencies(gradients):
                update(weights, slots, gradients, tf.gather(sizes, i), constants)
                for handle, value in zip(moving, new, strict=True):
                    tf.raw_ops.AssignVariableOp(resource=handle, value=value)
            if classes:
                hits = tf.equal(tf.argmax(logits, 1, tf.int32), labels)
                correct += tf.reduce_sum(tf.cast(hits, tf.int32))
            return i + 1, end, loss + total, correct

        begin = (tf.constant(0), tf.constant([0]), tf.zeros([], dtype), tf.constant(0))
        _, _, loss, correct = tf.while_loop(lambda i, *_: i < steps, step, begin, parallel_iterations=1)
        return loss, correct

    signature = [
        spec(2), spec(1, tf.int32) if classes else spec(2),
        spec(1), spec(1, tf.int32), spec(0, tf.int32), spec(1), spec(1), spec(1), spec(0), spec(1),
        tf.TensorSpec([1], tf.uint64), spec(0, tf.int64), [_RESOURCE] * len(formula.weight_ranks),
        [_RESOURCE] * formula.n_moving, [_RESOURCE] * n_slots,
    ]  # fmt: skip
    return tf.function(epoch, input_signature=signature, autograph=False)


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
    # Both have one shape: the gradient needs no broadcasting, which TensorFlow would otherwise look for at every step.
    return h * mask, lambda upstream: (upstream * mask, None)
