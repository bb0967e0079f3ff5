"""A study's settings from the content of its study file."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from models.core.config import TRAINING
from models.core.errors import ConfigError, shown
from models.core.parameters import PARAMETERS, Scalar, check_parameter
from models.data.sources import Source
from models.spaces.domains import plain
from models.spaces.naming import stored_name
from search.study.keys import Choices, Range, StudyKeys, checked_keys
from search.study.settings import MOST_TRIALS, StudySettings, check_count, checked, default_preprocessing
from search.study.space import Domain, grid_cells

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
TRIALS = 40
"""Of a study that says no number and has no end of configurations."""

Check = Callable[[str, Any], Scalar]
"""From a parameter's name and a value to that value in its own type; raises ConfigError where it breaks a rule."""
Conditions = tuple[tuple[str, tuple[Scalar, ...]], ...]
"""As Domain.when."""


def read_settings(written: Any, name: str) -> StudySettings:
    """The settings that a study file's content describes, under this name.

    Raises:
        ConfigError: the content, or the name, breaks a rule.
    """
    if not isinstance(written, Mapping):
        raise ConfigError(f"a study must be a mapping of {', '.join(StudyKeys.model_fields)}, got {shown(written)}")
    if not _NAME.fullmatch(name):
        raise ConfigError(f"name must be letters, digits, '.', '_' and '-', 100 at most, got {shown(name)}")
    said = checked_keys(StudyKeys, written, "a study")
    check, source = _own_value if said.network else check_parameter, Source.read(said.source)
    settings = StudySettings(
        name=name,
        description=said.description,
        sampler=said.sampler,
        trials=0,  # once the population is known
        seed=said.seed,
        dataset=source.to_text(),
        validation=said.data.validation,
        preprocessing=said.data.preprocessing or default_preprocessing(source),
        reduction=said.data.reduction,
        split_seed=said.data.split_seed,
        space=_space_of(said, check),
        configurations=read_configurations(said.configurations, check) if said.sampler == "list" else (),
        network=said.network,
        callbacks=said.callbacks,
        deterministic=said.deterministic,
        device=said.device,
        training=tuple((key, check(key, value)) for key, value in said.training.items()),
        pruner=said.pruner,
        targets=said.targets,
        folds=said.data.folds,
        objective=said.objective,
        class_weight=said.data.class_weight,
        replicates=said.replicates if said.sampler == "tpe" else 0,
    )
    if said.network and said.sampler == "grid" and not settings.space and said.trials is None:
        return checked(settings)  # all cells, once the function has been asked how many there are
    trials = check_count("trials", said.trials or settings.population or TRIALS, 1, MOST_TRIALS)
    return checked(settings.with_trials_each(trials))


def _space_of(said: StudyKeys, check: Check) -> tuple[Domain, ...]:
    if said.sampler == "list" or (said.network and "space" not in said.model_fields_set):
        return ()
    space = read_space(said.space, check)
    if said.sampler == "grid":
        grid_cells(space)  # so that a space that is no grid is refused before its parameters
    return space


def _own_value(name: str, value: Any) -> Scalar:
    """A value for a keyword of the user's function, or for the training of its network."""
    if name not in TRAINING:
        stored_name(name, ())  # refuses the project's own names
    return plain(name, value)


def read_configurations(written: Any, check: Check) -> tuple[tuple[tuple[str, Scalar], ...], ...]:
    """The `configurations` of a list study."""
    if not isinstance(written, list) or not written:
        raise ConfigError(f"configurations must be a list of one configuration at least, got {shown(written)}")
    for configuration in written:
        if not isinstance(configuration, Mapping) or not configuration:
            raise ConfigError(f"a configuration must map parameters to values, got {shown(configuration)}")
    return tuple(tuple((key, check(key, value)) for key, value in one.items()) for one in written)


def read_space(written: Any, check: Check = check_parameter) -> tuple[Domain, ...]:
    """The `space` of a study file.

    Raises:
        ConfigError: a domain is empty, out of its parameter's range, or refers to a parameter that is not searched.
    """
    if not isinstance(written, Mapping) or not written:
        raise ConfigError(f"space must name the parameters to search, one at least, got {shown(written)}")
    domains: dict[str, Domain] = {}
    for name, value in written.items():
        if check is check_parameter and name not in PARAMETERS:
            check_parameter(name, value)
        domains[name] = _read_domain(name, value, domains, check)
    return tuple(domains.values())


def _read_domain(name: str, written: Any, before: Mapping[str, Domain], check: Check) -> Domain:
    if isinstance(written, list):
        written = {"choices": written}
    if not isinstance(written, Mapping):
        raise ConfigError(f"space.{name} must be a list of choices or a range with low and high, got {shown(written)}")
    when = _read_when(name, written.get("when", {}), before, check)
    if "choices" in written:
        unknown = set(written) - set(Choices.model_fields)
        if unknown:
            raise ConfigError(f"space.{name} has choices, so only `when` may stand beside them, got {sorted(unknown)}")
        return Domain(name, choices=_read_choices(name, written["choices"], check), when=when)
    if set(written) - set(Range.model_fields) or not {"low", "high"} <= set(written):
        raise ConfigError(
            f"space.{name} must have choices, or low and high with step, log and when if wanted, got "
            f"{shown(dict(written))}"
        )
    return _read_range(name, checked_keys(Range, written, f"space.{name}"), when, check)


def _read_range(name: str, written: Range, when: Conditions, check: Check) -> Domain:
    said = written.model_dump(include=written.model_fields_set)
    low, high = check(name, written.low), check(name, written.high)
    if isinstance(low, str | bool) or isinstance(high, str | bool):
        raise ConfigError(f"space.{name} must be a list of choices: its values are words, got {shown(said)}")
    integer = isinstance(low, int) and isinstance(high, int)
    log, step = written.log, written.step
    if "step" not in said:
        step = 1 if integer and not log else None
    if not isinstance(log, bool):
        raise ConfigError(f"space.{name}.log must be true or false, got {shown(log)}")
    if not low < high:
        raise ConfigError(f"space.{name} must have low below high, got {low} and {high}")
    if log and low <= 0:
        raise ConfigError(f"space.{name} is a log range, whose low must be above 0, got {low}")
    if step is not None:
        if log:
            raise ConfigError(f"space.{name} must have either log or step, got both")
        if isinstance(step, bool) or not isinstance(step, int | float) or not step > 0 or (integer and step % 1):
            whole = " and whole" if integer else ""
            raise ConfigError(f"space.{name}.step must be a number above 0{whole}, got {shown(step)}")
        # The last value that a step reaches.
        high = float(Domain(name, low=low, high=high, step=step, integer=integer).last)
        if high == low:
            raise ConfigError(f"space.{name}.step must fit between low and high, got {shown(step)}")
    return Domain(name, low=low, high=high, step=step, log=log, integer=integer, when=when)


def _read_choices(name: str, written: Any, check: Check) -> tuple[Scalar, ...]:
    if not isinstance(written, list) or not written:
        raise ConfigError(f"space.{name} must have one choice at least, got {shown(written)}")
    choices = tuple(check(name, value) for value in written)
    if len(set(choices)) != len(choices):
        raise ConfigError(f"space.{name} must name each choice once, got {shown(written)}")
    return choices


def _read_when(name: str, written: Any, before: Mapping[str, Domain], check: Check) -> Conditions:
    if not isinstance(written, Mapping):
        raise ConfigError(f"space.{name}.when must map a parameter to its choices, got {shown(written)}")
    when = []
    for other, values in written.items():
        if other not in before or not before[other].choices:
            raise ConfigError(f"space.{name}.when must refer to a parameter with choices above it, got {shown(other)}")
        listed = _read_choices(other, values if isinstance(values, list) else [values], check)
        strange = [value for value in listed if value not in before[other].choices]
        if strange:
            raise ConfigError(f"space.{name}.when must name choices of {other}, {before[other]}, got {strange}")
        when.append((other, listed))
    return tuple(when)
