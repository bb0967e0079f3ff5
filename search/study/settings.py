"""A study's settings: its YAML file with the command line's overrides, checked as a whole and then frozen."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from models.core.config import TrialConfig
from models.core.errors import ConfigError
from models.core.parameters import Scalar, check_parameter
from models.data.reduction import check_reduction
from models.data.splits import PREPROCESSINGS
from search.study.space import Domain, grid_cells, read_space

SAMPLERS = ("grid", "random", "list")
PRUNERS = ("none", "median", "halving")
STUDIES = Path(__file__).parent / "studies"
_KEYS = ("description", "data", "sampler", "trials", "seed", "space", "configurations", "training", "pruner")
_DATA_KEYS = ("dataset", "validation", "folds", "preprocessing", "reduction", "split_seed")
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class _StudyLoader(yaml.SafeLoader):
    """YAML 1.1 reads 1e-5 as a word; people who write learning rates mean the number."""


def _unique_keys(loader: _StudyLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise ConfigError(f"a study file must name each key once, got {twice!r} again")
    return loader.construct_mapping(node, deep=True)


_StudyLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_keys)
_StudyLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


@dataclass(frozen=True)
class StudySettings:
    """One study, resolved. `identity` is the part that decides its trials."""

    name: str
    source: str
    """The study as it was asked for: a name or a path."""
    description: str
    sampler: str
    trials: int
    """Planned trials, 1 or more; for grid and list at most the number of their configurations."""
    seed: int
    dataset: str
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
    folds: int = 0
    """How many folds of the training part score a trial; 0: it is scored on the validation part."""

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
        return len(self.configurations) if self.sampler == "list" else len(grid_cells(self.space))

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
        data = {"dataset": self.dataset, "validation": self.validation, "preprocessing": self.preprocessing}
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
        pruning = {} if self.pruner == "none" else {"pruner": self.pruner}
        return written | {"training": dict(self.training)} | pruning

    def to_yaml(self) -> str:
        return yaml.safe_dump(self.as_written(), sort_keys=False, allow_unicode=True)

    def identity(self, data_sha256: str) -> dict[str, Any]:
        """What decides the trials: two runs that agree here make the same ones, apart from how many."""
        written = self.as_written()
        data = written["data"] | {"sha256": data_sha256}
        del data["dataset"], written["trials"], written["description"]
        # Defaults are part of it, so that a release that changes one does not extend an old study with other trials.
        defaults = TrialConfig.from_parameters({}).parameters()
        return written | {"data": data, "training": defaults | written["training"]}


def find_study(name_or_path: str) -> Path:
    """The file of a study that comes with the project, by name, or of the user's own, by path.

    Raises:
        ConfigError: there is none.
    """
    for candidate in (STUDIES / f"{name_or_path}.yaml", Path(name_or_path).expanduser()):
        if candidate.is_file() and candidate.suffix in (".yaml", ".yml"):
            return candidate
    names = ", ".join(sorted(path.stem for path in STUDIES.glob("*.yaml")))
    raise ConfigError(f"study must be one of {names}, or the path of a .yaml file, got {name_or_path!r}")


def load_settings(
    study: str,
    *,
    name: str | None = None,
    dataset: str | None = None,
    trials: int | None = None,
    seed: int | None = None,
    pruner: str | None = None,
) -> StudySettings:
    """The settings of a study file, with what the command line says instead of it.

    Raises:
        ConfigError: anything in them breaks a rule; the message names it and the value received.
    """
    path = find_study(study)
    try:
        written = yaml.load(path.read_text(encoding="utf-8"), Loader=_StudyLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"a study must be a YAML file, got {str(path)!r}: {' '.join(str(error).split())}") from error
    settings = replace(read_settings(written, name or path.stem), source=study)
    if dataset is not None:
        settings = replace(settings, dataset=dataset)
    elif settings.dataset.endswith(".npz"):
        settings = replace(settings, dataset=str(path.parent / settings.dataset))  # a file's paths start from the file
    if seed is not None:
        settings = replace(settings, seed=_check_count("seed", seed, 0))
    if trials is not None:
        settings = replace(settings, trials=_check_count("trials", trials, 1))
    if pruner is not None:
        settings = replace(settings, pruner=pruner)
    return _checked(settings)


def read_settings(written: Any, name: str) -> StudySettings:
    """The settings that a study file's content describes."""
    if not isinstance(written, Mapping):
        raise ConfigError(f"a study must be a mapping of {', '.join(_KEYS)}, got {written!r}")
    _only_keys("a study", written, _KEYS)
    if not NAME_PATTERN.fullmatch(name):
        raise ConfigError(f"name must be letters, digits, '.', '_' and '-', 100 at most, got {name!r}")
    data = written.get("data") or {}
    if not isinstance(data, Mapping):
        raise ConfigError(f"data must be a mapping of {', '.join(_DATA_KEYS)}, got {data!r}")
    _only_keys("data", data, _DATA_KEYS)
    sampler = written.get("sampler")
    if sampler not in SAMPLERS:
        raise ConfigError(
            f"sampler must be one of {', '.join(SAMPLERS)} (best-of-N estimates need trials that do not look at "
            f"each other), got {sampler!r}"
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
            grid_cells(space)
    training = written.get("training") or {}
    if not isinstance(training, Mapping):
        raise ConfigError(f"training must map parameters to values, got {training!r}")
    fixed = tuple((key, check_parameter(key, value)) for key, value in training.items())
    settings = StudySettings(
        name=name,
        source=name,
        description=str(written.get("description", "")).strip(),
        sampler=sampler,
        trials=0,
        seed=_check_count("seed", written.get("seed", 0), 0),
        dataset=str(data.get("dataset", "digits")),
        validation=_check_validation(data.get("validation", 0.1)),
        preprocessing=str(data.get("preprocessing", "rescale")),
        reduction=check_reduction(data.get("reduction", "none")),
        split_seed=_check_count("split_seed", data["split_seed"], 0) if "split_seed" in data else None,
        space=space,
        configurations=configurations,
        training=fixed,
        pruner=written.get("pruner", "none"),
        folds=_check_count("folds", data.get("folds", 0), 0),
    )
    default_trials = settings.population or 40
    return _checked(replace(settings, trials=_check_count("trials", written.get("trials", default_trials), 1)))


def differences(before: Mapping[str, Any], now: Mapping[str, Any], prefix: str = "") -> list[str]:
    """What changed between two identities, a line each: `training.epochs: 10 -> 20`."""
    lines = []
    for key in sorted(set(before) | set(now)):
        old, new = before.get(key, "(nothing)"), now.get(key, "(nothing)")
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            lines += differences(old, new, f"{prefix}{key}.")
        elif old != new:
            lines.append(f"{prefix}{key}: {_short(old)} -> {_short(new)}")
    return lines


def _checked(settings: StudySettings) -> StudySettings:
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
        raise ConfigError(f"configurations must be a list of one configuration at least, got {written!r}")
    for configuration in written:
        if not isinstance(configuration, Mapping) or not configuration:
            raise ConfigError(f"a configuration must map parameters to values, got {configuration!r}")
    return tuple(tuple((key, check_parameter(key, value)) for key, value in one.items()) for one in written)


def _check_count(name: str, value: Any, low: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ConfigError(f"{name} must be a whole number, {low} or more, got {value!r}")
    return value


def _check_validation(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or value <= 0 or (value >= 1 and value % 1):
        raise ConfigError(f"validation must be a fraction between 0 and 1 or a count of rows, got {value!r}")
    return value


def _only_keys(what: str, written: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    for key in written:
        if key not in allowed:
            raise ConfigError(f"{what} may have {', '.join(allowed)}, got {key!r}")


def _short(value: Any) -> str:
    text = json.dumps(value) if not isinstance(value, str) else value
    return text if len(text) <= 60 else text[:57] + "..."
