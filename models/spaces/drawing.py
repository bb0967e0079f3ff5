"""Random: every value is a pure function of the study's seed, the trial's number and the hyperparameter's name.

Draws are independent of each other, of what other trials asked for, and of the order in which a function asks; so a
plan needs one call a trial, and its beginning stays what it is however far it is drawn.
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
    """What one call of the user's function asked for, and was answered."""

    parameters: Mapping[str, Scalar]
    """By stored name, in the order of the requests."""
    domains: Mapping[str, Domain]
    """What each was drawn from, by the same names."""
    problem: Problem | None = None
    """Why the call gave no network; the parameters are then those of the requests before."""

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

    `known` has, by stored name, the first domain in the trials before (models.spaces.answers), and takes this one's.
    """
    recorder = Recorder(partial(value_of, seed, number), {} if known is None else known)
    seed_randomness(trial_seed(seed, number))
    problem = ask(function, recorder, number, seconds)
    return Drawn(recorder.parameters, recorder.domains, problem)
