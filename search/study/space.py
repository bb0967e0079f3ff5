"""What a study searches: a domain for each parameter, and which of them exist under which choice."""

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from models.core.errors import ConfigError, shown
from models.core.parameters import PARAMETERS, Scalar, check_parameter

MOST_CELLS = 100_000
"""Of a grid: what a plan can hold."""
RANGE_KEYS = ("low", "high", "step", "log", "when")


@dataclass(frozen=True)
class Domain:
    """The values that one parameter may take: `choices`, or a range from `low` to `high`, both ends included."""

    name: str
    choices: tuple[Scalar, ...] = ()
    low: float = 0
    high: float = 0
    step: float | None = None
    log: bool = False
    integer: bool = False
    when: tuple[tuple[str, tuple[Scalar, ...]], ...] = ()
    """Exists only where each of these parameters has one of these values."""

    def exists(self, chosen: Mapping[str, Scalar]) -> bool:
        return all(name in chosen and chosen[name] in allowed for name, allowed in self.when)

    def points(self) -> tuple[Scalar, ...]:
        """Every value, for a grid.

        Raises:
            ConfigError: the domain is a range without a step, which has no finite number of points.
        """
        if self.choices:
            return self.choices
        if self.step is None:
            raise ConfigError(f"a grid needs choices or a step for every range, got {self.name} {self}")
        if self.count > MOST_CELLS:
            raise ConfigError(f"a grid may have {MOST_CELLS:,} cells, got {self.count:,} values of {self.name} alone")
        return tuple(self._value(place) for place in range(self.count))

    @property
    def count(self) -> int:
        """How many values a range with a step has."""
        assert self.step is not None
        return math.floor((self.high - self.low) / self.step + 1e-9) + 1

    @property
    def last(self) -> Scalar:
        """The highest value that the steps of a range reach."""
        return self._value(self.count - 1)

    def _value(self, place: int) -> Scalar:
        assert self.step is not None
        value = self.low + place * self.step
        return int(value) if self.integer else round(value, 12)

    def __str__(self) -> str:
        if self.choices:
            return str(list(self.choices))
        extra = ", log" if self.log else f", step {self.step:g}" if self.step is not None else ""
        return f"{self.low:g} to {self.high:g}{extra}"

    def as_written(self) -> dict[str, Any]:
        """The domain as a study file says it."""
        if self.choices:
            written: dict[str, Any] = {"choices": list(self.choices)}
        else:
            cast = int if self.integer else float
            written = {"low": cast(self.low), "high": cast(self.high)}
            written |= {"step": cast(self.step)} if self.step is not None else {}
            written |= {"log": True} if self.log else {}
        if self.when:
            written["when"] = {name: list(values) for name, values in self.when}
        return written


Check = Callable[[str, Any], Scalar]
"""From a parameter's name and a value to that value in its own type; raises ConfigError where it is none."""


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
        unknown = set(written) - {"choices", "when"}
        if unknown:
            raise ConfigError(f"space.{name} has choices, so only `when` may stand beside them, got {sorted(unknown)}")
        return Domain(name, choices=_read_choices(name, written["choices"], check), when=when)
    unknown = set(written) - set(RANGE_KEYS)
    if unknown or "low" not in written or "high" not in written:
        raise ConfigError(
            f"space.{name} must have choices, or low and high with step, log and when if wanted, got "
            f"{shown(dict(written))}"
        )
    low, high = check(name, written["low"]), check(name, written["high"])
    if isinstance(low, str | bool) or isinstance(high, str | bool):
        raise ConfigError(f"space.{name} must be a list of choices: its values are words, got {shown(dict(written))}")
    integer = isinstance(low, int) and isinstance(high, int)
    log, step = written.get("log", False), written.get("step", 1 if integer and not written.get("log") else None)
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


def _read_when(
    name: str, written: Any, before: Mapping[str, Domain], check: Check
) -> tuple[tuple[str, tuple[Scalar, ...]], ...]:
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


def grid_cells(space: tuple[Domain, ...]) -> list[dict[str, Scalar]]:
    """Every cell of the grid: parameters under a condition vary only where they exist.

    Raises:
        ConfigError: a domain is a range without a step, or there are more than MOST_CELLS cells.
    """
    cells = list(itertools.islice(_walk(space, {}), MOST_CELLS + 1))
    if len(cells) > MOST_CELLS:
        raise ConfigError(f"a grid may have {MOST_CELLS:,} cells, got more from {', '.join(d.name for d in space)}")
    return cells


def _walk(space: tuple[Domain, ...], chosen: dict[str, Scalar]) -> Iterator[dict[str, Scalar]]:
    if not space:
        yield chosen
        return
    first, *rest = space
    values: tuple[Scalar | None, ...] = first.points() if first.exists(chosen) else (None,)
    yield from itertools.chain.from_iterable(
        _walk(tuple(rest), chosen if value is None else chosen | {first.name: value}) for value in values
    )
