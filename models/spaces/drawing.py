"""Random sampling: each value is a pure function of the study's seed, the trial's number and the hyperparameter's name.

Draws depend neither on each other, nor on other trials, nor on the order in which a function asks. So a plan needs one
call a trial, and extending a plan keeps its beginning.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from models.core.parameters import Scalar
from models.core.seeds import derive_seed, trial_seed
from models.spaces.answers import Recorder
from models.spaces.calling import ask, seed_randomness
from models.spaces.domains import Domain
from models.spaces.functions import UserFunction
from models.spaces.problems import Problem


@dataclass(frozen=True)
class Drawn:
    """The requests of one call of the user's function, and the answers."""

    parameters: Mapping[str, Scalar]
    """By stored name, in the order of the requests."""
    domains: Mapping[str, Domain]
    """The domain that each parameter was drawn from, by the same names."""
    problem: Problem | None = None
    """The reason why the call gave no network; the parameters are then those requested before the problem."""

    @property
    def distributions(self) -> dict[str, dict[str, Any]]:
        """The domains as plain JSON."""
        return {name: domain.as_json() for name, domain in self.domains.items()}


def value_of(seed: int, number: int, name: str, domain: Domain) -> Scalar:
    """The value that trial `number` of a study with `seed` has for the hyperparameter `name`."""
    fraction = np.random.default_rng(derive_seed(seed, number, "space", name)).random()
    return domain.at_fraction(float(fraction))


def draw(
    function: UserFunction,
    seed: int,
    number: int,
    known: dict[str, Domain] | None = None,
    seconds: float | None = None,
) -> Drawn:
    """Trial `number` of a study with `seed`, by one call of the function.

    `known` has, by stored name, the first domain in the trials before (models.spaces.answers); this trial's are added.
    """
    recorder = Recorder(partial(value_of, seed, number), {} if known is None else known)
    seed_randomness(trial_seed(seed, number))
    problem = ask(function, recorder, number, seconds)
    return Drawn(recorder.parameters, recorder.domains, problem)
