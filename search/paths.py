"""Every path that the search writes beside the databases, in one place. All under the working directory."""

from dataclasses import dataclass
from pathlib import Path

OPTUNA_ARTIFACTS = Path("optuna-artifacts")


@dataclass(frozen=True)
class StudyPaths:
    """The folder of one study: finished trials wait there until both MLflow and Optuna have them."""

    study: str

    @property
    def folder(self) -> Path:
        return Path("outbox") / self.study

    @property
    def lock(self) -> Path:
        return self.folder / "driver.lock"

    @property
    def staged(self) -> "StudyPaths":
        """Where outcomes whose models are among the best so far wait, with `--models best:K`."""
        return StudyPaths(f"{self.study}/models")

    def outcome(self, number: int, attempt: int) -> Path:
        return self.folder / f"trial-{number:04d}-attempt-{attempt}.zip"

    @staticmethod
    def number_of(outcome: Path) -> int:
        return int(outcome.stem.split("-")[1])

    def outcomes(self) -> list[Path]:
        return sorted(self.folder.glob("trial-*-attempt-*.zip"))
