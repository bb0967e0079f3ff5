"""The network of one trial, built by the user's own function, and the settings that the function's `fit` asks for."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from models.core.errors import ConfigError
from models.core.parameters import check_parameter
from models.networks.study_callbacks import study_callbacks
from models.spaces.answers import Planned
from models.spaces.calling import fit_keywords, load_function
from models.spaces.functions import KEYWORDS
from models.spaces.source import Source

if TYPE_CHECKING:
    import keras

_OURS = ("x", "y", "validation_data", "validation_split", "verbose", "sample_weight")
"""Arguments that a `fit` may pass to model.fit and that a trial replaces by its own."""


@dataclass(frozen=True)
class FitSettings:
    """The settings that the user's `fit` passes to `model.fit`; None for a setting that it does not pass."""

    batch_size: int | None = None
    epochs: int | None = None
    shuffle: bool = True
    callbacks: tuple[Any, ...] = ()


@dataclass
class UserNetwork:
    """One trial's network: `build` makes it anew each time, and `fits` has the settings that its `fit` asked for."""

    source: Source
    given: Mapping[str, Any]
    """`input_shape` and `n_outputs`, which the function may ask for."""
    seed: int
    """The seed of randomness in the user's module and function."""
    asked: Mapping[str, Any]
    """As models.core.config.OwnConfig.asked."""
    number: int = 0
    """The trial's number, which Optuna's `trial.number` gives."""
    fits: FitSettings = field(default_factory=FitSettings)

    def build(self) -> "keras.Model":
        """The network.

        Raises:
            ConfigError: the function returns no network or asks for a hyperparameter that the plan lacks, its `fit`
                asks for a setting that a trial does not have, or the study's callbacks are none. Errors of the user's
                code come through.
        """
        function = load_function(self.source, self.given, self.seed)
        said = FitSettings()
        if function.kind == KEYWORDS:
            model = function.build(dict(self.asked))
        else:
            asking = function.asking(Planned(self.asked), self.number)
            model = function.build(asking)
            if function.fit is not None:
                said = _settings(function.name, fit_keywords(function, asking, model))
        # Callbacks are made after the network, so that the network's randomness is the same as in planning.
        self.fits = replace(said, callbacks=(*study_callbacks(self.source), *said.callbacks))
        return model


def _settings(name: str, said: Mapping[str, Any]) -> FitSettings:
    known = ("batch_size", "epochs", "shuffle", "callbacks")
    for key in said:
        if key not in known and key not in _OURS:
            raise ConfigError(f"fit of {name} may pass {', '.join(known)} to model.fit, got {key}={said[key]!r}"[:300])
    numbers = {key: check_parameter(key, said[key]) for key in ("batch_size", "epochs") if said.get(key) is not None}
    callbacks = said.get("callbacks") or ()
    listed = tuple(callbacks) if isinstance(callbacks, list | tuple) else (callbacks,)
    return FitSettings(**numbers, shuffle=bool(said.get("shuffle", True)), callbacks=listed)  # type: ignore[arg-type]
