"""`trial` answers as Optuna's trial does while a network is built."""

import pytest

from models.core.errors import ConfigError
from models.spaces.answers import Recorder
from models.spaces.domains import Domain
from models.spaces.trials import Trial


def test_suggestions_are_answered_and_kept_and_a_repeated_name_has_its_first_value() -> None:
    recorder = Recorder(lambda _, domain: domain.at_fraction(0.99), {})
    trial = Trial(recorder, 7)
    assert trial.suggest_int("units", 16, 64, step=16) == trial.suggest_int("units", 1, 2) == 64
    assert trial.suggest_int("batch", 8, 64, log=True) in range(8, 65)
    assert 1e-4 <= trial.suggest_float("lr", 1e-4, 1e-1, log=True) <= 0.1
    assert trial.suggest_float("rate", 0, 0.5, step=0.1) == 0.5
    assert trial.suggest_categorical("kind", (True, "auto", 0.5)) == "auto"
    assert trial.params == recorder.parameters
    assert recorder.domains["batch"] == Domain("int", low=8, high=64, sampling="log")
    assert trial.number == 7


def test_pruning_reports_and_attributes_change_nothing() -> None:
    trial = Trial(Recorder(lambda _, domain: domain.at(0), {}), 0)
    trial.set_user_attr("layers", [1, 2])
    trial.report(0.5, step=1)
    assert trial.user_attrs == {"layers": [1, 2]}
    assert not trial.should_prune()
    assert trial.params == {}


def test_what_optuna_refuses_is_refused() -> None:
    trial = Trial(Recorder(lambda _, domain: domain.at_fraction(0), {}), 0)
    trial.suggest_int("units", 1, 9)
    with pytest.raises(ConfigError, match="one kind of value in a trial, got 'units'"):
        trial.suggest_categorical("units", ["a"])
    with pytest.raises(ConfigError, match="either a step or log, got step 2 and log"):
        trial.suggest_int("n", 1, 9, step=2, log=True)
    with pytest.raises(ConfigError, match="either a step or log"):
        trial.suggest_float("x", 1, 9, step=2, log=True)
    with pytest.raises(
        ConfigError, match="suggest_categorical 'c' must have numbers, words or booleans as values, got None"
    ):
        trial.suggest_categorical("c", [None, 1])
