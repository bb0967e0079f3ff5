"""An attempt as a store tells of it: the shape that Optuna's and MLflow's records share."""

from dataclasses import dataclass

from models.core.states import is_final
from search.study.growing import TrialEnd


@dataclass(frozen=True, kw_only=True)
class RecordedAttempt:
    """One attempt of a study, read from a store."""

    number: int
    attempt: int
    state: str
    """complete | failed | pruned | running, or empty where the store does not say."""
    reason: str
    score: float | None
    """The objective; None where the attempt has none."""
    test_score: float | None
    """None too where trials are not tested, or the store has no note of the score."""
    run_id: str
    """The attempt's MLflow run; empty where the store knows of none."""
    seed: int | None
    """None where the store holds no whole number."""
    config_hash: str

    @property
    def final(self) -> bool:
        """Whether the trial is finished with this attempt; else its number runs again."""
        return is_final(self.state, self.reason)

    @property
    def end(self) -> TrialEnd:
        """How the trial ended, where the attempt is `final`."""
        return TrialEnd(self.state, self.score)
