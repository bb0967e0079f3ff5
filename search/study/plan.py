"""The plan: a study's list of trials. A row follows from the study's identity and its number.

In replicated adaptive searches (search.study.replicates) a row follows from finished trials of its replicate as well.
Such a plan holds the trials that can be drawn so far, and the numbers of the trials that cannot.
"""

import csv
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from models.core import names
from models.core.config import Config
from models.core.parameters import Scalar


@dataclass(frozen=True)
class PlannedTrial:
    """A place in the plan. Its seed comes from (study seed, number), never from an attempt."""

    number: int
    parameters: Mapping[str, Scalar]
    """The searched parameters that exist in this trial."""
    config: Config
    seed: int
    asked: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Where the user's function asks for its space: the domain (models.spaces.domains) of each parameter, as JSON."""


@dataclass(frozen=True)
class Plan:
    trials: tuple[PlannedTrial, ...]
    """By number, ascending."""
    searched: tuple[str, ...]
    replicates: int = 0
    """How many adaptive searches the plan consists of: trial `number` is one of replicate `number % replicates`."""
    undrawn: tuple[tuple[int, int], ...] = ()
    """Number and seed of each trial whose configuration follows from trials that are not finished yet."""

    @property
    def size(self) -> int:
        """How many trials the plan has, drawn or not."""
        return len(self.trials) + len(self.undrawn)

    @property
    def numbers(self) -> list[int]:
        """The numbers of all trials, drawn or not, ascending."""
        return sorted([*self._drawn, *(number for number, _ in self.undrawn)])

    def get(self, number: int) -> PlannedTrial | None:
        """The trial of this number; None where the plan has no such trial, or has not drawn it yet."""
        return self._drawn.get(number)

    @cached_property
    def _drawn(self) -> dict[int, PlannedTrial]:
        return {trial.number: trial for trial in self.trials}

    def holds(self, number: int, seed: int | None, config_hash: str) -> bool:
        """Whether the trial of this number is planned with this seed and this configuration."""
        planned = self.get(number)
        return planned is not None and (seed, config_hash) == (planned.seed, planned.config.hash())

    @cached_property
    def csv(self) -> str:
        """number, seed, config_hash, then the searched parameters; blank where a parameter does not exist.

        For adaptive searches only number, replicate and seed: parameters follow from results, and are in trials.csv.
        """
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        if self.replicates:
            writer.writerow(["number", "replicate", "seed"])
            seeds = [(trial.number, trial.seed) for trial in self.trials] + list(self.undrawn)
            writer.writerows((number, number % self.replicates, seed) for number, seed in sorted(seeds))
            return text.getvalue()
        writer.writerow(["number", "seed", names.CONFIG_HASH, *self.searched])
        for trial in self.trials:
            values = [trial.parameters.get(name, "") for name in self.searched]
            writer.writerow([trial.number, trial.seed, trial.config.hash(), *values])
        return text.getvalue()

    @cached_property
    def hash(self) -> str:
        return hashlib.sha256(self.csv.encode()).hexdigest()
