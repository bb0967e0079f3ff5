"""A plan that grows while its trials run: what the driver asks of one."""

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
    """The objective; None where the trial has none."""


class Growing(Protocol):
    """The rest of a plan: drawn in a process of its own (search.tracking.growth), or from results (replicates)."""

    @property
    def total(self) -> int:
        """Trials that the whole plan has."""

    @property
    def announced(self) -> bool:
        """Whether the stores know from the start all that they are to know of the plan: `record` writes nothing."""

    def told(self, number: int, result: TrialEnd) -> None:
        """Hears how a trial ended, before `drawn` is asked again."""

    def drawn(self) -> Plan | None:
        """The plan with more trials than before; None where there are none yet.

        Raises:
            ConfigError: they cannot be drawn.
        """

    def record(self, plan: Plan) -> None:
        """Lets both stores know how far the plan goes, where they do not yet; raises as they do."""


class PlanSoFar:
    """A plan as far as it is drawn, and what draws the rest; `growth` is None where nothing is left to draw."""

    def __init__(self, plan: Plan, growth: Growing | None) -> None:
        self.plan, self._growth = plan, growth
        self.refused = ""
        """Why the rest cannot be drawn."""
        self._drawn: Plan | None = None

    @property
    def whole(self) -> bool:
        return self._growth is None

    @property
    def wanted(self) -> int:
        """How many trials the plan has, those included that are still to be drawn."""
        return self.plan.size if self._growth is None else self._growth.total

    def tell(self, number: int, result: TrialEnd) -> None:
        if self._growth is not None:
            self._growth.told(number, result)

    def grow(self, through: Callable[[Callable[[], None]], bool]) -> list[PlannedTrial]:
        """The trials that are drawn since, once `through` has let the stores know of them: none runs before that."""
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
