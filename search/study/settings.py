"""A study's settings: its YAML file with the command line's overrides, checked as a whole and then frozen."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from models.core.config import TrialConfig
from models.core.errors import ConfigError, shown
from models.core.parameters import Scalar, check_parameter, is_whole
from models.data.named import TABLES
from models.data.reduction import check_reduction
from models.data.sources import Source
from models.data.splits import PREPROCESSINGS
from models.data.table import SUFFIXES
from search.study.space import Domain, grid_cells, read_space

SAMPLERS = ("grid", "random", "list")
MOST_SEED = 2**32 - 1  # numpy's RandomState, which Optuna and scikit-learn draw with, takes no greater one
MOST_TRIALS = 100_000
"""What a plan can hold: it is drawn, and kept in memory, before the first trial starts."""
MOST = 2**63 - 1
"""Of any other whole number."""
PRUNERS = ("none", "median", "halving")
_KEYS = ("description", "data", "sampler", "trials", "seed", "space", "configurations", "training", "pruner", "targets")
SOURCE_KEYS = ("dataset", "target", "test", "leave_out", "group", "image_size", "color")
"""What `data:` says of where the data come from, as models.data.sources.Source takes it."""
_DATA_KEYS = (*SOURCE_KEYS, "validation", "folds", "preprocessing", "reduction", "split_seed")
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class StudySettings:
    """One study, resolved; search.study.identity says which part of it decides its trials."""

    name: str
    description: str
    sampler: str
    trials: int
    """Planned trials, 1 or more; for grid and list at most the number of their configurations."""
    seed: int
    dataset: str
    """Where the data come from, as models.data.sources.Source writes it: a name or path alone, or JSON."""
    validation: float
    """Held out of the training part: a fraction below 1, or a count of rows."""
    preprocessing: str
    split_seed: int | None
    """What the validation part is drawn by; None: the study's seed."""
    space: tuple[Domain, ...]
    configurations: tuple[tuple[tuple[str, Scalar], ...], ...]
    """The explicit list, for the sampler `list`; else empty."""
    training: tuple[tuple[str, Scalar], ...]
    """Parameters that all trials share."""
    reduction: str = "none"
    """What the scaled inputs are reduced to: "none", "pca:0.95", "pca:154" or "forest:70"."""
    pruner: str = "none"
    """One of PRUNERS: what ends trials that fall behind, after an epoch."""
    targets: tuple[float, ...] = ()
    """Validation accuracies that the search is to reach, named before it has data."""
    folds: int = 0
    """How many folds of the training part score a trial; 0: it is scored on the validation part."""

    @property
    def source_of_data(self) -> Source:
        return Source.read(self.dataset)

    @property
    def searched(self) -> tuple[str, ...]:
        """The names of the parameters that differ between trials, in the study file's order."""
        if self.sampler == "list":
            return tuple(dict.fromkeys(name for configuration in self.configurations for name, _ in configuration))
        return tuple(domain.name for domain in self.space)

    @property
    def population(self) -> int | None:
        """How many configurations there are, or None where they are drawn without end."""
        if self.sampler == "random":
            return None
        return len(self.configurations) if self.sampler == "list" else len(different_cells(self.space, self.training))

    @property
    def equal_cells(self) -> int:
        """How many cells of a grid are the same network as another one: they are left out."""
        return 0 if self.sampler != "grid" else len(grid_cells(self.space)) - (self.population or 0)

    @property
    def split(self) -> dict[str, str | int | float]:
        """What the validation part, the scaling and the reduction follow from, beside the data."""
        seed = self.seed if self.split_seed is None else self.split_seed
        return {
            "validation": self.validation,
            "preprocessing": self.preprocessing,
            "split_seed": seed,
            **self._if_any,
        }

    @property
    def _if_any(self) -> dict[str, str | int]:
        # Named only where there is one: studies from before it keep their identity and their tags.
        reduction = {} if self.reduction == "none" else {"reduction": self.reduction}
        return reduction | ({"folds": self.folds} if self.folds else {})

    def config(self, parameters: Mapping[str, Scalar]) -> TrialConfig:
        """The full configuration of a trial with these searched parameters."""
        return TrialConfig.from_parameters(dict(self.training) | dict(parameters))

    def as_written(self) -> dict[str, Any]:
        """The settings as a study file would say them."""
        source = {key: getattr(self.source_of_data, key) for key in SOURCE_KEYS}
        data = {key: list(value) if isinstance(value, tuple) else value for key, value in source.items() if value}
        data |= {"validation": self.validation, "preprocessing": self.preprocessing}
        data |= self._if_any
        written: dict[str, Any] = {
            "description": self.description,
            "data": data if self.split_seed is None else data | {"split_seed": self.split_seed},
            "sampler": self.sampler,
            "trials": self.trials,
            "seed": self.seed,
        }
        if self.sampler == "list":
            written["configurations"] = [dict(configuration) for configuration in self.configurations]
        else:
            written["space"] = {domain.name: domain.as_written() for domain in self.space}
        pruning: dict[str, Any] = {} if self.pruner == "none" else {"pruner": self.pruner}
        pruning |= {"targets": list(self.targets)} if self.targets else {}
        return written | {"training": dict(self.training)} | pruning

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.as_written(), sort_keys=False, allow_unicode=True)


@lru_cache(maxsize=4)
def different_cells(
    space: tuple[Domain, ...], training: tuple[tuple[str, Scalar], ...]
) -> tuple[dict[str, Scalar], ...]:
    """The cells of a grid that are different networks: of equal ones, as momentum makes none of adam, the first."""
    found: dict[str, dict[str, Scalar]] = {}
    for cell in grid_cells(space):
        found.setdefault(TrialConfig.from_parameters(dict(training) | cell).hash(), cell)
    return tuple(found.values())


def read_settings(written: Any, name: str) -> StudySettings:
    """The settings that a study file's content describes."""
    if not isinstance(written, Mapping):
        raise ConfigError(f"a study must be a mapping of {', '.join(_KEYS)}, got {shown(written)}")
    _only_keys("a study", written, _KEYS)
    if not NAME_PATTERN.fullmatch(name):
        raise ConfigError(f"name must be letters, digits, '.', '_' and '-', 100 at most, got {shown(name)}")
    data = written.get("data") or {}
    if not isinstance(data, Mapping):
        raise ConfigError(f"data must be a mapping of {', '.join(_DATA_KEYS)}, got {shown(data)}")
    _only_keys("data", data, _DATA_KEYS)
    sampler = written.get("sampler")
    if sampler not in SAMPLERS:
        raise ConfigError(
            f"sampler must be one of {', '.join(SAMPLERS)} (best-of-N estimates need trials that do not look at "
            f"each other), got {shown(sampler)}"
        )
    space: tuple[Domain, ...] = ()
    configurations: tuple[tuple[tuple[str, Scalar], ...], ...] = ()
    if sampler == "list":
        if "space" in written:
            raise ConfigError("a list study has configurations and no space, got both")
        configurations = _read_configurations(written.get("configurations"))
    else:
        if "configurations" in written:
            raise ConfigError(f"configurations belong to the sampler list, got them with sampler {sampler!r}")
        space = read_space(written.get("space"))
        if sampler == "grid":
            grid_cells(space)  # so that a space that is no grid is told before its parameters
    training = written.get("training") or {}
    if not isinstance(training, Mapping):
        raise ConfigError(f"training must map parameters to values, got {shown(training)}")
    fixed = tuple((key, check_parameter(key, value)) for key, value in training.items())
    source_of_data = Source.read({"dataset": "digits"} | {key: data[key] for key in SOURCE_KEYS if key in data})
    settings = StudySettings(
        name=name,
        description=str(written.get("description", "")).strip(),
        sampler=sampler,
        trials=0,
        seed=check_count("seed", written.get("seed", 0), 0, MOST_SEED),
        dataset=source_of_data.to_text(),
        validation=_check_validation(data.get("validation", 0.1)),
        preprocessing=str(data.get("preprocessing", default_preprocessing(source_of_data))),
        reduction=check_reduction(data.get("reduction", "none")),
        split_seed=check_count("split_seed", data["split_seed"], 0, MOST_SEED) if "split_seed" in data else None,
        space=space,
        configurations=configurations,
        training=fixed,
        pruner=written.get("pruner", "none"),
        targets=_read_targets(written.get("targets", [])),
        folds=check_count("folds", data.get("folds", 0), 0),
    )
    trials = written.get("trials", settings.population or 40)
    return checked(replace(settings, trials=check_count("trials", trials, 1, MOST_TRIALS)))


def default_preprocessing(source: Source) -> str:
    """Tables have columns of different units; images and the like have one."""
    table = source.dataset in TABLES or Path(source.dataset).suffix in SUFFIXES
    return "standardise" if table else "rescale"


def checked(settings: StudySettings) -> StudySettings:
    """The rules that hold between settings."""
    if settings.preprocessing not in PREPROCESSINGS:
        raise ConfigError(f"preprocessing must be one of {', '.join(PREPROCESSINGS)}, got {settings.preprocessing!r}")
    if settings.pruner not in PRUNERS:
        raise ConfigError(f"pruner must be one of {', '.join(PRUNERS)}, got {settings.pruner!r}")
    if settings.folds == 1:
        raise ConfigError("folds must be 0, for none, or 2 or more, got 1")
    if settings.folds and settings.pruner != "none":
        raise ConfigError(
            f"a pruner compares trials epoch by epoch, which those of several folds do not have in common, got pruner "
            f"{settings.pruner} with {settings.folds} folds"
        )
    twice = [name for name, _ in settings.training if name in settings.searched]
    if twice:
        raise ConfigError(f"a parameter must be either searched or fixed in training, got {', '.join(twice)} in both")
    if settings.population is not None and settings.trials > settings.population:
        raise ConfigError(
            f"trials must be at most the {settings.population} configurations of the {settings.sampler}, "
            f"got {settings.trials}"
        )
    return settings


def _read_configurations(written: Any) -> tuple[tuple[tuple[str, Scalar], ...], ...]:
    if not isinstance(written, list) or not written:
        raise ConfigError(f"configurations must be a list of one configuration at least, got {shown(written)}")
    for configuration in written:
        if not isinstance(configuration, Mapping) or not configuration:
            raise ConfigError(f"a configuration must map parameters to values, got {shown(configuration)}")
    return tuple(tuple((key, check_parameter(key, value)) for key, value in one.items()) for one in written)


def check_count(name: str, value: Any, low: int, most: int = MOST) -> int:
    """`value` as a whole number; 1e3 is one."""
    if not is_whole(value) or value < low:
        raise ConfigError(f"{name} must be a whole number, {low} or more, got {shown(value)}")
    if value > most:
        raise ConfigError(f"{name} must be at most {most:,}, got {shown(value)}")
    return int(value)


def _read_targets(written: Any) -> tuple[float, ...]:
    listed = written if isinstance(written, list) else [written]
    for value in listed:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 1:
            raise ConfigError(f"targets must be accuracies above 0, up to 1, got {shown(value)}")
    return tuple(sorted({float(value) for value in listed}))


def _check_validation(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or value <= 0 or (value >= 1 and value % 1):
        raise ConfigError(f"validation must be a fraction between 0 and 1 or a count of rows, got {shown(value)}")
    return value


def _only_keys(what: str, written: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    for key in written:
        if key not in allowed:
            raise ConfigError(f"{what} may have {', '.join(allowed)}, got {shown(key)}")
