"""An epoch of any Keras model as one graph call, traced once a network: Model.fit's computation without its overhead.

Batches are gathered in the graph from data in memory; the forward pass, the loss and the optimizer are the model's
own, so that layers' state, regularisers, schedules, clipping and averages are the same as under Model.fit. Where
TensorFlow has a fused kernel for the optimizer's update, the kernel is used.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.core.errors import said_by
from models.training.epoch_graph import handles, running_means
from models.training.fused_optimizers import FusedRule, apply_fused, fused_rule, own_slots
from models.training.keras_internals import (
    answers_in_training,
    has_schedule,
    keep_updates_local,
    measures_more,
    own_metrics,
)
from models.training.resident import Batches, TrainingRows

Update = Callable[[Sequence[Any], tf.Tensor], None]


class NotTraceable(Exception):
    """The model cannot be traced as a whole epoch; the message says why."""


class ModelTrainer:
    """The part that both ways to train a network of the user's own share: `model`, its rows and batches, the end."""

    def __init__(self, model: keras.Model, rows: TrainingRows, batches: Batches) -> None:
        self._model, self._rows, self.batches = model, rows, batches

    def finish(self) -> None:
        """Does as Model.fit after the last epoch: an optimizer that averages the weights hands the average over."""
        self._model.optimizer.finalize_variable_values(self._model.trainable_variables)

    def _order(self, epoch: int) -> tf.Tensor:
        return tf.constant(self.batches.order(epoch))


class GraphTrainer(ModelTrainer):
    """Trains a built and compiled `model` in place, one call an epoch.

    The order of rows is that of `batches`, as in models.training.epoch_graph.Trainer; random layers draw from the state
    of their own seeds. The optimizer's state stays true.

    Raises:
        NotTraceable: an operation of the model cannot stand in a loop of a graph.
    """

    def __init__(self, model: keras.Model, rows: TrainingRows, batches: Batches, classes: bool = True) -> None:
        super().__init__(model, rows, batches)
        self._optimizer, self._classes = model.optimizer, classes
        if not self._optimizer.built:
            self._optimizer.build(model.trainable_variables)
        self._rule = _fused(model)
        self._scheduled = has_schedule(self._optimizer)
        self._data = rows.x, rows.y, tf.zeros([0]) if rows.weights is None else rows.weights
        self._measured = measures_more(model)
        if self._measured:  # the metrics' variables must not be made inside of a graph
            few, weights = keras.tree.map_structure(lambda values: values[:1], rows.x), rows.weights
            model.compute_metrics(few, rows.y[:1], model(few), sample_weight=None if weights is None else weights[:1])
        try:
            self._epoch = self._trace().get_concrete_function()
        except (tf.errors.ResourceExhaustedError, MemoryError):
            raise
        except Exception as error:
            raise NotTraceable(f"{type(error).__name__}: {said_by(error)[:200]}") from error

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """Trains one epoch, counted from 1; returns Keras' running means.

        These are `loss`, of classes `accuracy`, and the metrics that the model was compiled with.
        """
        first, steps = int(self._optimizer.iterations), self.batches.steps
        rate = 1.0 if self._scheduled else float(self._optimizer.learning_rate)
        sizes = np.zeros(steps) if self._rule is None else self._rule.step_sizes(rate, first + 1, steps)
        if self._measured:
            self._model.reset_metrics()
        tensors = keras.tree.flatten(self._data)
        loss, correct = self._epoch(*tensors, self._order(epoch), tf.constant(sizes, tf.float32))
        found = own_metrics(self._model) if self._measured else {}
        return found | running_means(loss, correct if self._classes else None, self._rows.count)

    def _trace(self) -> Any:
        model, batch, classes, data = self._model, self.batches.size, self._classes, self._data
        weighted = self._rows.weights is not None
        forward, update = answers_in_training(model), self._updates()
        variables = [variable.value for variable in model.trainable_variables]

        def epoch(*tensors):  # type: ignore[no-untyped-def]
            x, y, row_weights = keras.tree.pack_sequence_as(data, tensors[:-2])
            order, sizes = tensors[-2:]

            def step(i: tf.Tensor, loss: tf.Tensor, correct: tf.Tensor) -> tuple[tf.Tensor, ...]:
                rows = order[i * batch : (i + 1) * batch]
                inputs, truth = keras.tree.map_structure(lambda values: tf.gather(values, rows), (x, y))
                own = tf.gather(row_weights, rows) if weighted else None
                with tf.GradientTape() as tape:
                    answers = forward(inputs)
                    value = model.compute_loss(x=inputs, y=truth, y_pred=answers, sample_weight=own)
                    scaled = model.optimizer.scale_loss(value)
                gradients = tape.gradient(scaled, variables)
                # A variable is overwritten in place only when nobody holds its old value any more.
                with tf.control_dependencies([gradient for gradient in gradients if gradient is not None]):
                    update(gradients, tf.gather(sizes, i))
                if self._measured:
                    model.compute_metrics(inputs, truth, answers, sample_weight=own)
                if classes:
                    labels = truth if truth.shape.rank == 1 else tf.argmax(truth, -1, tf.int32)
                    hits = tf.equal(tf.argmax(answers, -1, tf.int32), labels)
                    correct += tf.reduce_sum(tf.cast(hits, tf.int32))
                return i + 1, loss + tf.cast(value, tf.float32) * tf.cast(tf.size(rows), tf.float32), correct

            steps, begin = tf.size(sizes), (tf.constant(0), tf.zeros([]), tf.constant(0))
            _, loss, correct = tf.while_loop(lambda i, *_: i < steps, step, begin, parallel_iterations=1)
            return loss, correct

        tensors = keras.tree.flatten(data)
        specs = [tf.TensorSpec([None, *tensor.shape[1:]], tensor.dtype) for tensor in tensors]
        signature = [*specs, tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.float32)]
        return tf.function(epoch, input_signature=signature, autograph=False)

    def _updates(self) -> Update:
        """One step of all trainable variables from their gradients; `size` is the fused rule's size of the step."""
        optimizer, rule, scheduled = self._optimizer, self._rule, self._scheduled
        variables = list(self._model.trainable_variables)
        if rule is None:
            keep_updates_local(optimizer)
            return lambda gradients, size: optimizer.apply(gradients, variables)
        self._slots = own_slots(optimizer)  # kept alive: a graph knows slots by their handles alone
        weights, slots, each = handles(variables), handles(self._slots), rule.slots

        def update(gradients: Sequence[Any], size: tf.Tensor) -> None:
            rate = optimizer.learning_rate
            if scheduled:
                size *= tf.cast(rate, size.dtype)
            constants = [tf.constant(value, size.dtype) for value in rule.constants]
            for k, gradient in enumerate(gradients):
                if isinstance(gradient, tf.IndexedSlices):
                    # Rows of an embedding, where a row may occur twice: Keras squares each before the sum.
                    optimizer.update_step(gradient, variables[k].value, rate)
                elif gradient is not None:
                    apply_fused(rule.kind, weights[k], slots[k * each : (k + 1) * each], gradient, size, constants)
            optimizer.iterations.assign_add(1)

        return update


def _fused(model: keras.Model) -> FusedRule | None:
    """The kernel of the model's optimizer, where the optimizer does nothing else to a variable."""
    plain = all(
        variable.dtype == "float32" and variable.constraint is None and not variable.overwrite_with_gradient
        for variable in model.trainable_variables
    )
    return fused_rule(model.optimizer) if plain and model.trainable_variables else None
