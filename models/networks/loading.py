"""The model in a logged network's file."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from models.core.errors import ConfigError, said_by
from models.spaces.modules import load, objects_of
from models.spaces.source import Source


def own_objects(source: Source | None) -> dict[str, Any]:
    """The classes and functions of the user's own network, by name; finding them runs the network's modules."""
    if source is None:
        return {}
    load(source)
    return objects_of(source)


def load_network(path: Path, custom_objects: Mapping[str, Any] | None = None) -> keras.Model:
    """The model of a .keras file, loaded in Keras' safe mode, in which no code of the file runs.

    Raises:
        ConfigError: the file has code, or classes that neither Keras nor `custom_objects` has.
    """
    try:
        return keras.saving.load_model(path, custom_objects=dict(custom_objects or {}), compile=False)
    except (TypeError, ValueError) as error:
        said = said_by(error)
        missing = re.search(r"Could not locate (?:class|function) '(\w+)'", said)
        got = f"one with {missing[1]}" if missing else f"one of which Keras says: {said[:300]}"
        raise ConfigError(
            f"a network must be of Keras' own layers, or its classes be handed over as custom_objects, got {got}"
        ) from None
