"""Where Optuna and MLflow disagree about one attempt of a trial."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from models.core import states
from models.core.states import STATES
from models.tasks.objective import Objective
from search.doctor.seen import Difference, Evidence, Seen
from search.stores.optuna_attempts import OptunaAttempt
from search.study.plan import PlannedTrial
from search.tracking.child_runs import MlflowAttempt, told_by_evidence


def of_one_attempt(
    seen: Seen, planned: PlannedTrial, attempts: Sequence[OptunaAttempt], children: Sequence[MlflowAttempt], waits: bool
) -> Iterable[Difference]:
    """Where the two stores disagree about one attempt; while its result waits in the outbox, only duplicates count."""
    alive = [child for child in children if not child.deleted]
    linked = {attempt.run_id for attempt in attempts}
    child = min(alive, key=lambda each: (not each.final, not each.ended, each.run_id not in linked), default=None)
    at = child.run_id if child is not None else ""
    attempt = min(
        attempts, key=lambda each: (not each.final, each.state == states.RUNNING, each.run_id != at), default=None
    )
    found = superfluous(
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
    found += _Both(attempt, child).differences(seen.evidence.get(child.run_id), seen.objective)
    complete = child.final and child.state == states.COMPLETE
    if complete and child.models == "all" and child.run_id not in seen.with_models:
        found.append(Difference(child.number, child.attempt, "its model is missing", "MLflow", "model", child.run_id))
    return found


def _not_as_planned(
    one: OptunaAttempt | MlflowAttempt, where: str, cure: str, known: OptunaAttempt | None = None
) -> Difference:
    what = f"seed {one.seed} or configuration {one.config_hash} is not the planned one"
    trial = None if known is None else known.trial
    return Difference(one.number, one.attempt, what, where, cure, one.run_id, trial)


def _without_run(attempt: OptunaAttempt | None, trash: MlflowAttempt | None) -> Iterable[Difference]:
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


@dataclass(frozen=True)
class _Both:
    """One attempt in Optuna, or None where Optuna has none, and its run in MLflow."""

    attempt: OptunaAttempt | None
    child: MlflowAttempt

    def differences(self, evidence: Evidence | None, objective: Objective) -> list[Difference]:
        """At most one difference between the attempt and its run."""
        if not self.child.ended:
            return self._of_an_open_run()
        if self.attempt is None:
            return self._difference(f"{_words(self.child)} in MLflow, unknown to Optuna", "Optuna", "record")
        if self.attempt.state == states.RUNNING:
            return self._difference(f"{_words(self.child)} in MLflow, running in Optuna", "Optuna", "record")
        return self._of_two_ends(self.attempt, evidence, objective)

    def _difference(self, what: str, where: str, cure: str, *ends: str) -> list[Difference]:
        number, attempt, run_id = self.child.number, self.child.attempt, self.child.run_id
        trial = self.attempt.trial if self.attempt is not None else None
        return [Difference(number, attempt, what, where, cure, run_id, trial, None, *ends)]

    def _of_an_open_run(self) -> list[Difference]:
        """MLflow has not closed the run."""
        child, attempt = self.child, self.attempt
        shown = states.RUNNING if child.status == "RUNNING" else f"{_words(child)} with status {child.status}"
        if attempt is not None and attempt.state != states.RUNNING:
            what = f"{_words(attempt)} in Optuna, {shown} in MLflow"
            if attempt.state == states.COMPLETE and (not child.measured or child.score != attempt.score):
                return self._difference(what, "MLflow", "lose")
            return self._difference(what, "MLflow", "end", attempt.state, attempt.reason)
        if child.status == "RUNNING":
            where = "MLflow" if attempt is None else "Optuna and MLflow"
            return self._difference("running without a driver", where, "close")
        if child.state in STATES and (child.measured or child.state != states.COMPLETE):
            return self._difference(shown, "MLflow", "end", child.state, child.reason)
        return self._difference(shown, "MLflow", "lose")

    def _of_two_ends(self, attempt: OptunaAttempt, evidence: Evidence | None, objective: Objective) -> list[Difference]:
        """Both stores have an end of the attempt."""
        child = self.child
        same_result = child.measured and child.score == attempt.score
        if attempt.state == states.COMPLETE and child.state != states.COMPLETE and same_result:
            # A failed trial has neither score nor weights. Only the state in MLflow is wrong, and no result is lost.
            what = f"{_words(attempt)} in Optuna, {_words(child)} in MLflow"
            return self._difference(what, "MLflow", "end", attempt.state, attempt.reason)
        score = child.score if child.state == states.COMPLETE else None
        wrong = wrong_scores(attempt, child, evidence, objective) if evidence is not None else {}
        if wrong:
            what = f"{' and '.join(wrong)} in MLflow: not what the trial's own epochs say"
            return self._difference(what, "MLflow", "score")
        if (attempt.state, attempt.reason, attempt.score) != (child.state, child.reason, score):
            return self._difference(f"{_words(attempt)} in Optuna, {_words(child)} in MLflow", "Optuna", "record")
        if attempt.run_id != child.run_id and (attempt.run_id or attempt.final):
            return self._difference(f"Optuna links to run {attempt.run_id[:8] or '(none)'}", "Optuna", "record")
        return []


def evidence_of(
    attempts: Sequence[OptunaAttempt], children: Sequence[MlflowAttempt], objective: Objective
) -> dict[str, Evidence]:
    """Run ID -> evidence, for complete trials whose scores differ between the two stores."""
    told = {each.run_id: each for each in attempts if each.state == states.COMPLETE}
    found = {}
    for child in children:
        known = told.get(child.run_id)
        if known is None or child.state != states.COMPLETE:
            continue
        other_test = known.test_score is not None and child.test_score != known.test_score
        if child.score != known.score or other_test:
            found[child.run_id] = Evidence(*told_by_evidence(child.run_id, objective))
    return found


def wrong_scores(
    attempt: OptunaAttempt, child: MlflowAttempt, evidence: Evidence, objective: Objective
) -> dict[str, float]:
    """Name -> right value of each score on which Optuna and the trial's evidence agree and MLflow differs."""
    told = {
        objective.name: (child.score, attempt.score, evidence.score),
        objective.test_name: (child.test_score, attempt.test_score, evidence.test_score),
    }
    return {
        name: right
        for name, (there, in_optuna, right) in told.items()
        if right is not None and there != in_optuna == right
    }


def superfluous(
    attempts: Iterable[OptunaAttempt], children: Iterable[MlflowAttempt], what: str = "the number had finished before"
) -> list[Difference]:
    """A difference for each attempt and each run that must go, for the reason `what`."""
    in_optuna = [
        Difference(each.number, each.attempt, what, "Optuna", cure, each.run_id, each.trial)
        for each in attempts
        for cure in ("close" if each.state == states.RUNNING else "set aside",)
    ]
    return in_optuna + [
        Difference(each.number, each.attempt, what, "MLflow", "discard", each.run_id) for each in children
    ]


def _words(one: OptunaAttempt | MlflowAttempt) -> str:
    value = one.score
    if one.state == states.COMPLETE:
        return states.COMPLETE + (f" {value:.4f}" if value is not None else " without a score")
    return (one.state or "without a state") + (f" ({one.reason})" if one.reason else "")
