"""Importance of the hyperparameters, by Optuna's evaluators, from a trials table (no Optuna study is opened)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import (
    FanovaImportanceEvaluator,
    PedAnovaImportanceEvaluator,
    get_param_importances,
)

from analysis.looks.groups import logarithmic
from analysis.reading.columns import PARAMS
from analysis.reading.table import TrialTable
from models.tasks.objective import Objective

FEWEST = 10  # complete trials below which no importance is given
MOST = 1000  # complete trials that fANOVA is given
MOST_WORDS = 8  # different texts of a hyperparameter: fANOVA's time doubles with each further text, 22 s for 14


@dataclass(frozen=True)
class Importances:
    """For each evaluator, hyperparameter -> share; the shares add to 1. `why`: the reason where there are none.

    `ped_anova`: how much a hyperparameter sets the best trials apart. `fanova`: its share of the variance of all
    scores, in a random forest fitted to `fanova_trials` of the trials.
    """

    ped_anova: dict[str, float]
    fanova: dict[str, float]
    trials: int
    why: str | None = None
    fanova_trials: int = 0
    left_out: tuple[str, ...] = ()
    """Sentences about the trials and hyperparameters that the shares leave out."""


def importances(table: TrialTable) -> Importances:
    """Both evaluators on the complete trials and the hyperparameters that vary, the most important first.

    Formula: as in the sources, by Optuna. Assumption: trials drawn at random over the space, or from a grid. Bias:
    fANOVA's forest spreads some share over irrelevant hyperparameters. Neither evaluator gives an error, so close
    shares have no order. Range: 10 complete trials or more; well above 50 to be worth quoting. Cost: fANOVA's time
    grows with the square of the trials, about a second for 500 and minutes for 5,000, so fANOVA is given at most MOST
    trials, drawn at random; PED-ANOVA is given all.
    Source: Watanabe, Bansal and Hutter, "PED-ANOVA" (2023); Hutter, Hoos and Leyton-Brown, "An Efficient Approach for
    Assessing Hyperparameter Importance" (2014). Optuna's implementations, seeded.
    """
    frame = table.frame[table.scored]
    varying = [c for c in frame.columns if c.startswith(PARAMS) and frame[c].nunique(dropna=False) > 1]
    columns = [c for c in varying if not (frame[c].isna() | (frame[c] == "")).any()]
    m = len(frame)
    left_out = _left_out(len(table.frame) - m, [c.removeprefix(PARAMS) for c in varying if c not in columns], m)
    if m < FEWEST:
        return Importances({}, {}, m, f"needs {FEWEST} complete trials, has {m}", left_out=left_out)
    if not columns:
        return Importances({}, {}, m, "no hyperparameter varies", left_out=left_out)
    if frame[table.objective.name].nunique() == 1:
        return Importances({}, {}, m, "all scores are equal", left_out=left_out)
    study = _study(frame, columns, table.objective)
    ped = get_param_importances(study, evaluator=PedAnovaImportanceEvaluator())
    drawn = frame
    if m > MOST:
        drawn = frame.iloc[np.sort(np.random.default_rng(0).permutation(m)[:MOST])]
        study = _study(drawn, columns, table.objective)
    coded = [c for c in columns if _is_words(frame[c]) and frame[c].nunique() > MOST_WORDS]
    if coded:
        codes = {c: drawn[c].astype(str).rank(method="dense").to_numpy() for c in coded}
        study = _study(drawn.assign(**codes), columns, table.objective)
        words = ", ".join(c.removeprefix(PARAMS) for c in coded)
        left_out += (f"fANOVA takes the words of {words} as numbers, in alphabetical order: there are many.",)
    fanova = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    return Importances(_plain(ped), _plain(fanova), m, fanova_trials=min(m, MOST), left_out=left_out)


def _left_out(without_score: int, conditional: list[str], m: int) -> tuple[str, ...]:
    found = []
    if without_score:
        found.append(
            f"Importances leave out {without_score} trials without a score (failed, pruned or lost): what makes a "
            "trial fail is not in them."
        )
    if conditional:
        found.append(f"Importances leave out {', '.join(conditional)}: not every trial has a value of it.")
    if m > MOST:
        found.append(f"fANOVA looks at {MOST:,} of {m:,} trials, drawn at random.")
    return tuple(found)


def _plain(found: dict[str, float]) -> dict[str, float]:
    return {name: float(share) for name, share in found.items() if np.isfinite(share)}


def _study(frame: pd.DataFrame, columns: list[str], objective: Objective) -> optuna.Study:
    distributions = {c.removeprefix(PARAMS): _distribution(frame[c]) for c in columns}
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(direction=objective.direction, sampler=optuna.samplers.RandomSampler(seed=0))
        for _, row in frame.iterrows():
            params = {c.removeprefix(PARAMS): _value(row[c]) for c in columns}
            value = float(row[objective.name])
            study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=value))
    finally:
        optuna.logging.set_verbosity(before)
    return study


def _is_words(column: pd.Series) -> bool:
    return any(isinstance(value, str) for value in column)


def _value(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _distribution(column: pd.Series) -> BaseDistribution:
    """Categories for text and for up to six different numbers, else the range of the numbers."""
    values = sorted({_value(v) for v in column}, key=lambda v: (isinstance(v, str), v))
    if _is_words(column) or len(values) <= 6:
        return CategoricalDistribution(values)
    low, high = float(values[0]), float(values[-1])
    return FloatDistribution(low, high, log=logarithmic(np.asarray(column, dtype=float)))
