"""How one attempt at a trial ended, as its worker tells the driver."""

from dataclasses import dataclass, field
from typing import Literal

from models.core import names, states
from models.core.results import EpochReport, FoldResult, FoldsResult, TrialResult
from models.core.states import CONFIGURATION_REASONS, MACHINE_REASONS, is_final
from search.study.growing import TrialEnd

State = Literal["complete", "failed", "pruned"]


@dataclass(frozen=True)
class Outcome:
    """A finished attempt.

    Raises:
        ValueError: state, reason and result contradict each other.
    """

    number: int
    attempt: int
    state: State
    seed: int
    config_hash: str
    """Identifies the trial together with `seed`, even if the folder held another study before."""
    reason: str = ""
    message: str = ""
    """The traceback or explanation of a failure."""
    history: tuple[EpochReport, ...] = ()
    result: TrialResult | FoldsResult | None = None
    picture: bytes = field(default=b"", repr=False)
    """PNG of the confusion matrices, or of predicted against true numbers."""
    environment: dict[str, str] = field(default_factory=dict)
    """models.core.runtime.environment() of the process that trained; empty if the worker was lost."""
    started_ms: int = 0
    ended_ms: int = 0
    fold: int = 0
    """The fold of a cross-validated trial that has ended, from 1; 0: the whole trial has."""
    part: FoldResult | None = field(default=None, repr=False)
    """The result of a single fold, from which the folds of a trial are joined."""
    objective: str = names.VAL_ACCURACY
    """The name of the score that trials are chosen by."""

    def __post_init__(self) -> None:
        if (self.state == states.COMPLETE) != (self.result is not None):
            raise ValueError(f"an outcome has a result exactly when it is complete, got {self.state!r}")
        if self.result is not None and self.objective not in self.result.scores:
            raise ValueError(f"objective must be one of the result's scores, got {self.objective!r}")
        if self.state == states.FAILED and self.reason not in CONFIGURATION_REASONS + MACHINE_REASONS:
            reasons = ", ".join(CONFIGURATION_REASONS + MACHINE_REASONS)
            raise ValueError(f"a failed outcome needs one of the reasons {reasons}, got {self.reason!r}")

    @property
    def score(self) -> float | None:
        """The objective at the kept weights, or its mean over the folds; None without a result."""
        return self.result.scores[self.objective] if self.result is not None else None

    @property
    def picture_file(self) -> str:
        """The name of the picture's file among the run's artifacts."""
        return "confusion.png" if self.result is not None and self.result.confusion else "predictions.png"

    @property
    def final(self) -> bool:
        return is_final(self.state, self.reason)

    @property
    def end(self) -> TrialEnd:
        """How the trial ended, where the outcome is `final`."""
        return TrialEnd(self.state, self.score)
