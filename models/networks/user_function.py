"""The user's own function as what builds the network of one trial, and what its `fit` says of the training."""

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
"""What a `fit` may hand to model.fit and a trial has by itself."""


@dataclass(frozen=True)
class FitSettings:
    """What the user's `fit` hands to `model.fit`; None: it says nothing."""

    batch_size: int | None = None
    epochs: int | None = None
    shuffle: bool = True
    callbacks: tuple[Any, ...] = ()


@dataclass
class UserNetwork:
    """One trial's network: `build` makes it anew each time, and `fits` says what its `fit` asked for then."""

    source: Source
    given: Mapping[str, Any]
    """`input_shape` and `n_outputs`, which the function may ask for."""
    seed: int
    """Of the randomness of its module and function."""
    asked: Mapping[str, Any]
    """As models.core.config.OwnConfig.asked."""
    number: int = 0
    """What Optuna's `trial.number` is."""
    fits: FitSettings = field(default_factory=FitSettings)

    def build(self) -> "keras.Model":
        """The network.

        Raises:
            ConfigError: it is none, asks for what the plan lacks, its `fit` for what a trial cannot do, or the study's
                callbacks are none. What the user's code itself raises comes through.
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
        # Made after the network, whose randomness is that of its planning.
        self.fits = replace(said, callbacks=(*study_callbacks(self.source), *said.callbacks))
        return model


def _settings(name: str, said: Mapping[str, Any]) -> FitSettings:
    known = ("batch_size", "epochs", "shuffle", "callbacks")
    for key in said:
        if key not in known and key not in _OURS:
            raise ConfigError(f"fit of {name} may hand {', '.join(known)} to model.fit, got {key}={said[key]!r}"[:300])
    numbers = {key: check_parameter(key, said[key]) for key in ("batch_size", "epochs") if said.get(key) is not None}
    callbacks = said.get("callbacks") or ()
    listed = tuple(callbacks) if isinstance(callbacks, list | tuple) else (callbacks,)
    return FitSettings(**numbers, shuffle=bool(said.get("shuffle", True)), callbacks=listed)  # type: ignore[arg-type]
