"""The rows of a plan whose space the user's function defines, in a process that may import Keras (never the driver).

A row follows from the study's seed, its number and the source. The rows before it decide one thing: the stored name of
a hyperparameter that is asked for with two kinds of value. The caller that starts the process fixes PYTHONHASHSEED.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.core.parameters import Scalar
from models.core.seeds import derive_seed, trial_seed
from models.spaces.calling import load_function
from models.spaces.domains import Domain
from models.spaces.drawing import Drawn, draw
from models.spaces.functions import UserFunction
from models.spaces.problems import Problem
from models.spaces.source import Source
from models.spaces.walking import walk


@dataclass(frozen=True)
class PlanRow:
    """A trial of the plan: plain data."""

    number: int
    parameters: Mapping[str, Scalar]
    """By stored name, in the order of the requests."""
    distributions: Mapping[str, Mapping[str, Any]]
    """The domain that each was drawn from, by the same names; models.spaces.domains.Domain.from_json reads one."""
    problem: Problem | None = None
    """The reason why the user's function gave no network with these parameters."""

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> "PlanRow":
        """The row whose dataclasses.asdict is `written`."""
        problem = written["problem"]
        return cls(**{**written, "problem": None if problem is None else Problem(**problem)})


def random_rows(
    source: Source,
    given: Mapping[str, Any],
    seed: int,
    numbers: Iterable[int],
    before: Iterable[PlanRow] = (),
    seconds: float | None = None,
) -> Iterator[PlanRow]:
    """Trials `numbers` of the study, each drawn when the iterator reaches it; `before` has the rows of lower numbers.

    `given` has `input_shape` and `n_outputs`, which functions may ask for. A call that takes more than `seconds` gives
    a row with that problem (in the main thread alone, and only while Python code runs).

    Raises:
        ConfigError: the source could not be loaded, or its function is one of keywords.
    """
    known: dict[str, Domain] = {}
    for row in before:
        for name, written in row.distributions.items():
            known.setdefault(name, Domain.from_json(written))
    for number in numbers:
        function = load_function(source, given, trial_seed(seed, number), seconds)
        yield _row(number, draw(function, seed, number, known, seconds))


def grid_rows(
    source: Source, given: Mapping[str, Any], seed: int, most: int, seconds: float | None = None
) -> list[PlanRow]:
    """Every cell of the conditional grid once, shuffled by the seed, so that the first rows are a random part of it.

    Raises:
        ConfigError: as `random_rows`; a range has no step; or the grid has more than `most` cells.
    """

    def function() -> UserFunction:
        return load_function(source, given, derive_seed(seed, "grid"), seconds)

    cells = list(walk(function, most, seconds))
    order = np.random.default_rng(derive_seed(seed, "plan")).permutation(len(cells))
    return [_row(number, cells[place]) for number, place in enumerate(order)]


def _row(number: int, drawn: Drawn) -> PlanRow:
    return PlanRow(number, dict(drawn.parameters), drawn.distributions, drawn.problem)
