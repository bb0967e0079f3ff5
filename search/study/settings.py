"""A study's settings, checked as a whole and then frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from models.core import names
from models.core.config import TRAINING, Config, OwnConfig, TrialConfig
from models.core.errors import ConfigError, shown
from models.core.parameters import Scalar, is_whole
from models.data.named import TABLES
from models.data.sources import Source as DataSource
from models.data.table import SUFFIXES
from models.spaces.source import Source
from models.tasks.objective import Objective, check_monitor, read_objective
from search.study.space import Domain, grid_cells

SAMPLERS = ("grid", "random", "list", "tpe")
REPLICATES = 5
"""The replicates of an adaptive sampler where the study names no number."""
START_UP = 10
"""How many first trials of each replicate are drawn at random, for the adaptive sampler to begin from."""
MOST_SEED = 2**32 - 1  # numpy's RandomState, which Optuna and scikit-learn draw with, takes no greater one
MOST_TRIALS = 100_000
"""The most trials of a plan, which is drawn and kept in memory before the first trial starts."""
MOST = 2**63 - 1
"""The most of any other whole number."""
PRUNERS = ("none", "median", "halving")
SOURCE_KEYS = ("dataset", "target", "test", "leave_out", "group", "weight", "image_size", "color")
"""The keys of `data:` that become a models.data.sources.Source, together with the study's `task`."""


@dataclass(frozen=True)
class StudySettings:
    """One study, resolved; search.study.identity says which part of it decides its trials."""

    name: str
    description: str
    sampler: str
    trials: int
    """Planned trials, 1 or more, those of all replicates; for grid and list at most the number of configurations."""
    seed: int
    dataset: str
    """Where the data come from, as models.data.sources.Source writes it: a name or path alone, or JSON."""
    validation: float
    """Rows held out of the training part: a fraction below 1, or a count."""
    preprocessing: str
    split_seed: int | None
    """The seed of the validation part; None: the study's seed."""
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
    """Values of the objective that the search is to reach, named before the search has results."""
    folds: int = 0
    """How many folds of the training part score a trial; 0: it is scored on the validation part."""
    network: str = ""
    """FILE.py:NAME of the user's own network, from any folder; empty: the built-in one."""
    callbacks: str = ""
    """FILE.py:NAME of the Keras callbacks for training this network; empty: none."""
    deterministic: bool = True
    """Whether the user's own network must use only operations that give the same bits in every run."""
    device: str = "cpu"
    """The device that trials train on, one of models.core.runtime.DEVICES."""
    source: Source | None = None
    """The source text of the user's own network; None: the built-in one, or a source that is not read yet."""
    keywords: tuple[str, ...] = ()
    """The keywords that the user's function can be called with; empty for a function that asks for its values."""
    asks: bool = False
    """Whether the user's function asks for its values as it runs, and so has its own space."""
    cells: int | None = None
    """The number of cells of the grid of a function that asks; None: not known, or no grid."""
    objective: str = ""
    """The metric that trials are chosen by, as `val_macro_f1`; empty: val_accuracy, or of a regression val_rmse."""
    class_weight: str = "none"
    """One of models.data.splits.CLASS_WEIGHTS."""
    replicates: int = 0
    """How many independent searches an adaptive sampler makes; 0: the sampler does not look at scores."""

    @property
    def source_of_data(self) -> DataSource:
        return DataSource.read(self.dataset)

    @property
    def searched(self) -> tuple[str, ...]:
        """The names of the parameters that differ between trials, in the study file's order."""
        if self.sampler == "list":
            return tuple(dict.fromkeys(name for configuration in self.configurations for name, _ in configuration))
        return tuple(domain.name for domain in self.space)

    @property
    def trials_each(self) -> int:
        """The trials of one replicate, or of a search without replicates; `trials` of a study file is this number."""
        return self.trials // max(self.replicates, 1)

    def with_trials_each(self, trials: int) -> "StudySettings":
        """The same study with this many trials, in each replicate if the study has replicates."""
        return replace(self, trials=trials * max(self.replicates, 1))

    @property
    def population(self) -> int | None:
        """The number of configurations; None where the space has no end, or the user's function is not asked yet."""
        if self.sampler in ("random", "tpe"):
            return None
        if self.network and self.sampler == "grid" and not self.space:
            return self.cells
        return len(self.configurations) if self.sampler == "list" else len(self.different_cells)

    @property
    def equal_cells(self) -> int:
        """The number of grid cells that are left out because an earlier cell is the same network."""
        return 0 if self.sampler != "grid" or self.asks else len(grid_cells(self.space)) - (self.population or 0)

    @property
    def different_cells(self) -> tuple[dict[str, Scalar], ...]:
        """The grid cells that are different networks; of equal cells (adam has no momentum) the first is kept."""
        return _different_cells(self)

    @property
    def split(self) -> dict[str, str | int | float]:
        """The settings that, with the data, decide the validation part, the scaling and the reduction."""
        seed = self.seed if self.split_seed is None else self.split_seed
        return {
            "validation": self.validation,
            "preprocessing": self.preprocessing,
            "split_seed": seed,
            **self._if_any,
            **({"objective": self.objective} if self.objective else {}),
        }

    @property
    def network_tags(self) -> dict[str, str | int | float]:
        """The tags about the user's own network, on the runs of the study and of its trials."""
        if self.source is None:
            return {}
        tags: dict[str, str | int | float] = {names.NETWORK: self.network, names.SOURCE_SHA256: self.source.hash}
        tags |= {names.CALLBACKS: self.callbacks} if self.callbacks else {}
        return tags | ({} if self.deterministic else {names.DETERMINISTIC: "false"})

    @property
    def _if_any(self) -> dict[str, str | int]:
        # Unused settings are left out, so that studies begun before a setting existed keep identity and tags.
        reduction = {} if self.reduction == "none" else {"reduction": self.reduction}
        weights = {} if self.class_weight == "none" else {"class_weight": self.class_weight}
        return reduction | weights | ({"folds": self.folds} if self.folds else {})

    @property
    def fixed(self) -> tuple[tuple[str, Scalar], ...]:
        """The parameters that all trials share; early stopping looks at the objective where one is written."""
        monitored: tuple[tuple[str, Scalar], ...] = (("monitor", self.objective),) if self.objective else ()
        return monitored + self.training

    def objective_of(self, task: str) -> Objective:
        """The objective on data of this task.

        Raises:
            ConfigError: the task has no such metric, no such targets, or no metric that a trial monitors.
        """
        found = read_objective(self.objective, task)
        found.check_targets(self.targets)
        for monitor in self._monitors:
            check_monitor(str(monitor), task)
        return found

    @property
    def _monitors(self) -> set[Scalar]:
        """The metrics that early stopping watches in any trial."""
        searched = {value for domain in self.space if domain.name == "monitor" for value in domain.choices}
        listed = {value for one in self.configurations for name, value in one if name == "monitor"}
        return searched | listed or {dict(self.fixed).get("monitor", names.VAL_LOSS)}

    def config(self, parameters: Mapping[str, Scalar]) -> Config:
        """The full configuration of a trial with these searched parameters."""
        fixed = dict(self.fixed)
        if self.source is None:
            return TrialConfig.from_parameters(fixed | dict(parameters))
        asked, training = dict(parameters), fixed
        if not self.asks:
            training = fixed | asked
            asked = {name: training.pop(name) for name in list(training) if self._is_of_network(name)}
        return OwnConfig.from_parameters(
            str(self.source), self.source.hash, asked, training, deterministic=self.deterministic
        )

    def _is_of_network(self, name: str) -> bool:
        return name in self.keywords or name not in TRAINING

    def as_written(self) -> dict[str, Any]:
        """The settings as a study file would say them."""
        source = {key: getattr(self.source_of_data, key) for key in SOURCE_KEYS}
        data = {key: list(value) if isinstance(value, tuple) else value for key, value in source.items() if value}
        data |= {"validation": self.validation, "preprocessing": self.preprocessing}
        data |= self._if_any
        written: dict[str, Any] = {
            "description": self.description,
            "data": data if self.split_seed is None else data | {"split_seed": self.split_seed},
            **({"task": self.source_of_data.task} if self.source_of_data.task else {}),
            **({"objective": self.objective} if self.objective else {}),
            **({"network": self.network} if self.network else {}),
            **({"callbacks": self.callbacks} if self.callbacks else {}),
            **({} if self.deterministic else {"deterministic": False}),
            **({} if self.device == "cpu" else {"device": self.device}),
            "sampler": self.sampler,
            **({"replicates": self.replicates} if self.replicates else {}),
            "trials": self.trials_each,
            "seed": self.seed,
        }
        if self.sampler == "list":
            written["configurations"] = [dict(configuration) for configuration in self.configurations]
        elif self.space:
            written["space"] = {domain.name: domain.as_written() for domain in self.space}
        pruning: dict[str, Any] = {} if self.pruner == "none" else {"pruner": self.pruner}
        pruning |= {"targets": list(self.targets)} if self.targets else {}
        return written | {"training": dict(self.training)} | pruning

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.as_written(), sort_keys=False, allow_unicode=True)


@lru_cache(maxsize=4)
def _different_cells(settings: StudySettings) -> tuple[dict[str, Scalar], ...]:
    if settings.network and not settings.keywords:  # the keywords of the function are not known yet
        return tuple(grid_cells(settings.space))
    found: dict[str, dict[str, Scalar]] = {}
    for cell in grid_cells(settings.space):
        found.setdefault(settings.config(cell).hash(), cell)
    return tuple(found.values())


def default_preprocessing(source: DataSource) -> str:
    """standardise for tables, whose columns have different units; rescale for other data, such as images."""
    table = source.dataset in TABLES or Path(source.dataset).suffix in SUFFIXES
    return "standardise" if table else "rescale"


def checked(settings: StudySettings) -> StudySettings:
    """The same settings, once they keep the rules that hold between settings.

    Raises:
        ConfigError: two settings contradict each other.
    """
    for key, said in (("callbacks", bool(settings.callbacks)), ("deterministic", not settings.deterministic)):
        if said and not settings.network:
            raise ConfigError(
                f"{key} must stand beside a network of your own, network: FILE.py:NAME, got {key} without one"
            )
    if settings.folds == 1:
        raise ConfigError("folds must be 0, for none, or 2 or more, got 1")
    if settings.folds and settings.pruner != "none":
        raise ConfigError(
            f"a pruner compares trials epoch by epoch, which those of several folds do not have in common, got pruner "
            f"{settings.pruner} with {settings.folds} folds"
        )
    if settings.replicates:
        _check_replicates(settings)
    twice = [name for name, _ in settings.training if name in settings.searched]
    if twice:
        raise ConfigError(f"a parameter must be either searched or fixed in training, got {', '.join(twice)} in both")
    if settings.population is not None and settings.trials > settings.population:
        raise ConfigError(
            f"trials must be at most the {settings.population} configurations of the {settings.sampler}, "
            f"got {settings.trials}"
        )
    return settings


def _check_replicates(settings: StudySettings) -> None:
    """Refuses what would let a trial depend on more than the finished trials of its own replicate."""
    if settings.pruner != "none":
        raise ConfigError(
            "a pruner compares trials of all replicates, which are searches of their own, got pruner "
            f"{settings.pruner} with sampler {settings.sampler}"
        )
    if settings.asks or (settings.network and not settings.space):
        raise ConfigError(
            f"sampler {settings.sampler} needs a space in the study, for a function of keywords; a function that asks "
            f"for its space as it runs is searched at random or as a grid, got {settings.network}"
        )
    if settings.trials > MOST_TRIALS:
        raise ConfigError(f"trials of all replicates must be at most {MOST_TRIALS:,}, got {settings.trials:,}")


def check_count(name: str, value: Any, low: int, most: int = MOST) -> int:
    """`value` as a whole number; 1e3 is one."""
    if not is_whole(value) or value < low:
        raise ConfigError(f"{name} must be a whole number, {low} or more, got {shown(value)}")
    if value > most:
        raise ConfigError(f"{name} must be at most {most:,}, got {shown(value)}")
    return int(value)
