"""Outcomes that earlier drivers left in the outbox."""

from pathlib import Path

from models.core.errors import ConfigError
from search.stores import outbox
from search.study.plan import Plan
from search.workers.outcome import Outcome


def take_left(path: Path, plan: Plan) -> Outcome:
    """An outcome of one of the plan's trials, or of a trial that is still to be drawn.

    Raises:
        ConfigError: the file cannot be read, or the outcome is another study's.
    """
    try:
        outcome = outbox.take(path)
    except outbox.UnreadableOutcome as error:
        raise ConfigError(f"{error}; the doctor moves it aside with repair=true, and its trial runs again") from None
    if not (plan.holds(outcome.number, outcome.seed, outcome.config_hash) or awaits(plan, outcome)):
        raise ConfigError(
            f"the outbox must hold results of this study alone; move those of another one away, got {path}"
        )
    return outcome


def awaits(plan: Plan, outcome: Outcome) -> bool:
    """Whether the outcome's trial follows from a trial whose result is missing: the latter trains again first."""
    return (outcome.number, outcome.seed) in plan.undrawn
