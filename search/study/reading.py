"""What a study file's content says, read and checked key by key: the settings of a study."""

import math
import re
from collections.abc import Mapping
from typing import Any

from models.core.config import TRAINING
from models.core.errors import ConfigError, shown
from models.core.parameters import MONITORS, Scalar, check_parameter
from models.core.runtime import DEVICES
from models.core.suggestions import check_word, did_you_mean, no_such
from models.data.reduction import check_reduction
from models.data.sources import Source
from models.data.splits import CLASS_WEIGHTS
from models.spaces.domains import plain
from models.spaces.naming import stored_name
from search.study.settings import (
    MOST_SEED,
    MOST_TRIALS,
    REPLICATES,
    SAMPLERS,
    SOURCE_KEYS,
    StudySettings,
    check_count,
    checked,
    default_preprocessing,
)
from search.study.space import Check, Domain, grid_cells, read_space

_KEYS = (
    "description", "data", "task", "objective", "network", "callbacks", "deterministic", "device", "sampler",
    "replicates", "trials", "seed", "space", "configurations", "training", "pruner", "targets",
)  # fmt: skip
_DATA_KEYS = (*SOURCE_KEYS, "validation", "folds", "preprocessing", "reduction", "split_seed", "class_weight")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def read_settings(written: Any, name: str) -> StudySettings:
    """The settings that a study file's content describes."""
    if not isinstance(written, Mapping):
        raise ConfigError(f"a study must be a mapping of {', '.join(_KEYS)}, got {shown(written)}")
    _only_keys("a study", written, _KEYS)
    if not _NAME.fullmatch(name):
        raise ConfigError(f"name must be letters, digits, '.', '_' and '-', 100 at most, got {shown(name)}")
    data = written.get("data") or {}
    if not isinstance(data, Mapping):
        raise ConfigError(f"data must be a mapping of {', '.join(_DATA_KEYS)}, got {shown(data)}")
    _only_keys("data", data, _DATA_KEYS)
    sampler = written.get("sampler", "random")
    if sampler not in SAMPLERS:
        raise ConfigError(
            f"sampler must be one of {', '.join(SAMPLERS)}, got {shown(sampler)}{did_you_mean(sampler, SAMPLERS)}"
        )
    if "replicates" in written and sampler != "tpe":
        raise ConfigError(f"replicates belong to the sampler tpe, got them with sampler {sampler!r}")
    network = written.get("network", "mlp")
    if not isinstance(network, str) or not network:
        raise ConfigError(f"network must be mlp or FILE.py:NAME, got {shown(network)}")
    network = "" if network == "mlp" else network
    callbacks = written.get("callbacks", "")
    if not isinstance(callbacks, str):
        raise ConfigError(f"callbacks must be FILE.py:NAME, got {shown(callbacks)}")
    deterministic = written.get("deterministic", True)
    if not isinstance(deterministic, bool):
        raise ConfigError(f"deterministic must be true or false, got {shown(deterministic)}")
    check = _own_value if network else check_parameter
    space: tuple[Domain, ...] = ()
    configurations: tuple[tuple[tuple[str, Scalar], ...], ...] = ()
    if sampler == "list":
        if "space" in written:
            raise ConfigError("a list study has configurations and no space, got both")
        configurations = _read_configurations(written.get("configurations"), check)
    else:
        if "configurations" in written:
            raise ConfigError(f"configurations belong to the sampler list, got them with sampler {sampler!r}")
        space = () if network and "space" not in written else read_space(written.get("space"), check)
        if sampler == "grid" and space:
            grid_cells(space)  # so that a space that is no grid is told before its parameters
    training = written.get("training") or {}
    if not isinstance(training, Mapping):
        raise ConfigError(f"training must map parameters to values, got {shown(training)}")
    fixed = tuple((key, check(key, value)) for key, value in training.items())
    said = {key: data[key] for key in SOURCE_KEYS if key in data}
    said |= {"task": written["task"]} if "task" in written else {}
    source_of_data = Source.read({"dataset": "digits"} | said)
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
        network=network,
        callbacks=callbacks,
        deterministic=deterministic,
        device=check_word("device", written.get("device", "cpu"), DEVICES),
        training=fixed,
        pruner=written.get("pruner", "none"),
        targets=_read_targets(written.get("targets", [])),
        folds=check_count("folds", data.get("folds", 0), 0),
        objective=check_objective(written.get("objective", "")),
        class_weight=check_word("class_weight", data.get("class_weight", "none"), CLASS_WEIGHTS) or "none",
        replicates=check_count("replicates", written.get("replicates", REPLICATES), 1) if sampler == "tpe" else 0,
    )
    if network and sampler == "grid" and not space and "trials" not in written:
        return checked(settings)  # all cells, once the function has been asked how many there are
    trials = written.get("trials", settings.population or 40)
    return checked(settings.with_trials_each(check_count("trials", trials, 1, MOST_TRIALS)))


def _own_value(name: str, value: Any) -> Scalar:
    """A value for a keyword of the user's function, or for the training of its network."""
    if name not in TRAINING:
        stored_name(name, ())  # refuses the project's own names
    return plain(name, value)


def _read_configurations(written: Any, check: Check) -> tuple[tuple[tuple[str, Scalar], ...], ...]:
    if not isinstance(written, list) or not written:
        raise ConfigError(f"configurations must be a list of one configuration at least, got {shown(written)}")
    for configuration in written:
        if not isinstance(configuration, Mapping) or not configuration:
            raise ConfigError(f"a configuration must map parameters to values, got {shown(configuration)}")
    return tuple(tuple((key, check(key, value)) for key, value in one.items()) for one in written)


def _read_targets(written: Any) -> tuple[float, ...]:
    listed = written if isinstance(written, list) else [written]
    for value in listed:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ConfigError(f"targets must be numbers, got {shown(value)}")
    return tuple(sorted({float(value) for value in listed}))


def check_objective(written: Any) -> str:
    """A metric of the validation part, or empty; `objective_of` knows which ones the data's task has."""
    return check_word("objective", written, MONITORS)


def _check_validation(value: Any) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not number or value <= 0 or (value >= 1 and value % 1):
        raise ConfigError(f"validation must be a fraction between 0 and 1 or a count of rows, got {shown(value)}")
    return value


def _only_keys(what: str, written: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    for key in written:
        if key not in allowed:
            raise ConfigError(no_such(key, f"key of {what}", allowed))
