"""What runs in a worker: one trial from its job to its outcome. No storage, no tracking."""

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.core.config import TrialConfig
from models.core.results import EpochReport, TrialFailed, TrialStopped
from search.workers.outcome import Outcome

if TYPE_CHECKING:
    from models.training.resident import Prepared


@dataclass(frozen=True)
class Job:
    """One attempt at one trial, as the driver sends it."""

    study: str
    number: int
    attempt: int
    config: TrialConfig
    seed: int
    refit: bool = False
    """On all of the training part, though the study's trials are cross-validated."""

    @property
    def title(self) -> str:
        return f"{self.study} {'refit of ' if self.refit else ''}trial {self.number}"


def run_job(job: Job, data: "Prepared", report: Callable[[EpochReport], None]) -> Outcome:
    """Trains the job's configuration; whatever happens in it becomes an outcome, never an exception."""
    from analysis.figures.confusion import confusion_picture
    from models.core.runtime import environment
    from models.training.cross_validation import train
    from models.training.resident import PreparedFolds

    started, history = _now_ms(), []

    def note(epoch: EpochReport) -> None:
        history.append(epoch)
        report(epoch)

    def ended(**values: object) -> Outcome:
        common = {"history": tuple(history), "started_ms": started, "ended_ms": _now_ms()}
        identity = {"seed": job.seed, "config_hash": job.config.hash(), "environment": environment()}
        return Outcome(job.number, job.attempt, **common | identity | values)  # type: ignore[arg-type]

    try:
        whole = data.whole() if job.refit and isinstance(data, PreparedFolds) else data
        result = train(job.config, whole, job.seed, note)
        labels = [str(label) for label in range(data.n_classes)]
        picture = confusion_picture(result.confusion, labels, job.title)
        return ended(state="complete", result=result, picture=picture)
    except TrialStopped as stopped:
        if stopped.reason == "pruned":
            return ended(state="pruned")
        message = f"stopped after epoch {len(history)} of {job.config.epochs}: {stopped.reason}"
        return ended(state="failed", reason=stopped.reason, message=message)
    except TrialFailed as failure:
        return ended(state="failed", reason=failure.reason, message=traceback.format_exc())
    except MemoryError:
        return ended(state="failed", reason="out of memory", message=traceback.format_exc())
    except Exception:  # a failed trial is data: its traceback goes to the run
        return ended(state="failed", reason="exception", message=traceback.format_exc())


def _now_ms() -> int:
    return int(time.time() * 1000)
