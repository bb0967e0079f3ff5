"""Plan, outbox, Optuna and MLflow of one study side by side: every difference, and what mends it.

The outbox is the commit point, so what lies there goes first. Then MLflow is followed: it holds the whole record of a
trial, of which Optuna has a summary. A result that is in neither any more is marked as lost, and its number runs again.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.core import states
from models.core.states import STATES
from models.tasks.objective import Objective
from search.stores.optuna_attempts import Attempt
from search.study.plan import Plan, PlannedTrial
from search.tracking.child_runs import Child, Unreadable


@dataclass(frozen=True)
class Waiting:
    """An outcome in the outbox."""

    path: Path
    number: int
    attempt: int
    final: bool
    ours: bool
    """Whether it is one of this plan's trials, and can be read."""
    drawn: bool = True
    """False of a trial that follows from one whose result is missing."""


@dataclass(frozen=True)
class Evidence:
    """What a trial's own epochs and matrices say that it scored; None where they say nothing."""

    score: float | None
    test_score: float | None


@dataclass(frozen=True)
class Seen:
    """What there is of a study, as read at one time."""

    plan: Plan
    objective: Objective
    outbox: Sequence[Waiting]
    partial: Sequence[Path]
    staged: Sequence[Path]
    foreign: Sequence[Path]
    attempts: Sequence[Attempt]
    strangers: Sequence[int]
    children: Sequence[Child]
    unreadable: Sequence[Unreadable]
    evidence: Mapping[str, Evidence]
    """By run ID, for trials whose scores the two stores tell differently."""
    with_models: frozenset[str]
    parent: str
    parent_status: str
    parent_deleted: bool
    experiment_deleted: bool
    continuations: Sequence[str]
    plan_hashes: Mapping[str, str]
    """Of the plan as each store remembers it, by the store's name."""
    stopped_at: int | None = None

    @property
    def finished(self) -> set[int]:
        """The numbers that some store, or the outbox, has to their end."""
        final = {child.number for child in self.children if child.final and not child.deleted}
        final |= {each.number for each in self.outbox if each.final and each.ours}
        return final | {attempt.number for attempt in self.attempts if attempt.final}

    @property
    def as_planned(self) -> bool:
        """Whether every trial so far is the plan's, so that it is the hash alone that is out of date."""
        return all(self.plan.holds(each.number, each.seed, each.config_hash) for each in self.attempts)

    @property
    def missing(self) -> list[int]:
        """The numbers of the plan that have not finished: no difference, the search only has not ended."""
        wanted = self.plan.size if self.stopped_at is None else self.stopped_at
        return [number for number in self.plan.numbers[:wanted] if number not in self.finished]


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it must be."""

    number: int | None
    attempt: int | None
    what: str
    where: str
    cure: str
    """What mends it, by the names of search/doctor/command.py; empty where a person has to."""
    run_id: str = ""
    trial: int | None = None
    """Optuna's number of the trial that the cure is about."""
    path: Path | None = None
    state: str = ""
    """With `reason`: how the cure has it end."""
    reason: str = ""


_FOLLOWS = "follows from a trial of its replicate whose result is missing"


def compare(seen: Seen) -> list[Difference]:
    """Every difference, the study's own first, then by number and attempt."""
    if seen.experiment_deleted:  # with all that is in it: what else there is shows once it is back
        what = "the study's experiment is in MLflow's trash"
        return [Difference(None, None, what, "MLflow", "restore experiment"), *_of_the_outbox(seen)]
    found = [*_of_the_study(seen), *_of_unreadable_runs(seen), *_of_the_outbox(seen)]
    attempts, children = defaultdict(list), defaultdict(list)
    for attempt in seen.attempts:
        attempts[attempt.number, attempt.attempt].append(attempt)
    for child in seen.children:
        children[child.number, child.attempt].append(child)
    told = {(one.number, one.attempt) for one in seen.attempts if one.state != states.RUNNING}
    waiting = {(each.number, each.attempt) for each in seen.outbox if each.ours} - told
    ended: set[int] = set()
    for key in sorted(attempts.keys() | children.keys() | waiting):
        number = key[0]
        planned = seen.plan.get(number)
        if planned is None:
            where = " and ".join(name for name, of in (("Optuna", attempts), ("MLflow", children)) if of[key])
            if number >= seen.plan.size:
                found.append(Difference(*key, f"not in the plan of {seen.plan.size} trials", where, ""))
            elif where:
                found.append(Difference(*key, _FOLLOWS, where, "search"))
        elif number in ended:
            found += _superfluous(attempts[key], [child for child in children[key] if not child.deleted])
        else:
            own = list(_of_one_attempt(seen, planned, attempts[key], children[key], key in waiting))
            found += own
            if not any(each.cure in ("lose", "remake", "restore") for each in own) and (
                any(attempt.final for attempt in attempts[key])
                or any(child.final and not child.deleted for child in children[key])
            ):
                ended.add(number)
    return found


def _of_the_study(seen: Seen) -> Iterable[Difference]:
    if seen.parent_deleted:
        yield Difference(None, None, "the parent run is in MLflow's trash", "MLflow", "restore", seen.parent)
    elif seen.parent_status == "RUNNING":
        yield Difference(None, None, "the parent run is running without a driver", "MLflow", "stop", seen.parent)
    for run_id in seen.continuations:
        what = f"run {run_id[:8]} only continued the study, and is running without a driver"
        yield Difference(None, None, what, "MLflow", "close", run_id)
    for where, plan_hash in seen.plan_hashes.items():
        if plan_hash != seen.plan.hash:
            yield Difference(None, None, "another plan's hash", where, "note" if seen.as_planned else "")
    for trial in seen.strangers:
        yield Difference(None, None, f"Optuna's trial {trial} is none of the plan's", "Optuna", "set aside", "", trial)


def _of_unreadable_runs(seen: Seen) -> Iterable[Difference]:
    linked = {attempt.run_id: attempt for attempt in seen.attempts if attempt.run_id}
    for run in seen.unreadable:
        known = linked.get(run.run_id)
        if known is None:
            yield Difference(None, None, run.why, "MLflow", "")
        else:
            yield Difference(known.number, known.attempt, run.why, "MLflow", "retag", run.run_id, known.trial)


def _of_the_outbox(seen: Seen) -> Iterable[Difference]:
    over = {(one.number, one.attempt) for one in seen.attempts if one.state != states.RUNNING}
    for each in seen.outbox:
        if each.ours and (each.number, each.attempt) in over:
            what = "superseded: the stores have this attempt's end"
            yield Difference(each.number, each.attempt, what, "outbox", "drop", path=each.path)
        elif each.ours and not each.drawn:
            yield Difference(each.number, each.attempt, f"finished; {_FOLLOWS}", "outbox", "search", path=each.path)
        elif each.ours:
            yield Difference(each.number, each.attempt, "finished, not delivered", "outbox", "deliver", path=each.path)
        else:
            what = f"{each.path.name} is no result of this study's, or cannot be read"
            yield Difference(None, None, what, "outbox", "move", path=each.path)
    for path in seen.foreign:
        what = f"{path.name} is no file of the search's"
        yield Difference(None, None, what, "outbox", "move", path=path)
    for path in seen.partial:
        yield Difference(None, None, f"{path.name} was never finished", "outbox", "remove", path=path)
    for path in seen.staged:
        yield Difference(None, None, f"the model of {path.stem} waits to be logged", "outbox", "deliver", path=path)


def _of_one_attempt(
    seen: Seen, planned: PlannedTrial, attempts: Sequence[Attempt], children: Sequence[Child], waits: bool
) -> Iterable[Difference]:
    """Where the two stores disagree about one attempt; while its result waits in the outbox, only what is twice."""
    alive = [child for child in children if not child.deleted]
    linked = {attempt.run_id for attempt in attempts}
    child = min(alive, key=lambda each: (not each.final, not each.ended, each.run_id not in linked), default=None)
    at = child.run_id if child is not None else ""
    attempt = min(
        attempts, key=lambda each: (not each.final, each.state == states.RUNNING, each.run_id != at), default=None
    )
    found = _superfluous(
        [each for each in attempts if each is not attempt], [each for each in alive if each is not child], "a duplicate"
    )
    if waits:
        return found
    trash = next((each for each in children if each.deleted and each.run_id in linked), None)
    if child is None:
        return [*found, *_without_run(attempt, trash)]
    own = planned.seed, planned.config.hash()
    if attempt is not None and (attempt.seed, attempt.config_hash) != own:
        return [*found, _not_as_planned(attempt, "Optuna", "")]
    if (child.seed, child.config_hash) != own:
        retag = attempt is not None and attempt.run_id == child.run_id
        return [*found, _not_as_planned(child, "MLflow", "retag" if retag else "", attempt if retag else None)]
    found += _between(attempt, child, seen.evidence.get(child.run_id), seen.objective)
    complete = child.final and child.state == states.COMPLETE
    if complete and child.models == "all" and child.run_id not in seen.with_models:
        found.append(Difference(child.number, child.attempt, "its model is missing", "MLflow", "model", child.run_id))
    return found


def _not_as_planned(one: Attempt | Child, where: str, cure: str, known: Attempt | None = None) -> Difference:
    what = f"seed {one.seed} or configuration {one.config_hash} is not the planned one"
    trial = None if known is None else known.trial
    return Difference(one.number, one.attempt, what, where, cure, one.run_id, trial)


def _without_run(attempt: Attempt | None, trash: Child | None) -> Iterable[Difference]:
    if attempt is None or (not attempt.run_id and attempt.state != states.RUNNING and not attempt.final):
        return  # lost before its run was made: the number ran or runs again
    key = attempt.number, attempt.attempt
    if attempt.state == states.RUNNING:
        yield Difference(*key, "running without a driver", "Optuna", "close", trial=attempt.trial)
    elif trash is not None:
        yield Difference(*key, "its run is in MLflow's trash", "MLflow", "restore", trash.run_id, attempt.trial)
    else:
        what = f"{_words(attempt)}, its run {attempt.run_id[:8]} is gone"
        yield Difference(*key, what, "MLflow", "remake", attempt.run_id, attempt.trial)


def _between(
    attempt: Attempt | None, child: Child, evidence: Evidence | None, objective: Objective
) -> list[Difference]:
    """What one attempt is in Optuna against what it is in MLflow."""
    running = attempt is not None and attempt.state == states.RUNNING
    trial = attempt.trial if attempt is not None else None

    def difference(what: str, where: str, cure: str, *ends: str) -> list[Difference]:
        return [Difference(child.number, child.attempt, what, where, cure, child.run_id, trial, None, *ends)]

    if not child.ended:
        shown = states.RUNNING if child.status == "RUNNING" else f"{_words(child)} with status {child.status}"
        if attempt is not None and not running:
            what = f"{_words(attempt)} in Optuna, {shown} in MLflow"
            if attempt.state == states.COMPLETE and (not child.measured or child.score != attempt.score):
                return difference(what, "MLflow", "lose")
            return difference(what, "MLflow", "end", attempt.state, attempt.reason)
        if child.status == "RUNNING":
            where = "Optuna and MLflow" if running else "MLflow"
            return difference("running without a driver", where, "close")
        if child.state in STATES and (child.measured or child.state != states.COMPLETE):
            return difference(shown, "MLflow", "end", child.state, child.reason)
        return difference(shown, "MLflow", "lose")
    if attempt is None:
        return difference(f"{_words(child)} in MLflow, unknown to Optuna", "Optuna", "record")
    if running:
        return difference(f"{_words(child)} in MLflow, running in Optuna", "Optuna", "record")
    same_result = child.measured and child.score == attempt.score
    if attempt.state == states.COMPLETE and child.state != states.COMPLETE and same_result:
        # A failed trial has neither a score nor weights: it is the word for it that is wrong, and no result is lost.
        what = f"{_words(attempt)} in Optuna, {_words(child)} in MLflow"
        return difference(what, "MLflow", "end", attempt.state, attempt.reason)
    score = child.score if child.state == states.COMPLETE else None
    wrong = wrong_scores(attempt, child, evidence, objective) if evidence is not None else {}
    if wrong:
        what = f"{' and '.join(wrong)} in MLflow: not what the trial's own epochs say"
        return difference(what, "MLflow", "score")
    if (attempt.state, attempt.reason, attempt.score) != (child.state, child.reason, score):
        return difference(f"{_words(attempt)} in Optuna, {_words(child)} in MLflow", "Optuna", "record")
    if attempt.run_id != child.run_id and (attempt.run_id or attempt.final):
        return difference(f"Optuna links to run {attempt.run_id[:8] or '(none)'}", "Optuna", "record")
    return []


def wrong_scores(attempt: Attempt, child: Child, evidence: Evidence, objective: Objective) -> dict[str, float]:
    """By name, the right value of each score that MLflow alone tells otherwise than Optuna and the trial's evidence."""
    told = {
        objective.name: (child.score, attempt.score, evidence.score),
        objective.test_name: (child.test_score, attempt.test_score, evidence.test_score),
    }
    return {
        name: right
        for name, (there, in_optuna, right) in told.items()
        if right is not None and there != in_optuna == right
    }


def _superfluous(attempts: Iterable[Attempt], children: Iterable[Child], what: str = "") -> list[Difference]:
    what = what or "the number had finished before"
    in_optuna = [
        Difference(each.number, each.attempt, what, "Optuna", cure, each.run_id, each.trial)
        for each in attempts
        for cure in ("close" if each.state == states.RUNNING else "set aside",)
    ]
    return in_optuna + [
        Difference(each.number, each.attempt, what, "MLflow", "discard", each.run_id) for each in children
    ]


def _words(one: Attempt | Child) -> str:
    value = one.score
    if one.state == states.COMPLETE:
        return states.COMPLETE + (f" {value:.4f}" if value is not None else " without a score")
    return (one.state or "without a state") + (f" ({one.reason})" if one.reason else "")
