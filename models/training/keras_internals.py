"""What training needs of Keras and Keras does not offer: what an optimizer holds, and how a model was compiled.

tests/models/training/test_keras_internals.py fails first when another version of Keras has them otherwise.
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

    Adam: first, then second moments. SGD: momenta, none without momentum. RMSprop: mean squares, then momenta, none of
    them without momentum. The public `optimizer.variables` holds the same arrays and does not say which is which.
    """
    if isinstance(optimizer, keras.optimizers.Adam):
        return [optimizer._momentums, optimizer._velocities]
    if isinstance(optimizer, keras.optimizers.RMSprop):
        return [optimizer._velocities, optimizer._momentums]
    return [optimizer.momentums]


def leave_sizes_open(variables: Sequence[Any]) -> None:
    """Lets Keras' variables take values of any size, as TensorFlow's can; Keras reads and writes them by `_value`."""
    for variable in variables:
        value = variable.value
        variable._value = tf.Variable(value, shape=[None] * value.shape.rank, trainable=False)


def has_schedule(optimizer: keras.optimizers.Optimizer) -> bool:
    """Whether an optimizer's public `learning_rate` changes from step to step of itself."""
    return not isinstance(optimizer._learning_rate, keras.Variable)


def keep_updates_local(optimizer: keras.optimizers.Optimizer) -> None:
    """Lets a built optimizer update variables itself, not through tf.distribute, which there is none of here.

    Each trace through tf.distribute takes its time and leaves megabytes that are never given back.
    """
    plain: Any = BaseOptimizer
    for name in ("_backend_update_step", "_apply_weight_decay"):
        own = getattr(type(optimizer), name)
        if own is getattr(keras.optimizers.Optimizer, name):  # not where the user's optimizer has its own
            setattr(optimizer, name, MethodType(getattr(plain, name), optimizer))


def answers_in_training(model: keras.Model) -> Callable[[Any], Any]:
    """`model` as Model.fit calls it: told that it trains only where its call asks for it."""
    return (lambda inputs: model(inputs, training=True)) if model._call_has_training_arg else model


def measures_more(model: keras.Model) -> bool:
    """Whether a compiled model has metrics beyond its loss and the accuracy of classes."""
    asked = model._compile_metrics
    if asked is None:
        return False
    named = keras.tree.flatten([asked._user_metrics or [], asked._user_weighted_metrics or []])
    return any(metric not in ("accuracy", "acc") for metric in named)


def name_metrics(model: keras.Model, y: tf.Tensor, answers: tf.Tensor) -> None:
    """Has a compiled model's metrics exist, which Keras makes in Model.fit: callbacks look for a metric's direction."""
    if model._compile_metrics is not None and not model._compile_metrics.built:
        model._compile_metrics.build(y, answers)


def own_metrics(model: keras.Model) -> dict[str, float]:
    """The values that a model's compiled metrics have reached, by name, those that are finite numbers; not its loss."""
    found = {name: np.asarray(value) for name, value in model.get_metrics_result().items() if name != "loss"}
    return {name: float(value) for name, value in found.items() if value.ndim == 0 and np.isfinite(value)}


def uncompile(model: keras.Model) -> None:
    """Takes from a trained model what `compile` gave it, so that a file of it holds the network alone."""
    model.compiled = False
    model.optimizer = None
    model._compile_loss = model._compile_metrics = model._loss_tracker = None
