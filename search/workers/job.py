"""Runs one trial in a worker, from its job to its outcome. Knows no storage and no tracking."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.core import names, states
from models.core.clock import now_ms
from models.core.config import Config
from models.core.results import EpochReport, FoldResult, FoldsResult, TrialFailed, TrialResult, TrialStopped
from models.spaces.source import Source
from search.study.plan import PlannedTrial
from search.workers.outcome import Outcome

if TYPE_CHECKING:
    from models.training.resident import Prepared


@dataclass(frozen=True)
class Job:
    """One attempt at one trial, as the driver sends it."""

    study: str
    number: int
    attempt: int
    config: Config
    seed: int
    refit: bool = False
    """Whether the job refits a cross-validated study's best configuration, on the whole training part."""
    source: Source | None = None
    """The source of the user's own network; None for the built-in one."""
    fold: int = 0
    """The fold of a cross-validated trial to train, from 1; 0: all folds."""
    parts: tuple[FoldResult, ...] = ()
    """The results of a cross-validated trial's folds, if all are trained already; the job only joins them."""

    @classmethod
    def of(cls, study: str, planned: PlannedTrial, attempt: int, source: Source | None) -> "Job":
        return cls(study, planned.number, attempt, planned.config, planned.seed, source=source)

    @property
    def title(self) -> str:
        return f"{self.study} {'refit of ' if self.refit else ''}trial {self.number}"


def run_job(job: Job, data: "Prepared", report: Callable[[EpochReport], None]) -> Outcome:
    """Trains the job's configuration. Every error in it becomes part of the outcome; none is raised.

    `report` hears each epoch as it ends, and stops the trial by raising TrialStopped.
    """
    from models.core.runtime import environment

    started, history = now_ms(), list[EpochReport]()

    def ended(end: dict[str, object]) -> Outcome:
        identity = {"seed": job.seed, names.CONFIG_HASH: job.config.hash(), "fold": job.fold}
        course = {"history": tuple(history), "started_ms": started, "ended_ms": now_ms()}
        means = {names.OBJECTIVE: data.objective, "environment": environment()}
        return Outcome(job.number, job.attempt, **identity, **course, **means, **end)  # type: ignore[arg-type]

    try:
        return ended(_results(job, data, history, report))
    except TrialStopped as stopped:
        return ended(_stopped(stopped.reason, f"after epoch {len(history)} of {job.config.epochs}"))
    except TrialFailed as failure:
        return ended(_failed(failure.reason))
    except MemoryError:
        return ended(_failed(states.OUT_OF_MEMORY))
    except Exception:  # a failed trial is data: its traceback goes to the run
        return ended(_failed(states.EXCEPTION))


def _results(
    job: Job, data: "Prepared", history: list[EpochReport], report: Callable[[EpochReport], None]
) -> dict[str, object]:
    """Trains one fold or the whole trial, or joins trained folds; the fields of the outcome of a complete job.

    `history` receives the epochs.
    """
    from models.training.cross_validation import join_folds, run_fold, run_of, train
    from models.training.resident import PreparedFolds

    def note(epoch: EpochReport) -> None:
        history.append(epoch)
        report(epoch)

    run, folds = run_of(job.config, job.source, job.number), data if isinstance(data, PreparedFolds) else None
    if folds is not None and job.fold:
        part = run_fold(run, folds, job.seed, job.fold, note)
        return {"state": states.COMPLETE, "result": part.result, "part": part}
    if folds is not None and job.parts:
        joined = join_folds(job.parts, folds.split)
        history += joined.history
        return {"state": states.COMPLETE, "result": joined, "picture": _picture(joined, data, job.title)}
    whole = folds.whole() if folds is not None and job.refit else data
    result = train(run, whole, job.seed, note)
    return {"state": states.COMPLETE, "result": result, "picture": _picture(result, data, job.title)}


def _stopped(reason: str, when: str) -> dict[str, object]:
    """The fields of the outcome of a trial that the driver has stopped."""
    if reason == states.PRUNED:
        return {"state": states.PRUNED}
    return {"state": states.FAILED, "reason": reason, "message": f"stopped {when}: {reason}"}


def _failed(reason: str) -> dict[str, object]:
    """The fields of the outcome of a trial that raised the exception which is handled now."""
    return {"state": states.FAILED, "reason": reason, "message": traceback.format_exc()}


def _picture(result: TrialResult | FoldsResult, data: "Prepared", title: str) -> bytes:
    """A PNG of the confusion matrices, or of predicted against true numbers.

    Only the workers of a regression import matplotlib, which takes half a second.
    """
    if result.confusion:
        from analysis.figures.confusion import confusion_picture

        return confusion_picture(result.confusion, data.class_names, title)
    from analysis.figures.regression import predictions_picture

    return predictions_picture(result.evidence, title)
