"""Keras' optimizers as TensorFlow's fused kernels: one pass over a variable instead of some ten.

Kernels and formulas: tensorflow/core/kernels/training_ops.cc (ResourceApplyAdam, ResourceApplyRMSProp,
ResourceApplyGradientDescent, ResourceApplyKerasMomentum), keras/src/optimizers/{adam,rmsprop,sgd}.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.core.config import TrialConfig
from models.training.keras_internals import slots_by_kind


@dataclass(frozen=True)
class FusedRule:
    """An optimizer whose step is one kernel a variable. Only `kind` shapes the graph; the constants are fed to it."""

    kind: str
    constants: tuple[float, ...]

    @property
    def slots(self) -> int:
        """The number of state arrays of one variable, all zero at the start."""
        return _SLOTS[self.kind]

    def new_slots(self, variables: Sequence[Any]) -> list[tf.Variable]:
        """New state arrays for `variables`; the arrays of one variable stand together."""
        return [
            tf.Variable(tf.zeros(variable.shape, variable.dtype), trainable=False)
            for variable in variables
            for _ in range(self.slots)
        ]

    def step_sizes(self, learning_rate: float, first_step: int, steps: int) -> NDArray[np.float64]:
        """(steps,): the factor of each step's direction; `first_step` counts from 1.

        Adam's bias correction is part of the factor (Kingma and Ba, 2015, end of section 2), so that the kernel needs
        none.
        """
        if self.kind != "adam":
            return np.full(steps, learning_rate)
        step = np.arange(first_step, first_step + steps, dtype=np.float64)
        beta_1, beta_2, _ = self.constants
        return np.asarray(learning_rate * np.sqrt(1 - beta_2**step) / (1 - beta_1**step))


def make_optimizer(config: TrialConfig) -> keras.optimizers.Optimizer:
    """Keras' optimizer of the configuration, with Keras' defaults for all settings that a study does not have."""
    return named_optimizer(config.optimizer, config.learning_rate, config.momentum)


def named_optimizer(name: str, learning_rate: float, momentum: float = 0.0) -> keras.optimizers.Optimizer:
    """Keras' optimizer of a name that a study may use, with Keras' defaults; `momentum` is for "sgd" alone."""
    kinds = {"adam": keras.optimizers.Adam, "nadam": keras.optimizers.Nadam, "rmsprop": keras.optimizers.RMSprop}
    # A fixed name, because TensorFlow keeps 80 kB for ever for each name that a variable ever had.
    if name == "sgd":
        return keras.optimizers.SGD(learning_rate, momentum=momentum, name="optimizer")
    return kinds[name](learning_rate, name="optimizer")


def fused_rule(optimizer: keras.optimizers.Optimizer) -> FusedRule | None:
    """The fused rule that computes the same as `optimizer`; None where no kernel does."""
    plain = (
        optimizer.weight_decay is None
        and optimizer.clipnorm is None
        and optimizer.global_clipnorm is None
        and optimizer.clipvalue is None
        and not optimizer.use_ema
        and optimizer.loss_scale_factor is None
        and optimizer.gradient_accumulation_steps is None
    )
    if not plain:
        return None
    # Exact types: a subclass computes something else.
    if type(optimizer) is keras.optimizers.Adam and not optimizer.amsgrad:
        return FusedRule("adam", (optimizer.beta_1, optimizer.beta_2, optimizer.epsilon))
    if type(optimizer) is keras.optimizers.RMSprop and not optimizer.centered:
        return FusedRule("rmsprop", (optimizer.rho, optimizer.momentum, optimizer.epsilon))
    if type(optimizer) is keras.optimizers.SGD and not optimizer.nesterov:
        return FusedRule("momentum", (optimizer.momentum,)) if optimizer.momentum else FusedRule("sgd", ())
    return None


def own_slots(optimizer: keras.optimizers.Optimizer) -> list[Any]:
    """The state arrays of a built optimizer, in the order of the trained variables; one variable's stand together.

    Training with these arrays keeps the optimizer's own state true, so that a checkpoint can be trained further.
    """
    kinds = slots_by_kind(optimizer)
    if type(optimizer) is keras.optimizers.RMSprop:
        # The kernel always has a momentum array; Keras has one only for a momentum above 0.
        squares, momenta = kinds
        kinds = [squares, momenta or [tf.Variable(tf.zeros(v.shape, v.dtype)) for v in squares]]
    return [slot for of_one_variable in zip(*kinds, strict=True) for slot in of_one_variable]


def apply_fused(
    kind: str,
    variable: tf.Tensor,
    slots: Sequence[tf.Tensor],
    gradient: tf.Tensor,
    step_size: tf.Tensor,
    constants: Sequence[tf.Tensor],
) -> None:
    """One step of one variable; `variable` and `slots` are resource handles."""
    if kind == "adam":
        zero = tf.zeros([], gradient.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable, m=slots[0], v=slots[1], beta1_power=zero, beta2_power=zero, lr=step_size,
            beta1=constants[0], beta2=constants[1], epsilon=constants[2], grad=gradient,
        )  # fmt: skip
    elif kind == "rmsprop":
        tf.raw_ops.ResourceApplyRMSProp(
            var=variable, ms=slots[0], mom=slots[1], lr=step_size, rho=constants[0], momentum=constants[1],
            epsilon=constants[2], grad=gradient,
        )  # fmt: skip
    elif kind == "momentum":
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable, accum=slots[0], lr=step_size, grad=gradient, momentum=constants[0]
        )
    elif kind == "sgd":
        tf.raw_ops.ResourceApplyGradientDescent(var=variable, alpha=step_size, delta=gradient)
    else:
        raise ValueError(f"kind must be one of {', '.join(_SLOTS)}, got {kind!r}")


_SLOTS = {"adam": 2, "rmsprop": 2, "momentum": 1, "sgd": 0}
N_CONSTANTS = {"adam": 3, "rmsprop": 3, "momentum": 1, "sgd": 0}
