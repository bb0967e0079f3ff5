"""`hp` answers as KerasTuner's hp does, with the values of a plan."""

import subprocess
import sys
from typing import Any

import pytest

from models.core.errors import ConfigError
from models.core.parameters import Scalar
from models.spaces.answers import Planned, Recorder
from models.spaces.domains import Domain
from models.spaces.hyperparameters import HyperParameters


def recording(**values: Scalar) -> tuple[HyperParameters, Recorder]:
    """An hp with these values by name, and for all other names the first value of the domain."""
    recorder = Recorder(lambda name, domain: values.get(name, domain.at_fraction(0)), {})
    return HyperParameters(recorder), recorder


def test_every_kind_of_request_is_answered_and_kept() -> None:
    hp, recorder = recording()
    assert hp.Int("units", 32, 512, step=32) == 32
    assert hp.Int("layers", min_value=1, max_value=3, default=2) == 1
    assert hp.Int("filters", 8, 64, step=2, sampling="log") == 8
    assert hp.Float("lr", 1e-4, 1e-2, sampling="LOG") == pytest.approx(1e-4)
    assert hp.Float("rate", 0, 0.5, 0.1, sampling=None) == 0.0
    assert hp.Choice("activation", ["tanh", "relu"], ordered=False, default="tanh") == "relu"
    assert hp.Choice("k", range(3, 6)) == 3
    assert hp.Choice("j", (n for n in (2, 1))) == 1
    assert hp.Boolean("dropout") is False
    assert hp.Fixed("epochs", 5) == 5
    assert recorder.parameters == {
        "units": 32, "layers": 1, "filters": 8, "lr": hp["lr"], "rate": 0.0, "activation": "relu", "k": 3, "j": 1,
        "dropout": False, "epochs": 5,
    }  # fmt: skip
    assert hp.values == recorder.parameters
    assert recorder.domains["filters"] == Domain("int", low=8, high=64, step=2, sampling="log")


def test_get_brackets_and_in_know_what_was_asked_for() -> None:
    hp, _ = recording(model="cnn")
    hp.Choice("model", ["mlp", "cnn"])
    with hp.conditional_scope("model", ["mlp"]):
        assert hp.Int("units", 1, 5) is None
    assert hp.get("model") == hp["model"] == "cnn"
    assert "model" in hp
    assert "units" not in hp
    assert not hp.is_active("units")
    with pytest.raises(ValueError, match="units is currently inactive"):
        hp.get("units")
    with pytest.raises(KeyError, match="other does not exist"):
        hp["other"]


def test_a_repeated_name_has_its_first_value_whatever_is_asked() -> None:
    hp, recorder = recording()
    assert hp.Int("units", 4, 8) == hp.Int("units", 100, 200) == hp.Choice("units", ["a"]) == 4
    assert list(recorder.parameters) == ["units"]


def test_the_body_of_a_scope_runs_and_what_is_inactive_is_none_and_not_kept() -> None:
    hp, recorder = recording(model="cnn")
    hp.Choice("model", ["mlp", "cnn"])
    ran = []
    for kind in ("mlp", "cnn"):
        with hp.conditional_scope("model", [kind]):
            ran.append(hp.Int("units", 1, 9))
            with hp.conditional_scope("units", 1):
                ran.append(hp.Float("rate", 0, ran[-1]))  # of None, were it asked
    assert ran == [None, None, 1, 0.0]
    assert list(recorder.parameters) == ["model", "units when model is cnn", "rate when model is cnn and units is 1"]


def test_parents_of_a_single_request_are_conditions_too() -> None:
    hp, recorder = recording(a=True)
    hp.Boolean("a")
    assert hp.Int("b", 1, 2, parent_name="a", parent_values=[True]) == 1
    assert hp.Int("c", 1, 2, parent_name="a", parent_values=[False]) is None
    assert hp.Fixed("d", "x", parent_name="a", parent_values=True) == "x"
    assert list(recorder.parameters) == ["a", "b when a is True", "d when a is True"]


def test_one_name_under_two_conditions_is_two_hyperparameters_unless_both_hold_and_ask_for_the_same() -> None:
    hp, recorder = recording(a=2)
    hp.Int("a", 1, 3)
    with hp.conditional_scope("a", [1, 2]):
        first = hp.Int("n", 1, 9)
    with hp.conditional_scope("a", [2, 3]):
        assert hp.Int("n", 1, 9) == first
    with hp.conditional_scope("a", [2]):
        assert hp.Int("n", 10, 19) == 10
    assert list(recorder.parameters) == ["a", "n when a is 1 or 2", "n when a is 2"]
    assert hp.get("n") == 10


def test_name_scopes_stand_before_names_in_requests_parents_and_get() -> None:
    hp, recorder = recording()
    with hp.name_scope("block"), hp.name_scope("0"):
        hp.Boolean("on")
        with hp.conditional_scope("on", [False]):
            assert hp.Int("units", 3, 4) == hp.get("units") == 3
    assert list(recorder.parameters) == ["block/0/on", "block/0/units when block/0/on is False"]
    assert "on" not in hp


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda hp: hp.conditional_scope("x", [1]).__enter__(), "conditional_scope must name .* asked for before"),
        (lambda hp: hp.Int("x", 1, 2, parent_name="y", parent_values=[1]), "conditional_scope must name .* got 'y'"),
        (lambda hp: hp.Int("a", 1, 2, parent_name="a", parent_values=[1]), "another name than its condition's parent"),
        (lambda hp: hp.Int("b", 1, 2, parent_name="a", parent_values=[None]), "a condition on a must have numbers"),
        (lambda hp: hp.Choice("x", [1, "a", 2.5]), "hp.Choice 'x' must have choices of one type, got"),
        (lambda hp: hp.Choice("x", [1, 2], default=3), "must have one of its choices as default, got 3"),
        (lambda hp: hp.Choice("x", [None]), "hp.Choice 'x' must have numbers, words or booleans"),
        (lambda hp: hp.Choice("x", 3), "hp.Choice 'x' must have a list of choices, got 3"),
        (
            lambda hp: hp.Fixed("x", (1, 2)),
            r"hp.Fixed 'x' must have numbers, words or booleans as values, got \(1, 2\)",
        ),
        (lambda hp: hp.Int("x", 1, 9, sampling="lgo"), "did you mean 'log'"),
        (lambda hp: hp.Int("seed", 1, 9), "a hyperparameter may have any name but"),
    ],
)
def test_a_request_that_means_nothing_is_refused_with_its_rule(ask: Any, message: str) -> None:
    hp, recorder = recording()
    hp.Int("a", 1, 2)
    with pytest.raises(ConfigError, match=message):
        ask(hp)
    assert list(recorder.parameters) == ["a"]


def test_a_copy_answers_with_defaults_and_writes_nothing_down() -> None:
    hp, recorder = recording(a=2)
    hp.Int("a", 1, 3)
    copied = hp.copy()
    assert [copied.get("a"), copied.Int("b", 5, 9), copied.Choice("c", ["z", "y"])] == [2, 5, "z"]
    assert copied.Float("d", 0, 1, default=0.5) == 0.5
    assert list(recorder.parameters) == ["a"]
    assert "b" not in hp


def test_from_a_plan_come_its_values_as_text_too_and_what_it_lacks_is_named() -> None:
    hp = HyperParameters(Planned({"units": "64", "rate": "0.1", "on": "True", "kind when on is True": "a"}))
    assert [hp.Int("units", 32, 96), hp.Float("rate", 0, 1), hp.Boolean("on")] == [64, 0.1, True]
    with hp.conditional_scope("on", [True]):
        assert hp.Choice("kind", ["a", "b"]) == "a"
    with pytest.raises(ConfigError, match="got 'depth', which its plan lacks"):
        hp.Int("depth", 1, 2)
    with pytest.raises(ConfigError, match=r"rate must be asked for as when the plan was drawn, which has 0\.7"):
        HyperParameters(Planned({"rate": 0.7})).Float("rate", 0, 0.5)


def test_without_keras_tuner_it_is_of_its_own_class_and_nothing_imports_keras() -> None:
    assert isinstance(recording()[0], HyperParameters)
    code = (
        "import models.spaces.planner, models.spaces.hyperparameters as h, sys\n"
        "print(h.HyperParameters(0).__class__, {'keras', 'tensorflow', 'keras_tuner'} & set(sys.modules))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "<class 'models.spaces.hyperparameters.HyperParameters'> set()\n"
