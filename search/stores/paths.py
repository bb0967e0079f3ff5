"""Every path that the search writes beside the databases, in one place.

All of it lies where the study does: beside Optuna's SQLite file, or in the working directory when that is a server.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from analysis.reading.addresses import sqlite_file

DEFAULT_STORAGE = "sqlite:///optuna.db"
"""Optuna's, where nobody says another."""
_OUTCOME = re.compile(r"trial-([0-9]{4,9})-attempt-([0-9]{1,9})\.zip", re.ASCII)


def root_of(storage: str) -> Path:
    """The folder that the files of the studies in an Optuna storage lie in."""
    file = sqlite_file(storage)
    return file.parent if file is not None else Path()


def called_in() -> Path:
    """The folder that the command was typed in, where its results belong.

    Under `mlflow run` that is where MLflow's own file lies. The working directory is then the project's folder, which
    may not be writable, and of a project that is fetched from an address is another, temporary one for each command.
    """
    tracking = sqlite_file(os.environ.get("MLFLOW_TRACKING_URI", "")) if "MLFLOW_RUN_ID" in os.environ else None
    return Path() if tracking is None or tracking.parent.absolute() == Path.cwd() else tracking.parent.absolute()


def placed(storage: str) -> str:
    """The address of Optuna's storage; a relative one is seen from the folder that the command was typed in."""
    file = sqlite_file(storage)
    if file is None or file.is_absolute() or called_in() == Path():
        return storage
    return storage.replace(str(file), str(called_in() / file), 1)


def optuna_artifacts(storage: str) -> Path:
    """Where the Optuna dashboard finds the trials' pictures."""
    return root_of(storage) / "optuna-artifacts"


def stores_lock(storage: str) -> Path:
    """Held while the databases are opened for the first time."""
    return root_of(storage) / "outbox" / ".stores.lock"


@dataclass(frozen=True)
class StudyPaths:
    """The folder of one study: finished trials wait there until both MLflow and Optuna have them."""

    study: str
    root: Path = Path()

    @property
    def folder(self) -> Path:
        return self.root / "outbox" / self.study

    @property
    def lock(self) -> Path:
        return self.folder / "driver.lock"

    @property
    def staged(self) -> "StudyPaths":
        """Where outcomes whose models are among the best so far wait, with `--models best:K`."""
        return StudyPaths(f"{self.study}/models", self.root)

    @property
    def own_space(self) -> Path:
        """What the user's own network asks for, as far as it was drawn: the next session need not ask again."""
        return self.folder / "own_space.json"

    def outcome(self, number: int, attempt: int) -> Path:
        return self.folder / f"trial-{number:04d}-attempt-{attempt}.zip"

    @staticmethod
    def attempt_in(outcome: Path) -> tuple[int, int]:
        """The number and the attempt whose outcome a file is called after."""
        named = _OUTCOME.fullmatch(outcome.name)
        if named is None:
            raise ValueError(f"an outcome's file is called trial-NUMBER-attempt-ATTEMPT.zip, got {outcome.name!r}")
        return int(named[1]), int(named[2])

    @property
    def aside(self) -> Path:
        """Where outcomes go that are none of the study's."""
        return self.folder / "aside"

    def partial(self) -> list[Path]:
        """What a driver did not finish writing: nothing that counts."""
        return sorted(path for folder in (self.folder, self.staged.folder) for path in folder.glob("*.partial"))

    def outcomes(self) -> list[Path]:
        """By number and attempt, so that a trial stands behind those that it may follow from."""
        found = (path for path in self.folder.glob("*.zip") if _OUTCOME.fullmatch(path.name))
        return sorted(found, key=self.attempt_in)

    def foreign(self) -> list[Path]:
        """Files that are called like an outcome or like nothing that the search writes here."""
        own = {self.lock, self.own_space, *self.outcomes(), *self.partial()}
        return sorted(path for path in self.folder.glob("*") if path.is_file() and path not in own)
