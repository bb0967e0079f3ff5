"""The user's own network: built from seeds alone, fed what it asks for, and checked against the task."""

import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from models.core.errors import ConfigError, said_by, shown
from models.core.seeds import derive_seed
from models.networks.feeding import Feeding, Interface, array_feedings, feeding_of
from models.networks.keras_internals import begin_names_anew

Build = Callable[[], keras.Model]

_OF_ONE_HOT = ("categorical_crossentropy", "categorical_focal_crossentropy", "categorical_hinge", "kl_divergence")
# Of the sum of a row's probabilities: float16 has ten bits.
_NEARLY = 1e-2


@dataclass(frozen=True)
class OwnNetwork:
    """A network with weights, and how the data are handed to it."""

    model: keras.Model
    feeding: Feeding
    logits: bool
    """Of classes: its answers become probabilities by a softmax, which it was compiled to be without."""
    one_hot: bool
    """Of classes: the loss that it was compiled with takes one-hot labels."""


@contextmanager
def globals_kept() -> Iterator[None]:
    """Gives back the process's random states and Keras' settings, which seeds and a user's function may change."""
    states = random.getstate(), np.random.get_state()
    policy, floatx = keras.config.dtype_policy(), keras.config.floatx()
    epsilon, layout = keras.config.epsilon(), keras.config.image_data_format()
    try:
        yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        keras.config.set_floatx(floatx)
        keras.config.set_dtype_policy(policy)
        keras.config.set_epsilon(epsilon)
        keras.config.set_image_data_format(layout)


@contextmanager
def operations_named() -> Iterator[None]:
    """Says which operation TensorFlow refuses because two runs of it may differ."""
    try:
        yield
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        text = said_by(error)
        if isinstance(error, ConfigError) or "determinis" not in text.lower():
            raise
        named = re.search(r"\{\{node ([^}]*)\}\}", text) or re.search(r"\b(tf\.[\w.]+)", text)
        what = f"{named[1]}: " if named else ""
        raise ConfigError(
            "every operation of a network must have a deterministic kernel (deterministic: false in the study lets "
            f"others run), got {what}{text[:200]}"
        ) from error


def build_own(build: Build, features: tf.Tensor, interface: Interface, seed: int) -> OwnNetwork:
    """The network that `build` returns, checked on the first rows of `features` (rows, n_features).

    A network that does not declare its input is called with each possible shape in turn, built anew for each, until its
    answers are (rows, n_outputs).

    Raises:
        ConfigError: no Keras model, an input that the data do not have, or an output that the task does not need.
    """
    few, refused = features[:2], ""
    n_outputs, classes = interface.n_outputs, interface.classes
    model = _seeded(build, seed)
    asked = feeding_of(model, interface.shape, interface.columns)
    for feeding in [asked] if asked else list(array_feedings(interface.shape)):
        model = model or _seeded(build, seed)
        try:
            answers: Any = model(feeding.of(few), training=False)
        except (ValueError, TypeError, tf.errors.InvalidArgumentError) as error:
            if asked:
                raise
            answers, refused = None, f"{type(error).__name__}: {said_by(error)[:160]}"
        if _shape_of(answers) == (len(few), n_outputs):
            loss = getattr(model, "loss", None) if model.compiled else None
            logits = classes and bool(getattr(loss, "from_logits", False))
            if classes and not logits:
                _check_probabilities(np.asarray(answers, np.float64))
            return OwnNetwork(model, feeding, logits, classes and _name_of(loss) in _OF_ONE_HOT)
        if answers is not None:
            refused = f"{_said(answers)} for a row of shape {feeding.pieces[0].shape}"
        model = None
    what = f"{n_outputs} probabilities" if classes else f"{n_outputs} number{'s' * (n_outputs > 1)}"
    raise ConfigError(f"a network must answer each row with {what}, shape ({n_outputs},), got {refused}")


def _seeded(build: Build, seed: int) -> keras.Model:
    # Python's, NumPy's, TensorFlow's and Keras' own: the latter two draw initial weights and the seeds of layers.
    keras.utils.set_random_seed(derive_seed(seed, "network"))
    # Names must not depend on what the process built before; and TensorFlow keeps each name that it met for ever.
    begin_names_anew()
    model = build()
    if not isinstance(model, keras.Model):
        raise ConfigError(f"a network's function must return a keras.Model, got {shown(model)}")
    return model


def _check_probabilities(answers: np.ndarray) -> None:
    sums = answers.sum(axis=1)
    if np.isfinite(answers).all() and (answers.min() < 0 or np.abs(sums - 1).max() > _NEARLY):
        raise ConfigError(
            "a network of classes must answer with probabilities, as softmax makes them, or be compiled with a loss "
            f"from_logits=True, got a row that begins with {answers[0, 0]:.3g} and adds up to {sums[0]:.3g}"
        )


def _shape_of(answers: Any) -> tuple[int, ...] | None:
    return tuple(answers.shape) if hasattr(answers, "shape") else None


def _said(answers: Any) -> str:
    shape = _shape_of(answers)
    return f"shape {shape[1:]}" if shape is not None else f"{len(keras.tree.flatten(answers))} outputs"


def _name_of(loss: Any) -> str:
    """A loss's name as Keras writes it, whether it was given as a word, a function or an object."""
    return str(loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", "")))
