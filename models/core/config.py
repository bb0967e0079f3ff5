"""The configuration of one trial, with every parameter resolved: for the built-in network, or for the user's own."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from models.core.errors import ConfigError
from models.core.parameters import PARAMETERS, Scalar, check_parameter, layers_of

TRAINING = (
    "optimizer", "learning_rate", "momentum", "batch_size", "epochs", "patience", "monitor", "keep", "train_metrics",
)  # fmt: skip
"""The parameters that a study has for the training of any network; all others belong to the built-in network."""
MOST_CHARACTERS = 5000
"""The most of a configuration as JSON, which a tag of a run holds."""


@dataclass(frozen=True)
class TrialConfig:
    """Everything that decides a trial but its data and its seed. Build it with `from_parameters`."""

    width: tuple[int, ...]
    """The nodes of each hidden layer, the first one first; at least one layer."""
    dropout: tuple[float, ...]
    """The dropout rate after each hidden layer, in [0, 1)."""
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
        """The configuration that `values` describe; parameters not among them take their defaults.

        Raises:
            ConfigError: an unknown name, a value outside its range, or widths, rates and depth that disagree.
        """
        for name in values:
            if name not in PARAMETERS:
                check_parameter(name, values[name])
        full = _resolved(PARAMETERS, values)
        asked_depth = int(full.pop("depth"))
        widths = [int(part) for part in layers_of(str(full.pop("width")))]
        if len(widths) == 1:
            widths *= max(asked_depth, 1)
        elif asked_depth not in (0, len(widths)):
            raise ConfigError(
                f"depth must agree with the widths, which name {len(widths)} layers, got depth {asked_depth} "
                f"with width {'-'.join(map(str, widths))!r}"
            )
        written = values.get("dropout", PARAMETERS["dropout"].default)
        rates = _rates(full.pop("dropout"), len(widths), written)
        return cls(width=tuple(widths), dropout=rates, **full)

    @classmethod
    def from_text(cls, values: Mapping[str, str]) -> "TrialConfig":
        """The configuration whose `parameters()` were stored as text: exactly that one, floats included.

        Raises:
            ConfigError: as `from_parameters`.
        """
        return cls.from_parameters({name: _read(text) for name, text in values.items()})

    def parameters(self) -> dict[str, Scalar]:
        """The parameters as people write and compare them: one number where all layers agree, else "400-300".

        Momentum is among them only where the optimizer uses it.
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


@dataclass(frozen=True)
class OwnConfig:
    """Everything that decides a trial but its data and its seed. Build it with `from_parameters`."""

    network: str
    """FILE.py:NAME, without the folder."""
    source_sha256: str
    """models.spaces.source.Source.hash."""
    asked: tuple[tuple[str, Scalar], ...]
    """The values that the function asked for, by stored name; for a function of keywords, its keywords."""
    optimizer: str
    """Used, as learning_rate and momentum are, for a network that the function has not compiled."""
    learning_rate: float
    momentum: float
    batch_size: int
    epochs: int
    patience: int
    monitor: str
    keep: str
    train_metrics: str
    deterministic: bool = True
    """Whether a trial fails that has an operation without a deterministic kernel."""

    @classmethod
    def from_parameters(
        cls,
        network: str,
        source_sha256: str,
        asked: Mapping[str, Scalar],
        training: Mapping[str, Any],
        *,
        deterministic: bool = True,
    ) -> "OwnConfig":
        """The configuration of `asked` with the parameters in `training`; all others take their defaults.

        Raises:
            ConfigError: a name in `training` is not one of TRAINING, or a value is outside its range.
        """
        unknown = [name for name in training if name not in TRAINING]
        if unknown:
            raise ConfigError(f"training of a network of your own may have {', '.join(TRAINING)}, got {unknown[0]!r}")
        resolved = _resolved(TRAINING, training)
        config = cls(network, source_sha256, tuple(asked.items()), **resolved, deterministic=deterministic)
        if len(config.to_json()) > MOST_CHARACTERS:
            raise ConfigError(
                f"a trial's hyperparameters may have {MOST_CHARACTERS:,} characters as JSON, got "
                f"{len(config.to_json()):,}"
            )
        return config

    @classmethod
    def from_json(cls, text: str) -> "OwnConfig":
        """The configuration that `to_json` wrote: exactly that one.

        Raises:
            ConfigError: the text is no such configuration.
        """
        try:
            values = json.loads(text)
            return cls(**values | {"asked": tuple((str(name), value) for name, value in values["asked"])})
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigError(f"a network's configuration must be JSON that was written here, got {error}") from None

    def to_json(self) -> str:
        return json.dumps(self._written())

    def parameters(self) -> dict[str, Scalar]:
        """The values that the function asked for, and the parameters of the training that it did not ask for."""
        training = {name: getattr(self, name) for name in TRAINING if name != "momentum" or self.optimizer == "sgd"}
        return dict(self.asked) | {name: value for name, value in training.items() if name not in dict(self.asked)}

    def _written(self) -> dict[str, Any]:
        """The fields, without a `deterministic` that is True, so that hashes of older configurations stay the same."""
        values = asdict(self)
        if self.deterministic:
            del values["deterministic"]
        return values

    def hash(self) -> str:
        """SHA-256 of the configuration, 16 hexadecimal digits: equal exactly for trials that differ in seed only."""
        values = self._written() | {"asked": sorted(self.asked)}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


Config = TrialConfig | OwnConfig


def _resolved(wanted: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """Each parameter of `wanted`, checked; parameters not in `values` take their defaults."""
    full = {name: check_parameter(name, values.get(name, PARAMETERS[name].default)) for name in wanted}
    if full["optimizer"] != "sgd":
        full["momentum"] = 0.0  # only sgd uses momentum: equal trials must have equal configurations
    return full


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
    rates = tuple(float(part) for part in layers_of(value))
    if len(rates) != depth:
        raise ConfigError(f"dropout must name one rate, or one for each of the {depth} hidden layers, got {written!r}")
    return rates


def _joined(values: tuple[int, ...] | tuple[float, ...]) -> Scalar:
    return values[0] if len(set(values)) == 1 else "-".join(map(str, values))
