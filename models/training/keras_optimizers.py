"""Keras' own update of any optimizer, for the training graph that serves networks of every size.

An optimizer's update is bound to the variables that the optimizer was built for. Tracing one update for each network
would cost a quarter of a second and, through tf.distribute, 4 MB for ever. So each kind of optimizer is traced once, on
stand-ins of open sizes; weights and optimizer state are copied in before an epoch and out after the epoch.
"""

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from models.training.keras_internals import leave_sizes_open


class StandIn:
    """Builds `optimizer` on stand-ins for the weights of any network whose weights have the given ranks."""

    def __init__(self, optimizer: keras.optimizers.Optimizer, ranks: Sequence[int], dtype: str) -> None:
        self._optimizer = optimizer
        self._variables = [keras.Variable(tf.ones([1] * rank, dtype), dtype=dtype) for rank in ranks]
        leave_sizes_open(self._variables)
        self._optimizer.build(self._variables)
        leave_sizes_open(self._optimizer.variables)

    @property
    def handles(self) -> list[tf.Tensor]:
        """The handles of the variables that stand in for a network's trainable ones."""
        return [variable.value.handle for variable in self._variables]

    def update(self, gradients: Sequence[tf.Tensor]) -> None:
        """One step, as Keras takes it."""
        self._optimizer.apply(gradients, self._variables)

    def take(self, optimizer: keras.optimizers.Optimizer, variables: Sequence[Any]) -> None:
        """Copies weights and state of a network's own optimizer in."""
        for own, real in self._pairs(optimizer, variables):
            own.assign(real.value)

    def give_back(self, optimizer: keras.optimizers.Optimizer, variables: Sequence[Any]) -> None:
        """Copies weights and state back."""
        for own, real in self._pairs(optimizer, variables):
            real.value.assign(own)

    def _pairs(self, optimizer: keras.optimizers.Optimizer, variables: Sequence[Any]) -> list[tuple[Any, Any]]:
        own = [variable.value for variable in (*self._variables, *self._optimizer.variables)]
        return list(zip(own, (*variables, *optimizer.variables), strict=True))
