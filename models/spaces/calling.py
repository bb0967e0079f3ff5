"""One call of the user's function: the same randomness before it, `fit` after it, what went wrong told.

Planning and training call by the same functions, so that what a network asks for is the same in both.
"""

import random
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.core.errors import ConfigError
from models.spaces.answers import Answers
from models.spaces.functions import KEYWORDS, UserFunction, read_function
from models.spaces.modules import load
from models.spaces.problems import Problem, TooSlow, at_most, problem_of
from models.spaces.source import Source


class _Reached(BaseException):
    """The user's fit has come to model.fit."""


@dataclass(frozen=True)
class FitCall:
    """What the user's `fit` called `model.fit` with."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


def seed_randomness(seed: int) -> None:
    """Seeds Python's, NumPy's and, where it is imported, Keras' randomness."""
    keras = sys.modules.get("keras")
    if keras is not None:
        keras.utils.set_random_seed(seed)
    else:
        random.seed(seed)
        np.random.seed(seed)


def load_function(source: Source, given: Mapping[str, Any], seed: int, seconds: float | None = None) -> UserFunction:
    """The user's function from a module that is run anew, so that nothing follows from an earlier trial.

    Raises:
        ConfigError: their code raised something, took longer than `seconds`, or has no such function; one line with
            their file and line.
    """
    seed_randomness(seed)
    try:
        with at_most(seconds):
            function = read_function(source, load(source), given)
    except (Exception, SystemExit, TooSlow) as error:
        raise ConfigError(problem_of(source, error).message) from error
    seed_randomness(seed)  # what the import drew is not to shift what build draws
    return function


def fit_call(function: UserFunction, hp: Any, model: Any, *args: Any, **kwargs: Any) -> FitCall:
    """What the user's `fit`, called with `args` and `kwargs`, hands on to `model.fit`; nothing is trained.

    What stands after `model.fit` in it is not run.

    Raises:
        ConfigError: it did not call `model.fit`. What it raises itself comes through.
    """
    assert function.fit is not None
    found: list[FitCall] = []

    def reached(*args: Any, **kwargs: Any) -> None:
        found.append(FitCall(args, kwargs))
        raise _Reached

    model.fit = reached
    try:
        function.fit(hp, model, *args, **kwargs)
    except _Reached:
        pass
    finally:
        del model.fit
    if not found:
        raise ConfigError(f"fit of {function.name} must call model.fit of the network that it is given, and did not")
    return found[0]


def fit_keywords(function: UserFunction, hp: Any, model: Any) -> Mapping[str, Any]:
    """What the user's `fit` hands to `model.fit` by name; it sees two rows of zeros, in planning and in training.

    Raises:
        ConfigError: it did not call `model.fit`, or hands it more than x and y without a name.
    """
    x, y = _rows(function.input_shape), np.zeros(2, np.int64)
    call = fit_call(function, hp, model, x, y, validation_data=(x, y), callbacks=[])
    if len(call.args) > 2:
        raise ConfigError(f"fit of {function.name} must name what it hands to model.fit beside x and y, and does not")
    return call.kwargs


def ask(function: UserFunction, answers: Answers, number: int, seconds: float | None = None) -> Problem | None:
    """Has the function ask `answers` for all that a trial has: in build, and in fit where it has one.

    Its problem, where it gave no network: it raised, or took longer than `seconds`.
    """
    if function.kind == KEYWORDS:
        raise ConfigError(f"{function.name} must be a function of hp or trial to be asked for its space, got keywords")
    asked = function.asking(answers, number)
    try:
        with at_most(seconds):
            model = function.build(asked)
            if function.fit is not None:
                fit_keywords(function, asked, model)
    except (Exception, SystemExit, TooSlow) as error:
        return problem_of(function.source, error)
    return None


def _rows(shape: Any) -> Any:
    """Two rows of zeros, for a fit that looks at its data."""
    if isinstance(shape, Mapping):
        return {name: _rows(each) for name, each in shape.items()}
    return np.zeros((2, *(shape or (1,))), np.float32)
