"""Every path that the search writes beside the databases, in one place.

Everything lies beside Optuna's SQLite file or, when Optuna's storage is a server, in the folder of the command.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from analysis.reading.addresses import sqlite_file
from analysis.reading.called_in import called_in

DEFAULT_STORAGE = "sqlite:///optuna.db"
"""Optuna's storage, where the user names no other."""
_OUTCOME = re.compile(r"trial-([0-9]{4,9})-attempt-([0-9]{1,9})\.zip", re.ASCII)


def root_of(storage: str) -> Path:
    """The folder that the files of the studies in an Optuna storage lie in."""
    file = sqlite_file(storage)
    return file.parent if file is not None else Path()


def placed(storage: str) -> str:
    """The address of Optuna's storage; a relative path starts from the folder that the command was typed in."""
    file = sqlite_file(storage)
    if file is None or file.is_absolute() or called_in() == Path():
        return storage
    return storage.replace(str(file), str(called_in() / file), 1)


def optuna_artifacts(storage: str) -> Path:
    """Where the Optuna dashboard finds the trials' pictures."""
    return root_of(storage) / "optuna-artifacts"


def stores_lock(storage: str) -> Path:
    """The file that is locked while a process opens the databases for the first time."""
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
        """The folder of outcomes whose models are among the best so far, with `--models best:K`."""
        return StudyPaths(f"{self.study}/models", self.root)

    @property
    def own_space(self) -> Path:
        """The drawn rows of a space that the user's function defines: the next session need not ask again."""
        return self.folder / "own_space.json"

    def outcome(self, number: int, attempt: int) -> Path:
        return self.folder / f"trial-{number:04d}-attempt-{attempt}.zip"

    @staticmethod
    def attempt_in(outcome: Path) -> tuple[int, int]:
        """The number and the attempt that the name of an outcome's file says."""
        named = _OUTCOME.fullmatch(outcome.name)
        if named is None:
            raise ValueError(f"an outcome's file is called trial-NUMBER-attempt-ATTEMPT.zip, got {outcome.name!r}")
        return int(named[1]), int(named[2])

    @property
    def aside(self) -> Path:
        """The folder that the doctor moves files to which are no outcomes of the study."""
        return self.folder / "aside"

    def partial(self) -> list[Path]:
        """Files that a driver did not finish writing: they do not count."""
        return sorted(path for folder in (self.folder, self.staged.folder) for path in folder.glob("*.partial"))

    def outcomes(self) -> list[Path]:
        """Files of outcomes by number and attempt, so that a trial comes after the trials that it may follow from."""
        found = (path for path in self.folder.glob("*.zip") if _OUTCOME.fullmatch(path.name))
        return sorted(found, key=self.attempt_in)

    def foreign(self) -> list[Path]:
        """Files whose names are not those that the search writes here."""
        own = {self.lock, self.own_space, *self.outcomes(), *self.partial()}
        return sorted(path for path in self.folder.glob("*") if path.is_file() and path not in own)
