"""How one attempt at a trial ended: the only thing that travels from a worker to the driver."""

from dataclasses import dataclass, field
from typing import Literal

from models.results import EpochReport, TrialResult

State = Literal["complete", "failed", "pruned"]

CONFIGURATION_REASONS = ("exception", "diverged", "timeout", "out of memory", "retries exhausted")
"""The configuration's own fault: counted as failed, never run again."""
MACHINE_REASONS = ("worker lost", "driver lost", "interrupted")
"""The machine's fault: not counted, run again as the number's next attempt."""
REASONS = CONFIGURATION_REASONS + MACHINE_REASONS
MAX_ATTEMPTS = 3


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
    """With `seed`: which trial this is, whatever study lay in this folder before."""
    reason: str = ""
    message: str = ""
    """The traceback or explanation of a failure."""
    history: tuple[EpochReport, ...] = ()
    result: TrialResult | None = None
    picture: bytes = field(default=b"", repr=False)
    """PNG of the confusion matrices."""
    started_ms: int = 0
    ended_ms: int = 0

    def __post_init__(self) -> None:
        if (self.state == "complete") != (self.result is not None):
            raise ValueError(f"an outcome has a result exactly when it is complete, got {self.state!r}")
        if self.state == "failed" and self.reason not in REASONS:
            raise ValueError(f"a failed outcome needs one of the reasons {', '.join(REASONS)}, got {self.reason!r}")

    @property
    def score(self) -> float | None:
        """Validation accuracy of the kept weights, in [0, 1]."""
        return self.result.scores["val_accuracy"] if self.result is not None else None

    @property
    def final(self) -> bool:
        return is_final(self.state, self.reason)


def is_final(state: str, reason: str) -> bool:
    """Whether a trial is finished with an attempt that ended so, or its number runs again."""
    return state in ("complete", "pruned") or (state == "failed" and reason in CONFIGURATION_REASONS)
