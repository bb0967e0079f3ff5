"""The options of a search, checked. The text `default` leaves a value to the study file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from analysis.command_line.options import flag, said
from models.core.errors import ConfigError, shown
from models.core.suggestions import did_you_mean
from search.command_line.described import DATA_OPTIONS, SEARCH, parser_of
from search.driver.keeping import ModelPolicy
from search.driver.limits import Limits
from search.stores.paths import placed
from search.study.settings import MOST, SAMPLERS

_DEFAULTS = {option.name: option.default for option in SEARCH}


@dataclass(frozen=True)
class Options:
    """The command line, checked as far as possible without the study and the data."""

    study: str
    data: dict[str, str]
    """The given options of DATA_OPTIONS, fields of models.data.sources.Source."""
    trials: int | None
    workers: int | None
    """None: as many workers as this machine has room for."""
    seed: int | None
    scheduler: str | None
    models: ModelPolicy
    storage: str
    name: str | None
    sampler: str | None
    ui_url: str | None
    stop_when_gain_below: float | None
    pruner: str | None
    network: str | None
    objective: str | None
    class_weight: str | None
    limits: Limits
    dry_run: bool
    given: dict[str, str]
    """The options that differ from their defaults, as they were typed, for commands that are suggested."""


def read_options(arguments: list[str]) -> Options:
    """The options that the command line gives.

    Raises:
        ConfigError: an option is unknown or breaks a rule.
    """
    return options_of(parser_of("").read(arguments))


def options_of(values: Mapping[str, str]) -> Options:
    """The options of a search from `values` by name; options that are not among `values` have their defaults.

    Raises:
        ConfigError: an option breaks a rule.
    """
    given = _DEFAULTS | {name: text for name, text in values.items() if name in _DEFAULTS}
    return Options(
        study=given["study"],
        data={each.name: text for each in DATA_OPTIONS if (text := said(given, each.name)) is not None},
        trials=_count(given, "trials", 1),
        workers=_workers(given["workers"]),
        seed=_count(given, "seed", 0),
        scheduler=said(given, "scheduler"),
        models=ModelPolicy.read(given["models"]),
        storage=placed(given["storage"]),
        name=said(given, "name"),
        sampler=_sampler(said(given, "sampler")),
        ui_url=said(given, "ui_url"),
        stop_when_gain_below=_number(given, "stop_when_gain_below"),
        pruner=said(given, "pruner"),
        network=said(given, "network"),
        objective=said(given, "objective"),
        class_weight=said(given, "class_weight"),
        limits=Limits(
            **{name: seconds for name in ("trial_timeout", "timeout") if (seconds := _number(given, name)) is not None}
        ),
        dry_run=flag("dry_run", given["dry_run"]),
        given={name: text for name, text in given.items() if text != _DEFAULTS[name]},
    )


def whole_number(name: str, text: str, low: int, high: int = MOST) -> int:
    """The whole number in `text`.

    Raises:
        ConfigError: the text is no whole number from `low` to `high`.
    """
    if not re.fullmatch(r"-?[0-9]{1,19}", text, re.ASCII) or not low <= int(text) <= high:
        span = f"{low} or more" if high == MOST else f"{low} to {high}"
        raise ConfigError(f"{name} must be a whole number, {span}, got {shown(text)}")
    return int(text)


def _workers(text: str) -> int | None:
    if text == "auto":
        return None
    try:
        return whole_number("workers", text, 0)
    except ConfigError:
        raise ConfigError(f"workers must be auto or a whole number, 0 or more, got {shown(text)}") from None


def _count(given: Mapping[str, str], name: str, low: int) -> int | None:
    text = said(given, name)
    return None if text is None else whole_number(name, text, low)


def _number(given: Mapping[str, str], name: str) -> float | None:
    text = said(given, name)
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        raise ConfigError(f"{name} must be a number, got {shown(text)}") from None


def _sampler(text: str | None) -> str | None:
    if text is not None and text not in SAMPLERS:
        near = did_you_mean(text, SAMPLERS)
        raise ConfigError(f"sampler must be one of {', '.join(SAMPLERS)}, got {shown(text)}{near}")
    return text
