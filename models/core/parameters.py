"""The parameters of a trial: their names, their allowed values and their defaults."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from models.core import names
from models.core.errors import ConfigError, shown
from models.core.suggestions import did_you_mean, no_such

ACTIVATIONS = (
    "elu", "gelu", "hard_sigmoid", "leaky_relu", "linear", "mish", "relu", "selu", "sigmoid", "silu", "softplus",
    "softsign", "tanh",
)  # fmt: skip
"""Keras' names of functions that act on each number alone."""
OPTIMIZERS = ("adam", "nadam", "rmsprop", "sgd")
MONITORS = tuple(names.VAL + metric for metric in dict.fromkeys((*names.METRICS_OF_CLASSES, *names.METRICS_OF_NUMBERS)))
"""The metrics of all tasks; models.tasks.objective.check_monitor knows the task of each."""
KEEPS = ("best", "last")
BATCH_NORMS = ("none", "before", "after")
TRAIN_METRICS = ("last", "each")

MOST_NODES, MOST_LAYERS = 1_000_000, 1_000  # nodes of a layer, layers of a network; more is a typing error
_MOST = 2**31 - 1  # TensorFlow counts steps and rows in int32

Scalar = bool | int | float | str

LEAST_REAL, MOST_REAL = 1e-38, 1e38
"""The smallest and largest sizes of a number: float32, in which networks are trained, makes others 0 or infinite."""


def is_whole(value: Any) -> bool:
    """Whether `value` is a whole number; 1e3 is one, True is none."""
    return not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))


def _integer(name: str, low: int, high: int | None = None) -> Callable[[Any], int]:
    span = f"{low} or more" if high is None else f"{low} to {high}"

    def check(value: Any) -> int:
        if not is_whole(value) or value < low or (high is not None and value > high):
            raise ConfigError(f"{name} must be a whole number, {span}, got {shown(value)}")
        return int(value)

    return check


def _real(name: str, rule: str, holds: Callable[[float], bool]) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not abs(value) <= MOST_REAL or not holds(float(value)):  # so written, nan is refused too
            raise ConfigError(f"{name} must be a number {rule}, got {shown(value)}")
        return float(value)

    return check


def _one_of(name: str, allowed: tuple[str, ...]) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in allowed:
            raise ConfigError(
                f"{name} must be one of {', '.join(allowed)}, got {shown(value)}{did_you_mean(value, allowed)}"
            )
        return str(value)

    return check


def _per_layer(each: Callable[[Any], Any], read: Callable[[str], Any]) -> Callable[[Any], Scalar]:
    """Checks one value, or one for each hidden layer as "400-300" or [400, 300]; returns several as the string."""

    def check(value: Any) -> Scalar:
        if isinstance(value, str):
            try:
                parts = [read(part) for part in layers_of(value)]
            except ValueError:
                parts = [value]
        else:
            parts = list(value) if isinstance(value, list | tuple) else [value]
        if len(parts) > MOST_LAYERS:
            raise ConfigError(
                f"values for single layers may name {MOST_LAYERS:,} hidden layers at most, got {len(parts):,}"
            )
        checked: list[Scalar] = [each(part) for part in parts or [value]]
        return checked[0] if len(checked) == 1 else "-".join(f"{part}" for part in checked)

    return check


def layers_of(text: str) -> list[str]:
    """The parts of "400-300", one for each layer; the minus of 1e-05 separates nothing."""
    return re.split(r"(?<![eE])-", text)


def _batch_norm(value: Any) -> str:
    if isinstance(value, bool):
        return "before" if value else "none"
    return _one_of("batch_norm", BATCH_NORMS)(value)


@dataclass(frozen=True)
class Parameter:
    """One parameter of a trial."""

    check: Callable[[Any], Scalar]
    """Returns a value in the parameter's own type; raises ConfigError where the value is out of range."""
    default: Scalar
    meaning: str
    words: tuple[str, ...] = ()
    """The allowed values, where these are words."""


def _word(name: str, words: tuple[str, ...], default: str, meaning: str) -> Parameter:
    return Parameter(_one_of(name, words), default, meaning, words)


PARAMETERS: dict[str, Parameter] = {
    "width": Parameter(
        _per_layer(_integer("width", 1, MOST_NODES), int), 128,
        "Nodes of each hidden layer: one number for all layers, or one for each as '400-300'.",
    ),
    "depth": Parameter(
        _integer("depth", 0, MOST_LAYERS), 0, "Number of hidden layers; 0: as many as width has values."
    ),
    "dropout": Parameter(
        _per_layer(_real("dropout", "from 0 to below 1", lambda x: 0 <= x < 1), float), 0.0,
        "Share of a hidden layer's nodes that is dropped in training: one number for all layers, or '0.5-0'.",
    ),
    "activation": _word("activation", ACTIVATIONS, "relu", "Activation of the hidden layers, by Keras' name."),
    "batch_norm": Parameter(
        _batch_norm, "none", "Batch normalisation before or after the activation, or none.", BATCH_NORMS
    ),
    "l2": Parameter(
        _real("l2", "from 0 to 1e38", lambda x: x >= 0), 0.0, "Factor of the L2 penalty on the hidden layers' kernels."
    ),
    "optimizer": _word("optimizer", OPTIMIZERS, "adam", "Optimizer, by Keras' name."),
    "learning_rate": Parameter(
        _real("learning_rate", "from 1e-38 to 1e38", lambda x: x >= LEAST_REAL), 0.001, "The optimizer's learning rate."
    ),
    "momentum": Parameter(
        _real("momentum", "from 0 to below 1", lambda x: 0 <= x < 1), 0.0, "Momentum of the optimizer sgd."
    ),
    "batch_size": Parameter(_integer("batch_size", 1, _MOST), 32, "Rows of a training step."),
    "epochs": Parameter(_integer("epochs", 1, _MOST), 10, "Epochs of training; the most of them with patience."),
    "patience": Parameter(
        _integer("patience", 0, _MOST), 0, "Epochs without gain after which training stops; 0: it never stops early."
    ),
    "monitor": _word("monitor", MONITORS, names.VAL_LOSS, "The metric that early stopping and keep look at."),
    "keep": _word("keep", KEEPS, "best", "Whether the weights of the best epoch or of the last are kept."),
    "train_metrics": _word(
        "train_metrics", TRAIN_METRICS, "last",
        "Whether the training part is measured in inference mode for the kept weights alone, or after each epoch.",
    ),
}  # fmt: skip


_ELSEWHERE = {
    **dict.fromkeys(("units", "nodes", "neurons", "hidden_units", "hidden_size", "hidden"), "width"),
    **dict.fromkeys(("layers", "n_layers", "num_layers", "hidden_layers"), "depth"),
    **dict.fromkeys(("lr", "rate", "eta"), "learning_rate"),
    **dict.fromkeys(("batch", "bs"), "batch_size"),
    **dict.fromkeys(("dropout_rate", "drop"), "dropout"),
    **dict.fromkeys(("n_epochs", "num_epochs"), "epochs"),
}
"""Names of the parameters in other programs."""


def check_parameter(name: str, value: Any) -> Scalar:
    """`value` in the parameter's own type.

    Raises:
        ConfigError: the name is unknown, or the value is outside its range.
    """
    if name not in PARAMETERS:
        meant = _ELSEWHERE.get(str(name).lower())
        if meant:
            raise ConfigError(f"{shown(name)} is no parameter; it is called {meant} here")
        raise ConfigError(no_such(name, "parameter", PARAMETERS))
    return PARAMETERS[name].check(value)
