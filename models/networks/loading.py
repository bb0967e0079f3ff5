"""A logged network's file as a model again."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from models.core.errors import ConfigError, said_by


def load_network(path: Path, custom_objects: Mapping[str, Any] | None = None) -> keras.Model:
    """The model of a .keras file, in Keras' safe mode: no code of the file is run.

    Raises:
        ConfigError: it has classes that Keras does not know and `custom_objects` lacks, or code.
    """
    try:
        return keras.saving.load_model(path, custom_objects=dict(custom_objects or {}), compile=False)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            "a network must be of Keras' own layers, or its classes be handed over as custom_objects, got one of which "
            f"Keras says: {said_by(error)[:300]}"
        ) from None
