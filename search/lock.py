"""One living driver a study. The lock is the operating system's, so a killed driver leaves none behind."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from models.config import ConfigError
from search.paths import StudyPaths


class DriverLock:
    """Held from construction to `release`, or to the end of the process, however it ends.

    Raises:
        ConfigError: another living driver holds the study.
    """

    def __init__(self, paths: StudyPaths) -> None:
        paths.folder.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = paths.lock.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.seek(0)
            holder = self._file.read() or "another process"
            self._file.close()
            raise ConfigError(
                f"a study must have one driver at a time, got {paths.study!r} held by {holder}"
            ) from error
        self._file.truncate(0)
        self._file.write(f"process {os.getpid()} on {socket.gethostname()}")
        self._file.flush()

    def release(self) -> None:
        self._file.close()


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Waits until no other process is in here: two that make the tables of one database at once break it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
