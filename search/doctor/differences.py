"""Plan, outbox, Optuna and MLflow of one study side by side: every difference, and the cure that mends it.

The outbox is the commit point, so its outcomes are delivered first. Then Optuna follows MLflow, because MLflow holds
the whole record of a trial and Optuna only a summary. A result that neither store holds any more is marked as lost, and
its number runs again.
"""

from collections import defaultdict
from collections.abc import Iterable

from models.core import states
from search.doctor.attempts import of_one_attempt, superfluous
from search.doctor.seen import Difference, Seen

_FOLLOWS = "follows from a trial of its replicate whose result is missing"


def compare(seen: Seen) -> list[Difference]:
    """Every difference: the study's own first, then the trials' by number and attempt."""
    if seen.experiment_deleted:  # its runs lie there too, and show differences once it is restored
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
            found += superfluous(attempts[key], [child for child in children[key] if not child.deleted])
        else:
            own = list(of_one_attempt(seen, planned, attempts[key], children[key], key in waiting))
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
        yield Difference(None, None, f"Optuna's trial {trial} is not in the plan", "Optuna", "set aside", "", trial)


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
