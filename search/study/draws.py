"""Plans whose trials are all known before the first one starts: a pure function of (settings, seed, count).

Random trials are drawn by Optuna's own RandomSampler, in one process: several processes with one seed draw the same
trials, and a shared grid over-runs (optuna#3056, optuna#4121).
"""

from collections.abc import Sequence

import numpy as np
import optuna

from models.core.parameters import Scalar
from models.core.seeds import derive_seed, trial_seed
from models.spaces.planner import PlanRow
from search.study.distributions import distribution_of
from search.study.plan import Plan, PlannedTrial
from search.study.settings import StudySettings


def make_plan(settings: StudySettings, rows: Sequence[PlanRow] = ()) -> Plan:
    """The first `settings.trials` trials of the study. A larger number adds trials and changes none.

    `rows` are the rows of a function that asks for its space, as many as the trials or more.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if settings.asks and settings.sampler != "list":
        return _plan_of_rows(settings, rows[: settings.trials])
    draw = {"random": _draw_random, "grid": _draw_grid, "list": _listed}[settings.sampler]
    trials = tuple(
        PlannedTrial(number, parameters, settings.config(parameters), trial_seed(settings.seed, number))
        for number, parameters in enumerate(draw(settings)[: settings.trials])
    )
    return Plan(trials, settings.searched)


def _plan_of_rows(settings: StudySettings, rows: Sequence[PlanRow]) -> Plan:
    trials = tuple(
        PlannedTrial(
            row.number,
            row.parameters,
            settings.config(row.parameters),
            trial_seed(settings.seed, row.number),
            row.distributions,
        )
        for row in rows
    )
    return Plan(trials, tuple(dict.fromkeys(name for row in rows for name in row.parameters)))


def _draw_random(settings: StudySettings) -> list[dict[str, Scalar]]:
    sampler = optuna.samplers.RandomSampler(seed=derive_seed(settings.seed, "plan"))
    study = optuna.create_study(sampler=sampler)
    # RandomSampler looks at neither the study nor the trial, so one of each serves for all draws.
    trial = optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING)
    distribution = {domain.name: distribution_of(domain) for domain in settings.space}
    drawn = []
    for _ in range(settings.trials):
        parameters: dict[str, Scalar] = {}
        for domain in settings.space:
            if domain.exists(parameters):
                value = sampler.sample_independent(study, trial, domain.name, distribution[domain.name])
                parameters[domain.name] = value
        drawn.append(parameters)
    return drawn


def _draw_grid(settings: StudySettings) -> list[dict[str, Scalar]]:
    """Every different cell once, in an order shuffled by the seed, so that a part of the grid is a random part of it.

    Optuna's GridSampler is not used: it searches all cells for each draw (a minute for 2,460 cells), and has no
    parameters that exist only under a choice of another parameter.
    """
    cells = settings.different_cells
    order = np.random.default_rng(derive_seed(settings.seed, "plan")).permutation(len(cells))
    return [cells[place] for place in order]


def _listed(settings: StudySettings) -> list[dict[str, Scalar]]:
    return [dict(configuration) for configuration in settings.configurations]
