"""The plan: every trial of a study, known before the first one starts.

A pure function of (settings, seed, count). Drawn by Optuna's own RandomSampler or GridSampler in one process, because
several processes with one seed draw the same trials, and a shared grid over-runs (optuna#3056, optuna#4121).
"""

import csv
import hashlib
import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from models.config import Scalar, TrialConfig
from models.seeds import derive_seed
from search.settings import StudySettings
from search.space import Domain, grid_points


@dataclass(frozen=True)
class PlannedTrial:
    """A place in the plan. Its seed comes from (study seed, number), never from an attempt."""

    number: int
    parameters: Mapping[str, Scalar]
    """The searched ones that exist in this trial."""
    config: TrialConfig
    seed: int


@dataclass(frozen=True)
class Plan:
    trials: tuple[PlannedTrial, ...]
    searched: tuple[str, ...]

    @cached_property
    def csv(self) -> str:
        """number, seed, config_hash, then the searched parameters; blank where a parameter does not exist."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["number", "seed", "config_hash", *self.searched])
        for trial in self.trials:
            values = [trial.parameters.get(name, "") for name in self.searched]
            writer.writerow([trial.number, trial.seed, trial.config.hash(), *values])
        return text.getvalue()

    @cached_property
    def hash(self) -> str:
        return hashlib.sha256(self.csv.encode()).hexdigest()


def make_plan(settings: StudySettings) -> Plan:
    """The first `settings.trials` trials of the study. A larger count extends them: they stay what they are."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    draw = {"random": _draw_random, "grid": _draw_grid, "list": _listed}[settings.sampler]
    trials = tuple(
        PlannedTrial(number, parameters, settings.config(parameters), derive_seed(settings.seed, number, "trial"))
        for number, parameters in enumerate(draw(settings)[: settings.trials])
    )
    return Plan(trials, settings.searched)


def distributions(settings: StudySettings, parameters: Mapping[str, Scalar]) -> dict[str, BaseDistribution]:
    """Optuna's distributions of the parameters that exist in one trial."""
    if settings.sampler == "list":
        seen = {name: [] for name in settings.searched}  # type: dict[str, list[Scalar]]
        for configuration in settings.configurations:
            for name, value in configuration:
                if value not in seen[name]:
                    seen[name].append(value)
        return {name: CategoricalDistribution(seen[name]) for name in parameters}
    return {domain.name: _distribution(domain) for domain in settings.space if domain.name in parameters}


def _distribution(domain: Domain) -> BaseDistribution:
    if domain.choices:
        return CategoricalDistribution(domain.choices)
    if domain.integer:
        return IntDistribution(int(domain.low), int(domain.high), log=domain.log, step=int(domain.step or 1))
    return FloatDistribution(domain.low, domain.high, log=domain.log, step=domain.step)


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
    """Every cell in the sampler's shuffled order; cells that differ only in parameters that do not exist are one."""
    points = grid_points(settings.space)
    sampler = optuna.samplers.GridSampler(points, seed=derive_seed(settings.seed, "plan"))
    study = optuna.create_study(sampler=sampler)
    cells: list[dict[str, Scalar]] = []

    def visit(trial: optuna.Trial) -> float:
        cell = {name: trial.suggest_categorical(name, values) for name, values in points.items()}
        exists: dict[str, Scalar] = {}
        for domain in settings.space:
            if domain.exists(exists):
                exists[domain.name] = cell[domain.name]
        if exists not in cells:
            cells.append(exists)
        return 0.0

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        study.optimize(visit)
    return cells


def _listed(settings: StudySettings) -> list[dict[str, Scalar]]:
    return [dict(configuration) for configuration in settings.configurations]
