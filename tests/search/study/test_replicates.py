"""Replicated adaptive searches: a row follows from its replicate's results, in whatever order trials finish."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import optuna
import pytest

from models.core.errors import ConfigError
from models.core.seeds import derive_seed
from search.study.draws import make_plan
from search.study.growing import PlanSoFar, TrialEnd
from search.study.plan import Plan
from search.study.reading import read_settings
from search.study.replicates import Replicates
from search.study.settings import START_UP, StudySettings

SPACE = {
    "width": {"low": 8, "high": 64},
    "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
    "optimizer": ["adam", "sgd"],
    "momentum": {"low": 0.0, "high": 0.9, "when": {"optimizer": ["sgd"]}},
}
WRITTEN = {"sampler": "tpe", "replicates": 3, "trials": 16, "seed": 4, "space": SPACE}


@pytest.fixture
def settings() -> StudySettings:
    return read_settings(WRITTEN, "x")


def score(parameters: Mapping[str, Any]) -> float:
    return float(1 - abs(parameters["width"] - 40) / 40 - abs(parameters["learning_rate"] - 0.01))


def result_of(number: int, parameters: Mapping[str, Any]) -> TrialEnd:
    """Every seventh trial fails."""
    return TrialEnd("complete", score(parameters)) if number % 7 else TrialEnd("failed", None)


def run(
    settings: StudySettings, order: int, result: Callable[[int, Mapping[str, Any]], TrialEnd] = result_of
) -> tuple[Plan, dict[int, TrialEnd]]:
    """The whole plan with trials finishing in a random order, and their results."""
    growth, choose, told = Replicates(settings, "maximize"), random.Random(order), dict[int, TrialEnd]()
    plan = growth.plan
    while len(told) < settings.trials:
        ready = [trial for trial in plan.trials if trial.number not in told]
        trial = choose.choice(ready)
        told[trial.number] = result(trial.number, trial.parameters)
        growth.told(trial.number, told[trial.number])
        plan = growth.drawn() or plan
    return plan, told


def test_the_plan_is_the_same_in_whatever_order_trials_finish_and_resumed_from_any_results(
    settings: StudySettings,
) -> None:
    plan, results = run(settings, order=1)
    assert run(settings, order=2)[0] == plan
    assert Replicates(settings, "maximize", results).plan == plan
    assert len(plan.trials) == plan.size == 48
    assert len({trial.config.hash() for trial in plan.trials}) == 48
    for trial in plan.trials:
        assert ("momentum" in trial.parameters) == (trial.parameters["optimizer"] == "sgd")


def test_a_row_follows_from_the_results_of_its_own_replicate_alone(settings: StudySettings) -> None:
    plan, _ = run(settings, order=1)
    other, _ = run(
        settings,
        1,
        lambda number, parameters: TrialEnd("complete", 0.5) if number % 3 else result_of(number, parameters),
    )
    rows = {trial.number: trial.parameters for trial in plan.trials}
    others = {trial.number: trial.parameters for trial in other.trials}
    assert [rows[number] for number in range(0, 48, 3)] == [others[number] for number in range(0, 48, 3)]
    later = [number for number in range(3 * START_UP, 48) if number % 3]
    assert [rows[number] for number in later] != [others[number] for number in later]


def test_start_up_trials_are_random_and_known_before_any_result(settings: StudySettings) -> None:
    plan = Replicates(settings, "maximize").plan
    assert [trial.number for trial in plan.trials] == list(range(3 * START_UP))
    assert [number for number, _ in plan.undrawn] == list(range(3 * START_UP, 48))
    assert Replicates(settings, "minimize").plan == plan
    assert plan.size == 48
    assert plan.numbers == list(range(48))


def test_what_both_stores_know_of_the_plan_does_not_change_as_it_grows(settings: StudySettings) -> None:
    whole, _ = run(settings, order=1)
    assert Replicates(settings, "maximize").plan.hash == whole.hash
    assert whole.csv.splitlines()[:2] == ["number,replicate,seed", f"0,0,{whole.trials[0].seed}"]


def test_more_trials_each_extend_every_replicate_and_leave_its_beginning(settings: StudySettings) -> None:
    short, results = run(settings, order=1)
    longer = Replicates(settings.with_trials_each(20), "maximize", results).plan
    assert longer.trials[:48] == short.trials
    assert len(longer.trials) == 51  # the next of each replicate
    assert longer.size == 60


def test_rows_are_those_of_optunas_sampler_on_a_study_that_was_told_the_same(settings: StudySettings) -> None:
    flat = read_settings(WRITTEN | {"space": {key: SPACE[key] for key in ("width", "learning_rate")}}, "x")
    plan, results = run(flat, order=1)
    distributions = {
        "width": optuna.distributions.IntDistribution(8, 64),
        "learning_rate": optuna.distributions.FloatDistribution(1e-4, 1e-1, log=True),
    }
    study = optuna.create_study(direction="maximize")
    for number in range(1, 45, 3):
        trial, ended = plan.trials[number], results[number]
        state = optuna.trial.TrialState.COMPLETE if ended.score is not None else optuna.trial.TrialState.FAIL
        study.add_trial(
            optuna.trial.create_trial(
                state=state, value=ended.score, params=dict(trial.parameters), distributions=distributions
            )
        )
    study.sampler = optuna.samplers.TPESampler(seed=derive_seed(4, "tpe", 1, 15), multivariate=True)
    assert study.ask(distributions).params == plan.trials[46].parameters


def test_a_replicate_whose_trials_all_fail_goes_on(settings: StudySettings) -> None:
    plan, _ = run(settings, 1, lambda number, parameters: TrialEnd("failed", None))
    assert len(plan.trials) == 48


def test_a_trial_that_follows_from_a_missing_result_is_drawn_once_that_is_told(settings: StudySettings) -> None:
    plan, results = run(settings, order=1)
    known = {number: result for number, result in results.items() if number != 33}
    growth = Replicates(settings, "maximize", known)
    so_far = PlanSoFar(growth.plan, growth)
    assert so_far.plan.get(36) is None
    assert not so_far.plan.holds(36, plan.trials[36].seed, plan.trials[36].config.hash())
    so_far.tell(33, results[33])
    assert [trial.number for trial in so_far.grow(lambda write: True)] == [36, 39, 42, 45]
    assert so_far.plan == plan
    assert so_far.whole


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"replicates": 0}, "replicates must be a whole number, 1 or more, got 0"),
        ({"sampler": "random"}, "replicates belong to the sampler tpe, got them with sampler 'random'"),
        ({"pruner": "median"}, "a pruner compares trials of all replicates, which are searches of their own"),
        ({"replicates": 1000, "trials": 1000}, "trials of all replicates must be at most 100,000, got 1,000,000"),
        ({"network": "net.py:build", "space": None}, "sampler tpe needs a space in the study"),
    ],
)
def test_what_an_adaptive_search_cannot_have_is_refused(written: dict[str, Any], said: str) -> None:
    whole = {key: value for key, value in (WRITTEN | written).items() if value is not None}
    with pytest.raises(ConfigError) as refused:
        read_settings(whole, "x")
    assert said in str(refused.value)


def test_five_replicates_are_the_default_and_a_study_file_says_the_trials_of_each() -> None:
    settings = read_settings({"sampler": "tpe", "trials": 12, "space": SPACE}, "x")
    assert (settings.replicates, settings.trials, settings.trials_each) == (5, 60, 12)
    assert read_settings(settings.as_written(), "x") == settings
    assert make_plan(replace(settings, sampler="random", replicates=0)).replicates == 0
