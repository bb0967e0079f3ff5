"""One trial's configuration: the parameters' names, ranges and defaults, each in one place."""

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

ACTIVATIONS = (
    "elu", "gelu", "hard_sigmoid", "leaky_relu", "linear", "relu", "selu", "sigmoid", "silu", "softplus", "softsign",
    "tanh",
)  # fmt: skip
OPTIMIZERS = ("adam", "nadam", "rmsprop", "sgd")
MONITORS = ("val_loss", "val_accuracy")
KEEPS = ("best", "last")
BATCH_NORMS = ("none", "before", "after")
TRAIN_METRICS = ("last", "each")

Scalar = bool | int | float | str


class ConfigError(ValueError):
    """A setting breaks a rule; the message states the rule, then the value received."""


def _integer(name: str, low: int, high: int | None = None) -> Callable[[Any], int]:
    span = f"{low} or more" if high is None else f"{low} to {high}"

    def check(value: Any) -> int:
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not whole or value < low or (high is not None and value > high):
            raise ConfigError(f"{name} must be a whole number, {span}, got {value!r}")
        return int(value)

    return check


def _real(name: str, rule: str, holds: Callable[[float], bool]) -> Callable[[Any], float]:
    def check(value: Any) -> float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or not holds(float(value)):
            raise ConfigError(f"{name} must be a number {rule}, got {value!r}")
        return float(value)

    return check


def _one_of(name: str, allowed: tuple[str, ...]) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if value not in allowed:
            raise ConfigError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
        return str(value)

    return check


def _per_layer(each: Callable[[Any], Any], read: Callable[[str], Any]) -> Callable[[Any], Scalar]:
    """One value, or one a hidden layer: "400-300" or [400, 300]; several come back as the string."""

    def check(value: Any) -> Scalar:
        if isinstance(value, str):
            try:
                parts = [read(part) for part in _layers(value)]
            except ValueError:
                parts = [value]
        else:
            parts = list(value) if isinstance(value, list | tuple) else [value]
        checked: list[Scalar] = [each(part) for part in parts or [value]]
        return checked[0] if len(checked) == 1 else "-".join(f"{part}" for part in checked)

    return check


def _layers(text: str) -> list[str]:
    """The parts of "400-300", a layer each; the minus of 1e-05 parts nothing."""
    return re.split(r"(?<![eE])-", text)


def _batch_norm(value: Any) -> str:
    if isinstance(value, bool):
        return "before" if value else "none"
    return _one_of("batch_norm", BATCH_NORMS)(value)


@dataclass(frozen=True)
class Parameter:
    """What a parameter may be, and what it is when a study says nothing."""

    check: Callable[[Any], Scalar]
    default: Scalar
    meaning: str


PARAMETERS: dict[str, Parameter] = {
    "width": Parameter(_per_layer(_integer("width", 1), int), 128, 'nodes a hidden layer, or "400-300"'),
    "depth": Parameter(_integer("depth", 0), 0, "number of hidden layers; 0: as many as width names"),
    "dropout": Parameter(
        _per_layer(_real("dropout", "from 0 to below 1", lambda x: 0 <= x < 1), float),
        0.0,
        'share of a hidden layer dropped while training, or "0.5-0" a layer',
    ),
    "activation": Parameter(_one_of("activation", ACTIVATIONS), "relu", "of the hidden layers"),
    "batch_norm": Parameter(_batch_norm, "none", "none, or before or after the activation"),
    "l2": Parameter(_real("l2", "of 0 or more", lambda x: x >= 0), 0.0, "penalty on the hidden layers' kernels"),
    "optimizer": Parameter(_one_of("optimizer", OPTIMIZERS), "adam", ""),
    "learning_rate": Parameter(_real("learning_rate", "above 0", lambda x: x > 0), 0.001, ""),
    "momentum": Parameter(_real("momentum", "from 0 to below 1", lambda x: 0 <= x < 1), 0.0, "of sgd"),
    "batch_size": Parameter(_integer("batch_size", 1), 32, "rows a step"),
    "epochs": Parameter(_integer("epochs", 1), 10, "at most, when patience is set"),
    "patience": Parameter(_integer("patience", 0), 0, "epochs without gain before stopping; 0: never stop early"),
    "monitor": Parameter(_one_of("monitor", MONITORS), "val_loss", "what early stopping and keep look at"),
    "keep": Parameter(_one_of("keep", KEEPS), "best", "the weights of the best epoch, or of the last"),
    "train_metrics": Parameter(
        _one_of("train_metrics", TRAIN_METRICS),
        "last",
        "train part in inference mode: kept weights only, or each epoch",
    ),
}


def check_parameter(name: str, value: Any) -> Scalar:
    """`value` in the parameter's own type.

    Raises:
        ConfigError: the name is unknown or the value outside its range.
    """
    if name not in PARAMETERS:
        raise ConfigError(f"a parameter must be one of {', '.join(PARAMETERS)}, got {name!r}")
    return PARAMETERS[name].check(value)


@dataclass(frozen=True)
class TrialConfig:
    """Everything that decides a trial but its data and its seed. Build it with `from_parameters`."""

    width: tuple[int, ...]
    """Nodes of each hidden layer, the first one first; at least one layer."""
    dropout: tuple[float, ...]
    """Rate after each hidden layer, in [0, 1)."""
    activation: str
    batch_norm: str
    l2: float
    optimizer: str
    learning_rate: float
    momentum: float
    batch_size: int
    epochs: int
    patience: int
    monitor: str
    keep: str
    train_metrics: str

    @property
    def depth(self) -> int:
        return len(self.width)

    @classmethod
    def from_parameters(cls, values: Mapping[str, Any]) -> "TrialConfig":
        """The configuration that `values` describe; what they leave out takes its default.

        Raises:
            ConfigError: an unknown name, a value outside its range, or widths, rates and depth that disagree.
        """
        for name in values:
            if name not in PARAMETERS:
                check_parameter(name, values[name])
        full = {name: check_parameter(name, values.get(name, spec.default)) for name, spec in PARAMETERS.items()}
        asked_depth = int(full.pop("depth"))
        widths = [int(part) for part in _layers(str(full.pop("width")))]
        if len(widths) == 1:
            widths *= max(asked_depth, 1)
        elif asked_depth not in (0, len(widths)):
            raise ConfigError(
                f"depth must agree with the widths, which name {len(widths)} layers, got depth {asked_depth} "
                f"with width {'-'.join(map(str, widths))!r}"
            )
        written = values.get("dropout", PARAMETERS["dropout"].default)
        rates = _rates(full.pop("dropout"), len(widths), written)
        if full["optimizer"] != "sgd":
            full["momentum"] = 0.0  # it plays no part, so it makes no other trial
        return cls(width=tuple(widths), dropout=rates, **full)  # type: ignore[arg-type]

    @classmethod
    def from_text(cls, values: Mapping[str, str]) -> "TrialConfig":
        """The configuration whose `parameters()` were written down as text: exactly that one, floats included.

        Raises:
            ConfigError: as `from_parameters`.
        """
        return cls.from_parameters({name: _read(text) for name, text in values.items()})

    def parameters(self) -> dict[str, Scalar]:
        """The parameters as people write and compare them: one number where all layers agree, else "400-300".

        Momentum only where it plays a part.
        """
        values = asdict(self)
        values["width"] = _joined(self.width)
        values["dropout"] = _joined(self.dropout)
        if self.optimizer != "sgd":
            del values["momentum"]
        return {"width": values.pop("width"), "depth": self.depth, **values}

    def hash(self) -> str:
        """SHA-256 of the configuration, 16 hexadecimal digits: equal exactly for trials that differ in seed only."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]


def _read(text: str) -> Scalar:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _rates(value: Scalar, depth: int, written: Any) -> tuple[float, ...]:
    if not isinstance(value, str):
        return (float(value),) * depth
    rates = tuple(float(part) for part in _layers(value))
    if len(rates) != depth:
        raise ConfigError(f"dropout must name one rate, or one for each of the {depth} hidden layers, got {written!r}")
    return rates


def _joined(values: tuple[int, ...] | tuple[float, ...]) -> Scalar:
    return values[0] if len(set(values)) == 1 else "-".join(map(str, values))
