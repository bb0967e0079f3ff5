"""The three kinds of function, recognised by their parameters, and the names that each can ask for."""

from typing import Any

import pytest

from models.core.errors import ConfigError
from models.spaces.answers import Recorder
from models.spaces.functions import HP, KEYWORDS, TRIAL
from tests.models.spaces.conftest import Load

GIVEN = {"input_shape": (8, 8), "n_outputs": 10}


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        ("def build(units=64, rate=0.2):", KEYWORDS),
        ("def build(units):", KEYWORDS),
        ("def build():", KEYWORDS),
        ("def build(**settings):", KEYWORDS),
        ("def build(input_shape, n_outputs, units=64):", KEYWORDS),
        ("def build(hp):", HP),
        ("def build(hps, units=3):", HP),
        ("def build(hp, input_shape, n_outputs):", HP),
        ("def build(p: 'keras_tuner.HyperParameters'):", HP),
        ("def build(hp=5):", KEYWORDS),
        ("def build(trial):", TRIAL),
        ("import optuna\ndef build(t: optuna.Trial):", TRIAL),
        ("from __future__ import annotations\ndef build(t: optuna.trial.Trial, n_outputs):", TRIAL),
    ],
)
def test_a_functions_first_parameter_tells_its_kind(loaded: Load, head: str, kind: str) -> None:
    assert loaded(head, given=GIVEN).kind == kind


OBJECTS = """
class Net:
    def __init__(self, n_outputs, depth=2):
        self.made_with = n_outputs
    def build(self, whatever, input_shape):
        assert (self.made_with, input_shape) == (10, (8, 8))
        whatever.Int("units", 1, 3)
        import keras
        return keras.Sequential()
    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, **kwargs)
net = Net(10)
class Called:
    def __call__(self, hp):
        return net.build(hp, (8, 8))
called = Called()
import functools
part = functools.partial(net.build, input_shape=(8, 8))
bound = net.build
class OfOptuna:
    def build(self, trial):
        trial.suggest_int("units", 1, 3)
        import keras
        return keras.Sequential()
def unused():
"""


@pytest.mark.parametrize(
    ("name", "kind", "has_fit"),
    [("Net", HP, True), ("net", HP, True), ("called", HP, False), ("OfOptuna", TRIAL, False)],
)
def test_objects_are_made_and_asked_by_their_build(loaded: Load, name: str, kind: str, has_fit: bool) -> None:
    function = loaded(OBJECTS, name, GIVEN)
    assert (function.kind, function.fit is not None) == (kind, has_fit)
    recorder = Recorder(lambda _, domain: domain.at(0), {})
    function.build(function.asking(recorder, 0))
    assert recorder.parameters == {"units": 1}


def test_a_class_of_models_is_a_function_of_keywords_and_a_model_is_refused(loaded: Load) -> None:
    text = """
    import keras
    class Net(keras.Model):
        def __init__(self, units=4, *, n_outputs):
            super().__init__()
            self.sizes = units, n_outputs
        def build(self, input_shape): ...
    net = Net(n_outputs=1)
    def unused():
    """
    function = loaded(text, "Net", GIVEN)
    assert (function.kind, function.keywords) == (KEYWORDS, ("units",))
    assert function.build({"units": 8}).sizes == (8, 10)
    with pytest.raises(ConfigError, match=r"a class of models, which makes each trial its own, .* got net = <Net"):
        loaded(text, "net", GIVEN)


def test_a_function_of_keywords_is_called_with_what_it_names(loaded: Load) -> None:
    function = loaded("def build(units, *, rate=0.1, input_shape):\n    assert input_shape == (8, 8)", given=GIVEN)
    assert (function.keywords, function.required) == (("units", "rate"), ("units",))
    function.check_names(["units", "rate"])
    function.build({"units": 3, "rate": 0.5})
    loaded("def build(a, **more):", given=GIVEN).check_names(["a", "b"])


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["unit"],
            r"build must have a parameter for each name of the study \(it has units, rate\), got 'unit'; did you mean",
        ),
        (["units", "n_outputs"], "got 'n_outputs'"),
        (
            ["rate"],
            r"each parameter of build that has no default, got none for units \(a function for KerasTuner names",
        ),
    ],
)
def test_names_that_a_function_of_keywords_lacks_are_refused(loaded: Load, names: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        loaded("def build(units, rate=0.1, n_outputs=1):", given=GIVEN).check_names(names)


@pytest.mark.parametrize(
    ("text", "name", "message"),
    [
        ("build = 5\ndef other():", "build", r"a class or object with build\(hp\), got build = 5"),
        ("class build: ...\ndef other():", "build", r"got build = <class '.*build'>"),
        ("def build(hp, units):", "build", "called with, beside hp, input_shape and n_outputs, got .*'units'"),
        ("def build(a, /, b=2):", "build", "build must have parameters that can be named, got 'a' before a '/'"),
        ("class N:\n def __init__(self, x): ...\n def build(self, hp): ...\ndef o():", "N", "N can be made with .*'x'"),
        ("class N:\n  def build(self): ...\ndef o():", "N", r"N must have a method build\(self, hp\)"),
        ("from helper import *\ndef o():", "gone", "got gone = None"),
        ("build = dict.get\nbuild = min\ndef o():", "build", "a function whose parameters are known, got build"),
    ],
)  # fmt: skip
def test_what_cannot_be_called_is_refused(loaded: Load, text: str, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        loaded(text, name, GIVEN, helper="")


def test_functions_answer_only_for_what_they_are_given(loaded: Load) -> None:
    function = loaded("def build(hp, input_shape=(1,)):\n    global got\n    got = input_shape")
    asked: Any = function.asking(Recorder(lambda _, domain: domain.at(0), {}), 0)
    function.build(asked)
    assert function.call.__globals__["got"] == (1,)  # type: ignore[attr-defined]
