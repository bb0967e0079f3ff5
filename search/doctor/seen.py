"""What the doctor sees of a study, and a difference that it finds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.tasks.objective import Objective
from search.stores.optuna_attempts import OptunaAttempt
from search.study.plan import Plan
from search.tracking.child_runs import MlflowAttempt, Unreadable


@dataclass(frozen=True)
class Waiting:
    """An outcome that waits in the outbox."""

    path: Path
    number: int
    attempt: int
    final: bool
    ours: bool
    """Whether the outcome can be read and belongs to a trial of this plan."""
    drawn: bool = True
    """Whether the plan has drawn the trial; without an earlier result of its replicate the plan cannot draw it."""


@dataclass(frozen=True)
class Evidence:
    """The scores that follow from a trial's logged epochs and matrices; None where none follows."""

    score: float | None
    test_score: float | None


@dataclass(frozen=True)
class Seen:
    """A study's plan, outbox and stores, read at one time."""

    plan: Plan
    objective: Objective
    outbox: Sequence[Waiting]
    partial: Sequence[Path]
    staged: Sequence[Path]
    foreign: Sequence[Path]
    attempts: Sequence[OptunaAttempt]
    strangers: Sequence[int]
    children: Sequence[MlflowAttempt]
    unreadable: Sequence[Unreadable]
    evidence: Mapping[str, Evidence]
    """Run ID -> evidence, for trials whose scores differ between the two stores."""
    with_models: frozenset[str]
    parent: str
    parent_status: str
    parent_deleted: bool
    experiment_deleted: bool
    continuations: Sequence[str]
    plan_hashes: Mapping[str, str]
    """Name of a store -> the hash of the plan that the store remembers."""
    stopped_at: int | None = None

    @property
    def finished(self) -> set[int]:
        """The numbers with a final result in some store or in the outbox."""
        final = {child.number for child in self.children if child.final and not child.deleted}
        final |= {each.number for each in self.outbox if each.final and each.ours}
        return final | {attempt.number for attempt in self.attempts if attempt.final}

    @property
    def as_planned(self) -> bool:
        """Whether every trial in Optuna is the plan's trial, so that only a remembered hash can be out of date."""
        return all(self.plan.holds(each.number, each.seed, each.config_hash) for each in self.attempts)

    @property
    def missing(self) -> list[int]:
        """The numbers of the plan that have not finished. An unfinished search is no difference."""
        wanted = self.plan.size if self.stopped_at is None else self.stopped_at
        return [number for number in self.plan.numbers[:wanted] if number not in self.finished]


@dataclass(frozen=True)
class Difference:
    """One thing in which the stores disagree with the plan or with each other."""

    number: int | None
    attempt: int | None
    what: str
    where: str
    cure: str
    """The name of the repair, a key of MENDED in search/doctor/command.py; empty where a person has to repair."""
    run_id: str = ""
    trial: int | None = None
    """Optuna's number of the trial that the cure changes."""
    path: Path | None = None
    state: str = ""
    """The state, with its `reason`, that the cure `end` writes."""
    reason: str = ""
