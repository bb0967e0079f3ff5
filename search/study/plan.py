"""The plan: every trial of a study, known before the first one starts.

A pure function of (settings, seed, count). Random trials are drawn by Optuna's own RandomSampler, in one process:
several processes with one seed draw the same trials, and a shared grid over-runs (optuna#3056, optuna#4121).
"""

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from models.core import names
from models.core.own_config import Config
from models.core.parameters import Scalar
from models.core.seeds import derive_seed, trial_seed
from models.spaces.domains import Domain as AskedDomain
from models.spaces.planner import PlanRow
from search.study.settings import StudySettings
from search.study.space import Domain


@dataclass(frozen=True)
class PlannedTrial:
    """A place in the plan. Its seed comes from (study seed, number), never from an attempt."""

    number: int
    parameters: Mapping[str, Scalar]
    """The searched ones that exist in this trial."""
    config: Config
    seed: int
    asked: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Where the user's function asks for its space: what each of them was drawn from (models.spaces.domains)."""


@dataclass(frozen=True)
class Plan:
    trials: tuple[PlannedTrial, ...]
    searched: tuple[str, ...]

    def holds(self, number: int, seed: int | None, config_hash: str) -> bool:
        """Whether the trial of that number is planned with this seed and this configuration."""
        planned = self.trials[number] if number < len(self.trials) else None
        return planned is not None and (seed, config_hash) == (planned.seed, planned.config.hash())

    @cached_property
    def csv(self) -> str:
        """number, seed, config_hash, then the searched parameters; blank where a parameter does not exist."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["number", "seed", names.CONFIG_HASH, *self.searched])
        for trial in self.trials:
            values = [trial.parameters.get(name, "") for name in self.searched]
            writer.writerow([trial.number, trial.seed, trial.config.hash(), *values])
        return text.getvalue()

    @cached_property
    def hash(self) -> str:
        return hashlib.sha256(self.csv.encode()).hexdigest()


def make_plan(settings: StudySettings, rows: Sequence[PlanRow] = ()) -> Plan:
    """The first `settings.trials` trials of the study. A larger count extends them: they stay what they are.

    `rows` are those of a function that asks for its space, as many or more.
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


def distributions(settings: StudySettings, planned: PlannedTrial) -> dict[str, BaseDistribution]:
    """Optuna's distributions of the parameters that exist in one trial."""
    parameters = planned.parameters
    if planned.asked:
        return {name: _of_asked(AskedDomain.from_json(written)) for name, written in planned.asked.items()}
    if settings.sampler == "list":
        seen: dict[str, dict[Scalar, None]] = {name: {} for name in parameters}
        for configuration in settings.configurations:
            for name, value in configuration:
                if name in seen:
                    seen[name].setdefault(value)
        return {name: CategoricalDistribution(list(values)) for name, values in seen.items()}
    return {domain.name: _distribution(domain) for domain in settings.space if domain.name in parameters}


def _distribution(domain: Domain) -> BaseDistribution:
    if domain.choices:
        return CategoricalDistribution(domain.choices)
    if domain.integer:
        return IntDistribution(int(domain.low), int(domain.high), log=domain.log, step=int(domain.step or 1))
    return FloatDistribution(domain.low, domain.high, log=domain.log, step=domain.step)


def _of_asked(domain: AskedDomain) -> BaseDistribution:
    """Optuna's nearest: it has no steps that multiply, and no range that is fine at its upper end."""
    if domain.kind == "choice":
        return CategoricalDistribution(domain.choices)
    log = domain.sampling == "log"
    step = domain.step if domain.sampling == "linear" else None
    if domain.kind == "int":
        return IntDistribution(int(domain.low), int(domain.high), log=log, step=int(step or 1))
    return FloatDistribution(float(domain.low), float(domain.high), log=log, step=step)


def _draw_random(settings: StudySettings) -> list[dict[str, Scalar]]:
    sampler = optuna.samplers.RandomSampler(seed=derive_seed(settings.seed, "plan"))
    study = optuna.create_study(sampler=sampler)
    # RandomSampler looks at neither the study nor the trial, so one of each serves for all draws.
    trial = optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING)
    distribution = {domain.name: _distribution(domain) for domain in settings.space}
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

    Not by Optuna's GridSampler: it looks through all cells for each one that it draws (a minute for 2,460 of them), and
    knows no parameters that exist only under a choice of another.
    """
    cells = settings.different_cells
    order = np.random.default_rng(derive_seed(settings.seed, "plan")).permutation(len(cells))
    return [cells[place] for place in order]


def _listed(settings: StudySettings) -> list[dict[str, Scalar]]:
    return [dict(configuration) for configuration in settings.configurations]
