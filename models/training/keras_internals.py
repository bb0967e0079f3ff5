"""Training's use of Keras' internals: the state of an optimizer, and the settings that a model was compiled with.

tests/models/training/test_keras_internals.py fails first when another version of Keras changes them.
"""

from collections.abc import Callable, Sequence
from types import MethodType
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.optimizers.base_optimizer import BaseOptimizer


def slots_by_kind(optimizer: keras.optimizers.Optimizer) -> list[list[Any]]:
    """The state arrays of a built Adam, SGD or RMSprop: a list for each kind, an array for each trained variable.

    Adam: first moments, then second moments. SGD: momenta; empty without momentum. RMSprop: mean squares, then momenta,
    which are empty without momentum. The public `optimizer.variables` holds the same arrays without saying their kind.
    """
    if isinstance(optimizer, keras.optimizers.Adam):
        return [optimizer._momentums, optimizer._velocities]
    if isinstance(optimizer, keras.optimizers.RMSprop):
        return [optimizer._velocities, optimizer._momentums]
    return [optimizer.momentums]


def leave_sizes_open(variables: Sequence[Any]) -> None:
    """Lets Keras' variables take values of any size, as TensorFlow's can; Keras reads and writes `_value`."""
    for variable in variables:
        value = variable.value
        variable._value = tf.Variable(value, shape=[None] * value.shape.rank, trainable=False)


def has_schedule(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether an optimizer has a schedule, which changes its `learning_rate` from step to step."""
    return not isinstance(optimizer._learning_rate, keras.Variable)


def keep_updates_local(optimizer: keras.optimizers.Optimizer) -> None:
    """Lets a built optimizer update variables itself, not through tf.distribute, which training here does not use.

    Each trace through tf.distribute takes time and keeps megabytes for ever.
    """
    plain: Any = BaseOptimizer
    for name in ("_backend_update_step", "_apply_weight_decay"):
        own = getattr(type(optimizer), name)
        if own is getattr(keras.optimizers.Optimizer, name):  # not where the user's optimizer has its own
            setattr(optimizer, name, MethodType(getattr(plain, name), optimizer))


def answers_in_training(model: keras.Model) -> Callable[[Any], Any]:
    """`model` as Model.fit calls it: with `training=True` where its call has that argument."""
    return (lambda inputs: model(inputs, training=True)) if model._call_has_training_arg else model


def measures_more(model: keras.Model) -> bool:
    """Whether a compiled model has metrics beyond its loss and the accuracy of classes."""
    asked = model._compile_metrics
    if asked is None:
        return False
    named = keras.tree.flatten([asked._user_metrics or [], asked._user_weighted_metrics or []])
    return any(metric not in ("accuracy", "acc") for metric in named)


def name_metrics(model: keras.Model, y: tf.Tensor, answers: tf.Tensor) -> None:
    """Makes a compiled model's metrics, as Model.fit would: callbacks look up a metric's direction in them."""
    if model._compile_metrics is not None and not model._compile_metrics.built:
        model._compile_metrics.build(y, answers)


def own_metrics(model: keras.Model) -> dict[str, float]:
    """The values of a model's compiled metrics by name, without its loss and without values that are not finite."""
    found = {name: np.asarray(value) for name, value in model.get_metrics_result().items() if name != "loss"}
    return {name: float(value) for name, value in found.items() if value.ndim == 0 and np.isfinite(value)}


def uncompile(model: keras.Model) -> None:
    """Undoes `compile` on a trained model, so that its file holds the network alone."""
    model.compiled = False
    model.optimizer = None
    model._compile_loss = model._compile_metrics = model._loss_tracker = None
