"""Plans that grow while their trials run, as the driver uses them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from models.core.errors import ConfigError
from search.study.plan import Plan, PlannedTrial


@dataclass(frozen=True)
class TrialEnd:
    """How a trial ended for good: all that the rest of a plan may follow from."""

    state: str
    """complete, failed or pruned."""
    score: float | None
    """The trial's value of the objective; None where the trial has no value."""


class Growing(Protocol):
    """The rest of a plan: drawn in a process of its own (search.tracking.growth), or from results (replicates)."""

    @property
    def total(self) -> int:
        """The number of trials of the whole plan."""

    @property
    def announced(self) -> bool:
        """Whether the stores hold the plan's full extent from the start, so that `record` writes nothing."""

    def told(self, number: int, result: TrialEnd) -> None:
        """Records how a trial ended, before `drawn` is called again."""

    def drawn(self) -> Plan | None:
        """The plan with more trials than before; None where no further trial is drawn yet.

        Raises:
            ConfigError: the trials cannot be drawn.
        """

    def record(self, plan: Plan) -> None:
        """Writes into both stores how far the plan goes, if they lack it; raises the stores' own errors."""


class PlanSoFar:
    """A plan as far as it is drawn, and `growth`, which draws the rest; None: the plan is whole."""

    def __init__(self, plan: Plan, growth: Growing | None) -> None:
        self.plan, self._growth = plan, growth
        self.refused = ""
        """The reason why the rest cannot be drawn; empty: there is none."""
        self._drawn: Plan | None = None

    @property
    def whole(self) -> bool:
        return self._growth is None

    @property
    def wanted(self) -> int:
        """The number of trials of the plan, drawn or not."""
        return self.plan.size if self._growth is None else self._growth.total

    def tell(self, number: int, result: TrialEnd) -> None:
        if self._growth is not None:
            self._growth.told(number, result)

    def grow(self, through: Callable[[Callable[[], None]], bool]) -> list[PlannedTrial]:
        """The newly drawn trials, once `through` has recorded them in the stores; no trial runs before its record."""
        if self._growth is None:
            return []
        try:
            plan = self._drawn = self._growth.drawn() or self._drawn
        except ConfigError as error:
            self.refused = str(error)
            return []
        if plan is None or not (self._growth.announced or through(partial(self._growth.record, plan))):
            return []
        new = [trial for trial in plan.trials if self.plan.get(trial.number) is None]
        self.plan, self._drawn = plan, None
        if len(plan.trials) == self._growth.total:
            self._growth = None
        return new
