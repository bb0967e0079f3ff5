"""The refit: a cross-validated study's best configuration, trained once on all of the training part and tested.

The refit's run lies below the study's parent like a trial's, but the refit is no trial: it has no number, and nothing
that counts or chooses trials sees it. Folds only score configurations; the refit alone has a model.
"""

from collections.abc import Sequence
from dataclasses import replace

from models.core import names, states
from models.core.clock import now_ms
from models.core.seeds import derive_seed
from models.tasks.objective import Objective
from search.driver.attempts import MAX_ATTEMPTS
from search.driver.delivery import Delivery
from search.driver.driver import Ended
from search.stores.optuna_attempts import OptunaAttempt
from search.study.plan import Plan
from search.study.settings import StudySettings
from search.workers.engine import Done, Engine, EngineError, Lost
from search.workers.job import Job
from search.workers.outcome import Outcome


def refit_best(
    plan: Plan,
    ended: Ended,
    engine: Engine,
    delivery: Delivery,
    asked_to_stop: Sequence[str],
    with_model: bool,
) -> Ended:
    """Trains the best trial's configuration on all of the training part, unless that has been done.

    Returns:
        `ended` with the attempts made here counted, and with the reason why a refit is missing. No refit is missing
        where no trial is complete, or where the refit failed for a reason that would come again.

    Raises:
        StoreError: a store is away; the next start closes the refit's run and makes another.
    """
    settings, study, runs = delivery.settings, delivery.study, delivery.runs
    best = _best(study.attempts(), ended.stopped_at, study.objective)
    if best is None or runs.has_refit(best.number):
        return ended
    study.lock()
    delivery.progress.say(f"training the best, trial {best.number}, on all of the training part")
    planned = plan.get(best.number)
    assert planned is not None  # the trial has been trained, so the plan has it
    seed = derive_seed(settings.seed, best.number, "refit")
    engine.start()
    reason = ""
    for attempt in range(MAX_ATTEMPTS):
        run_id = runs.start_refit(planned, seed, best.run_id, _tags(settings, study.objective), now_ms())
        job = Job(settings.name, planned.number, attempt, planned.config, seed, True, settings.source)
        outcome = _trained(job, engine, asked_to_stop)
        runs.finish(run_id, outcome, with_model)
        ended = replace(ended, trained=ended.trained + 1)
        if outcome.final:
            return ended
        reason = f"{outcome.reason}: {outcome.message}" if outcome.message else outcome.reason
        if asked_to_stop:
            break
    return replace(ended, without_refit=reason)


def _tags(settings: StudySettings, objective: Objective) -> dict[str, str | int | float]:
    split = {name: value for name, value in settings.split.items() if name != "folds"}
    return split | {
        names.STUDY_SEED: settings.seed,
        names.SAMPLER: settings.sampler,
        names.OBJECTIVE: objective.name,
    }


def _best(attempts: Sequence[OptunaAttempt], stopped_at: int | None, objective: Objective) -> OptunaAttempt | None:
    """The best complete trial among those that count."""
    counted = [each for each in attempts if stopped_at is None or each.number < stopped_at]
    scored = [(objective.place(each.score, each.number), each) for each in counted if each.score is not None]
    return min(scored, key=lambda pair: pair[0])[1] if scored else None


def _trained(job: Job, engine: Engine, asked_to_stop: Sequence[str]) -> Outcome:
    """The outcome of one attempt at the refit."""
    started, submitted = now_ms(), False
    reason, message = states.INTERRUPTED, ""
    try:
        while not asked_to_stop:
            if not submitted and engine.free():
                engine.submit(job)
                submitted = True
            for event in engine.events(timeout=0.1):
                # Events of trials that were in flight when the stop rule ended the search are not the refit's.
                if isinstance(event, Done) and (event.outcome.number, event.outcome.seed) == (job.number, job.seed):
                    return event.outcome
                if isinstance(event, Lost) and (event.number, event.attempt) == (job.number, job.attempt):
                    return _lost(job, started, states.WORKER_LOST, event.message)
    except EngineError as error:
        reason, message = states.WORKER_LOST, str(error)
    return _lost(job, started, reason, message)


def _lost(job: Job, started_ms: int, reason: str, message: str) -> Outcome:
    return Outcome(
        job.number, job.attempt, states.FAILED, job.seed, job.config.hash(), reason, message,
        started_ms=started_ms, ended_ms=now_ms(),
    )  # fmt: skip
