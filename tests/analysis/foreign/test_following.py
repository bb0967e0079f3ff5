"""Searches that look at their scores are told from random ones by where their trials are drawn."""

from collections.abc import Callable

import numpy as np
import optuna
import pandas as pd
import pytest

from analysis.estimates.refusals import TREND_FLAGGED, trend_of
from analysis.foreign.following import columns_of, following

TRIALS = 40
Pool = tuple[list[np.ndarray], np.ndarray]


def objective(trial: optuna.Trial) -> float:
    """A score with the noise of a seed, and a choice that makes a part of the trials bad."""
    rate = trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    units = trial.suggest_int("units", 8, 64)
    trial.suggest_float("dropout", 0.0, 0.5)
    kind = trial.suggest_categorical("kind", ["a", "b", "c"])
    noise = np.random.default_rng(trial.number + 1000 * units).normal(0, 0.02)
    return float(0.95 - 0.05 * abs(np.log10(rate) + 2.5) - 0.001 * abs(units - 40) - 0.03 * (kind == "a") + noise)


def pool(sampler: optuna.samplers.BaseSampler) -> Pool:
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.optimize(objective, n_trials=TRIALS)
    frame = pd.DataFrame([trial.params for trial in study.trials])
    return columns_of(frame, list(frame)), np.array([trial.value for trial in study.trials])


def shares(make: Callable[[int], optuna.samplers.BaseSampler], studies: int) -> tuple[float, float]:
    """Of so many studies, those flagged by where trials are drawn, and by that or a trend of scores."""
    pools = [pool(make(seed)) for seed in range(studies)]
    followed = np.array([following(*each) for each in pools]) < TREND_FLAGGED
    trend = np.array([trend_of(scores).p for _, scores in pools]) < TREND_FLAGGED
    return float(followed.mean()), float((followed | trend).mean())


def test_most_studies_by_tpe_are_flagged_and_few_random_ones() -> None:
    _, by_tpe = shares(lambda seed: optuna.samplers.TPESampler(seed=seed), 30)
    by_chance, _ = shares(lambda seed: optuna.samplers.RandomSampler(seed=seed), 30)
    assert by_tpe >= 0.8  # 0.93 of 200 in the long form
    assert by_chance <= 0.2  # 0.05 expected: 30 studies exceed 0.2 once in 1,000


@pytest.mark.slow
def test_of_two_hundred_studies_by_tpe_85_percent_are_flagged_and_of_random_ones_5_percent() -> None:
    _, by_tpe = shares(lambda seed: optuna.samplers.TPESampler(seed=seed), 200)
    by_chance, _ = shares(lambda seed: optuna.samplers.RandomSampler(seed=seed), 200)
    assert by_tpe >= 0.85
    assert by_chance <= 0.1


def test_few_trials_and_no_hyperparameters_say_nothing() -> None:
    columns, scores = pool(optuna.samplers.TPESampler(seed=1))
    assert following([column[:19] for column in columns], scores[:19]) == 1.0
    assert following([], scores) == 1.0


def test_equal_scores_and_equal_values_are_no_evidence() -> None:
    columns, scores = pool(optuna.samplers.RandomSampler(seed=1))
    assert following(columns, np.full(TRIALS, 0.5)) > TREND_FLAGGED
    assert following([np.ones(TRIALS)], scores) == 1.0
