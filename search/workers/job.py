"""What runs in a worker: one trial from its job to its outcome. No storage, no tracking."""

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
    """On all of the training part, though the study's trials are cross-validated."""
    source: Source | None = None
    """Of the user's own network."""
    fold: int = 0
    """Of a cross-validated trial, the one fold to train, from 1; 0: all."""
    parts: tuple[FoldResult, ...] = ()
    """Of a cross-validated trial, its folds where they are trained already: they are only joined."""

    @classmethod
    def of(cls, study: str, planned: PlannedTrial, attempt: int, source: Source | None) -> "Job":
        return cls(study, planned.number, attempt, planned.config, planned.seed, source=source)

    @property
    def title(self) -> str:
        return f"{self.study} {'refit of ' if self.refit else ''}trial {self.number}"


def run_job(job: Job, data: "Prepared", report: Callable[[EpochReport], None]) -> Outcome:
    """Trains the job's configuration; whatever happens in it becomes an outcome, never an exception."""
    from models.core.runtime import environment
    from models.training.cross_validation import join_folds, run_fold, run_of, train
    from models.training.resident import PreparedFolds

    started, history = now_ms(), []

    def note(epoch: EpochReport) -> None:
        history.append(epoch)
        report(epoch)

    def ended(**values: object) -> Outcome:
        common = {"history": tuple(history), "started_ms": started, "ended_ms": now_ms()}
        identity = {"seed": job.seed, names.CONFIG_HASH: job.config.hash(), "fold": job.fold}
        identity[names.OBJECTIVE] = data.objective
        told = common | identity | {"environment": environment()} | values
        return Outcome(job.number, job.attempt, **told)  # type: ignore[arg-type]

    try:
        if job.fold and isinstance(data, PreparedFolds):
            run = run_of(job.config, job.source, job.number)
            part = run_fold(run, data, job.seed, job.fold, note)
            return ended(state=states.COMPLETE, result=part.result, part=part)
        if job.parts and isinstance(data, PreparedFolds):
            result: TrialResult | FoldsResult = join_folds(job.parts, data.split)
            history += result.history
        else:
            whole = data.whole() if job.refit and isinstance(data, PreparedFolds) else data
            result = train(run_of(job.config, job.source, job.number), whole, job.seed, note)
        return ended(state=states.COMPLETE, result=result, picture=_picture(result, data, job.title))
    except TrialStopped as stopped:
        if stopped.reason == states.PRUNED:
            return ended(state=states.PRUNED)
        message = f"stopped after epoch {len(history)} of {job.config.epochs}: {stopped.reason}"
        return ended(state=states.FAILED, reason=stopped.reason, message=message)
    except TrialFailed as failure:
        return ended(state=states.FAILED, reason=failure.reason, message=traceback.format_exc())
    except MemoryError:
        return ended(state=states.FAILED, reason=states.OUT_OF_MEMORY, message=traceback.format_exc())
    except Exception:  # a failed trial is data: its traceback goes to the run
        return ended(state=states.FAILED, reason=states.EXCEPTION, message=traceback.format_exc())


def _picture(result: TrialResult | FoldsResult, data: "Prepared", title: str) -> bytes:
    """Of the mistakes. matplotlib's import, half a second, is paid by a regression's worker alone."""
    if result.confusion:
        from analysis.figures.confusion import confusion_picture

        return confusion_picture(result.confusion, data.class_names, title)
    from analysis.figures.regression import predictions_picture

    return predictions_picture(result.evidence, title)
