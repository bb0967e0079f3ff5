"""One trial's configuration where the user's own function builds the network."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from models.core.config import TrialConfig
from models.core.errors import ConfigError
from models.core.parameters import PARAMETERS, Scalar, check_parameter

TRAINING = (
    "optimizer", "learning_rate", "momentum", "batch_size", "epochs", "patience", "monitor", "keep", "train_metrics",
)  # fmt: skip
"""What a study says of the training of any network; all but these belong to the built-in one."""
MOST_CHARACTERS = 5000
"""Of a configuration as JSON: what a tag of a run can hold."""


@dataclass(frozen=True)
class OwnConfig:
    """Everything that decides a trial but its data and its seed. Build it with `from_parameters`."""

    network: str
    """FILE.py:NAME, without the folder."""
    source_sha256: str
    """models.spaces.source.Source.hash."""
    asked: tuple[tuple[str, Scalar], ...]
    """What the function asked for, by the names under which it is stored, or the keywords it is called with."""
    optimizer: str
    """With the next two: of a network that the function has not compiled."""
    learning_rate: float
    momentum: float
    batch_size: int
    epochs: int
    patience: int
    monitor: str
    keep: str
    train_metrics: str

    @classmethod
    def from_parameters(
        cls, network: str, source_sha256: str, asked: Mapping[str, Scalar], training: Mapping[str, Any]
    ) -> "OwnConfig":
        """The configuration of `asked`, trained as `training` says; what that leaves out takes its default.

        Raises:
            ConfigError: a name of `training` is not one of TRAINING, or a value outside its range.
        """
        unknown = [name for name in training if name not in TRAINING]
        if unknown:
            raise ConfigError(f"training of a network of your own may say {', '.join(TRAINING)}, got {unknown[0]!r}")
        full: dict[str, Any] = {
            name: check_parameter(name, training.get(name, PARAMETERS[name].default)) for name in TRAINING
        }
        if full["optimizer"] != "sgd":
            full["momentum"] = 0.0  # it plays no part, so it makes no other trial
        config = cls(network, source_sha256, tuple(asked.items()), **full)
        if len(config.to_json()) > MOST_CHARACTERS:
            raise ConfigError(
                f"a trial's hyperparameters may have {MOST_CHARACTERS:,} characters when written down, got "
                f"{len(config.to_json()):,}"
            )
        return config

    @classmethod
    def from_json(cls, text: str) -> "OwnConfig":
        """The configuration that `to_json` wrote: exactly that one.

        Raises:
            ConfigError: it is none.
        """
        try:
            values = json.loads(text)
            return cls(**values | {"asked": tuple((str(name), value) for name, value in values["asked"])})
        except (ValueError, TypeError, KeyError) as error:
            raise ConfigError(f"a network's configuration must be JSON that was written here, got {error}") from None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def parameters(self) -> dict[str, Scalar]:
        """What the function asked for, and of the training what has no other value by that name."""
        training = {name: getattr(self, name) for name in TRAINING if name != "momentum" or self.optimizer == "sgd"}
        return dict(self.asked) | {name: value for name, value in training.items() if name not in dict(self.asked)}

    def hash(self) -> str:
        """SHA-256 of the configuration, 16 hexadecimal digits: equal exactly for trials that differ in seed only."""
        values = asdict(self) | {"asked": sorted(self.asked)}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


Config = TrialConfig | OwnConfig
