"""One trial's configuration: every parameter resolved."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from models.core.errors import ConfigError
from models.core.parameters import PARAMETERS, Scalar, check_parameter, layers_of


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
    rates = tuple(float(part) for part in layers_of(value))
    if len(rates) != depth:
        raise ConfigError(f"dropout must name one rate, or one for each of the {depth} hidden layers, got {written!r}")
    return rates


def _joined(values: tuple[int, ...] | tuple[float, ...]) -> Scalar:
    return values[0] if len(set(values)) == 1 else "-".join(map(str, values))
