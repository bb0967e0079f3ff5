"""The user's own network: built from seeds alone, fed the inputs it asks for, and checked against the task."""

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
# The tolerance of the sum of a row's probabilities: float16 has ten bits.
_NEARLY = 1e-2


@dataclass(frozen=True)
class OwnNetwork:
    """A network with weights, and the form in which data and labels are passed to it."""

    model: keras.Model
    feeding: Feeding
    logits: bool
    """Whether the network answers with logits, as its loss says that it was compiled with."""
    one_hot: bool
    """Whether the loss that the network was compiled with takes one-hot labels."""


@contextmanager
def globals_kept() -> Iterator[None]:
    """Restores the process's random states and Keras' settings, which seeds and a user's function may change."""
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
    """Names, in a ConfigError, an operation that TensorFlow refuses because its result may differ between runs."""
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
    # Seeds Python's, NumPy's, TensorFlow's and Keras' states: the last two draw initial weights and layers' seeds.
    keras.utils.set_random_seed(derive_seed(seed, "network"))
    # Names must not depend on earlier networks of the process; and TensorFlow keeps every new name for ever.
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
    """The name of a loss that is given as a word, a function or an object."""
    return str(loss if isinstance(loss, str) else getattr(loss, "name", getattr(loss, "__name__", "")))
