"""The Keras callbacks that a study names, `callbacks: FILE.py:NAME`, made anew for each trial."""

from typing import Any

import keras

from models.core.errors import ConfigError, shown
from models.spaces.modules import module_beside
from models.spaces.source import Source


def study_callbacks(source: Source) -> tuple[keras.callbacks.Callback, ...]:
    """The callbacks of one trial, whose modules have been loaded; empty where the study names none.

    NAME is a callback, a list of callbacks, or a class or function that returns either when called without arguments.

    Raises:
        ConfigError: NAME is or returns something else. Errors of the user's code come through.
    """
    if not source.callbacks:
        return ()
    file, _, name = source.callbacks.rpartition(":")
    found: Any = getattr(module_beside(source, file), name)
    made = found() if callable(found) and not isinstance(found, keras.callbacks.Callback) else found
    listed = tuple(made) if isinstance(made, list | tuple) else (made,)
    for each in listed:
        if not isinstance(each, keras.callbacks.Callback):
            raise ConfigError(
                f"callbacks must name Keras callbacks, or a function that returns them without arguments, got "
                f"{shown(each)} from {source.callbacks}"
            )
    return listed
