"""One living driver a study. The system and the database server hold the locks, so a killed driver leaves none."""

import fcntl
import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from models.core.errors import ConfigError
from search.stores.paths import StudyPaths

# A machine that vanished from the network loses the lock within a minute, not after the server's two hours.
_KEEPALIVES = {"tcp_keepalives_idle": "30", "tcp_keepalives_interval": "10", "tcp_keepalives_count": "3"}


class Taken(ConfigError):
    """Another living driver holds the study: this process may not write to it."""


class DriverLock:
    """The lock on a study, held from construction to `release` or to the end of the process, however that ends.

    The lock is a locked file beside the outbox and, with a study in PostgreSQL, an advisory lock in its database as
    well. Drivers on other machines or in other folders see the database's lock alone.

    Raises:
        Taken: another living driver holds the study.
    """

    def __init__(self, paths: StudyPaths, storage: str) -> None:
        self._study, self._storage = paths.study, storage
        self._connection: Any = None
        paths.folder.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = paths.lock.open("a+")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.seek(0)
            holder = self._file.read()
            self._file.close()
            raise self._taken(holder) from None
        try:
            self.hold()
        except BaseException:
            self._file.close()
            raise
        self._file.truncate(0)
        self._file.write(_this_process())
        self._file.flush()

    def hold(self) -> None:
        """Takes the database's lock, unless this process has it. A restart of the server loses the lock.

        Call it before each write: Optuna replaces a lost connection silently.

        Raises:
            Taken: another driver has the study.
            SQLAlchemyError: the server does not answer.
        """
        if not self._storage.startswith("postgresql"):
            return
        from sqlalchemy import create_engine, text
        from sqlalchemy.exc import DBAPIError
        from sqlalchemy.pool import NullPool

        if self._connection is not None:
            try:
                self._connection.execute(text("SELECT 1"))
                return
            except DBAPIError:  # the server ended the session, and its lock with it
                self._connection.close()
                self._connection = None
        engine = create_engine(self._storage, poolclass=NullPool, isolation_level="AUTOCOMMIT")
        connection = engine.connect()
        try:
            for name, value in {"application_name": f"search: {_this_process()}"[:63], **_KEEPALIVES}.items():
                connection.execute(text("SELECT set_config(:name, :value, false)"), {"name": name, "value": value})
            key = {"key": _key(self._study)}
            if not connection.execute(text("SELECT pg_try_advisory_lock(:key)"), key).scalar_one():
                raise self._taken(connection.execute(text(_HOLDER), key).scalar())
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def release(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._file.close()

    def _taken(self, holder: str | None) -> Taken:
        return Taken(
            f"a study must have one driver at a time, got {self._study!r} held by {holder or 'another process'}"
        )


_HOLDER = """
SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
WHERE locktype = 'advisory' AND granted AND (classid::bigint << 32 | objid::bigint) = :key
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def _key(study: str) -> int:
    """The study's number among PostgreSQL's advisory locks, which are numbers of 64 bits; here without the sign."""
    return int.from_bytes(hashlib.sha256(f"driver of {study}".encode()).digest()[:8]) >> 1


def _this_process() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """A block that one process at a time runs: two processes that make a database's tables at once break it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
