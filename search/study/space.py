"""The domains of the searched parameters, and the conditions under which a parameter exists."""

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from models.core.errors import ConfigError
from models.core.parameters import Scalar

MOST_CELLS = 100_000
"""The most cells of a grid, as a plan can hold them."""


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
    """The parameter exists only where each of these parameters has one of these values."""

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
        """The domain as it is written in a study file."""
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
