"""One call of the user's function: its randomness is seeded before, its `fit` called after, its errors told.

Planning and training call by the same functions, so that a network asks for the same hyperparameters in both.
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
    """The user's fit has reached model.fit."""


@dataclass(frozen=True)
class FitCall:
    """The arguments with which the user's `fit` called `model.fit`."""

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
    """The user's function, from a module that is run anew, so that nothing is left of an earlier trial.

    Raises:
        ConfigError: the user's code raised an error, took longer than `seconds`, or has no such function; the message
            is one line with the user's file and line.
    """
    seed_randomness(seed)
    try:
        with at_most(seconds):
            function = read_function(source, load(source), given)
    except (Exception, SystemExit, TooSlow) as error:
        raise ConfigError(problem_of(source, error).message) from error
    seed_randomness(seed)  # random numbers drawn by the import must not change those of build
    return function


def fit_call(function: UserFunction, hp: Any, model: Any, *args: Any, **kwargs: Any) -> FitCall:
    """The arguments that the user's `fit`, called with `args` and `kwargs`, passes on to `model.fit`.

    Nothing is trained, and the statements after `model.fit` are not run.

    Raises:
        ConfigError: `fit` did not call `model.fit`. Errors of `fit` itself come through.
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
        raise ConfigError(f"fit of {function.name} must call model.fit of its network, and did not")
    return found[0]


def fit_keywords(function: UserFunction, hp: Any, model: Any) -> Mapping[str, Any]:
    """The keywords that the user's `fit` passes to `model.fit`; `fit` gets two rows of zeros, to plan and to train.

    Raises:
        ConfigError: `fit` did not call `model.fit`, or passed more than x and y by position.
    """
    x, y = _rows(function.input_shape), np.zeros(2, np.int64)
    call = fit_call(function, hp, model, x, y, validation_data=(x, y), callbacks=[])
    if len(call.args) > 2:
        raise ConfigError(f"fit of {function.name} must pass all but x and y to model.fit by name, and does not")
    return call.kwargs


def ask(function: UserFunction, answers: Answers, number: int, seconds: float | None = None) -> Problem | None:
    """Has the function ask `answers` for all hyperparameters of a trial: in build, and in fit where there is one.

    Returns the problem where the function gave no network: it raised an error, or took longer than `seconds`.
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
