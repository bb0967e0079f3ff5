"""The plan is a pure function of (settings, seed, count)."""

import time
from dataclasses import replace

import pytest

from search.study.distributions import distributions
from search.study.draws import make_plan
from search.study.reading import read_settings
from search.study.settings import StudySettings
from search.study.study_file import load_settings

CONDITIONAL = {
    "sampler": "grid",
    "space": {
        "optimizer": ["adam", "sgd"],
        "momentum": {"choices": [0.0, 0.5, 0.9], "when": {"optimizer": "sgd"}},
        "width": {"low": 8, "high": 32, "step": 8},
    },
}


def test_same_settings_make_the_same_plan_and_another_seed_makes_another(settings: StudySettings) -> None:
    assert make_plan(settings).csv == make_plan(settings).csv
    assert make_plan(replace(settings, seed=4)).csv != make_plan(settings).csv


@pytest.mark.parametrize("sampler", ["random", "grid", "list"])
def test_more_trials_extend_the_plan_and_leave_its_beginning(sampler: str) -> None:
    written = {
        "random": {"sampler": "random", "space": {"width": {"low": 1, "high": 900}}},
        "grid": {"sampler": "grid", "space": {"width": {"low": 1, "high": 90, "step": 1}}},
        "list": {"sampler": "list", "configurations": [{"width": width} for width in range(1, 90)]},
    }[sampler]
    settings = read_settings(written | {"trials": 10}, "x")
    shorter, longer = make_plan(settings), make_plan(replace(settings, trials=60))
    assert len(longer.trials) == 60
    assert longer.trials[:10] == shorter.trials
    assert longer.hash != shorter.hash


def test_the_class_room_grid_has_25_different_trials() -> None:
    plan = make_plan(load_settings("mnist-dropout-width"))
    assert len({trial.config.hash() for trial in plan.trials}) == len(plan.trials) == 25


def test_a_conditional_parameter_exists_only_under_its_choice_and_a_grid_counts_it_so() -> None:
    plan = make_plan(read_settings(CONDITIONAL, "x"))
    assert len(plan.trials) == (1 + 3) * 4
    assert len({trial.config.hash() for trial in plan.trials}) == 16
    for trial in plan.trials:
        assert ("momentum" in trial.parameters) == (trial.parameters["optimizer"] == "sgd")


def test_every_trial_has_a_seed_of_its_own_that_does_not_depend_on_its_parameters(settings: StudySettings) -> None:
    seeds = [trial.seed for trial in make_plan(replace(settings, trials=200)).trials]
    assert len(set(seeds)) == 200
    other_space = read_settings({"sampler": "random", "trials": 200, "seed": 3, "space": {"width": [1, 2]}}, "x")
    assert [trial.seed for trial in make_plan(other_space).trials] == seeds


def test_ranges_are_drawn_within_their_ends_and_on_their_steps() -> None:
    space = {
        "width": {"low": 10, "high": 50, "step": 20},
        "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
        "dropout": {"low": 0.0, "high": 0.5},
    }
    trials = make_plan(read_settings({"sampler": "random", "trials": 300, "space": space}, "x")).trials
    assert {trial.parameters["width"] for trial in trials} == {10, 30, 50}
    rates = [float(trial.parameters["learning_rate"]) for trial in trials]
    assert all(1e-4 <= rate <= 1e-1 for rate in rates)
    # A log range puts half of its draws below the geometric mean; 300 draws miss 0.35 .. 0.65 once in 10 million.
    assert 0.35 < sum(rate < 10**-2.5 for rate in rates) / 300 < 0.65
    assert all(0 <= float(trial.parameters["dropout"]) <= 0.5 for trial in trials)


def test_optuna_is_told_the_distributions_of_the_parameters_that_exist() -> None:
    settings = read_settings(CONDITIONAL, "x")
    planned = replace(make_plan(settings).trials[0], parameters={"optimizer": "adam", "width": 8})
    assert set(distributions(settings, planned)) == {"optimizer", "width"}


def test_a_large_grid_is_planned_at_once() -> None:
    space = {"width": {"low": 1, "high": 60}, "dropout": {"low": 0.0, "high": 0.4, "step": 0.01}}
    began = time.monotonic()
    plan = make_plan(read_settings({"sampler": "grid", "trials": 10, "space": space}, "x"))
    assert time.monotonic() - began < 5  # 2,460 cells; a quadratic way takes a minute
    assert len(plan.trials) == 10
