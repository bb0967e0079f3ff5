"""Databases that results are kept in: what they must be, and SQLite's mode for one writer and many readers."""

import os
import sqlite3
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from analysis.reading.addresses import in_one_line, shown_address, sqlite_file
from models.core.errors import ConfigError, shown


def check_writable(folder: Path, what: str) -> None:
    """Raises ConfigError when files cannot be made in `folder`. Leaves nothing behind."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return
    except (OSError, ValueError) as error:  # ValueError: a null byte
        place = f"{shown(str(folder.absolute()))} ({getattr(error, 'strerror', None) or error})"
        raise ConfigError(f"{what} must lie in a folder that exists and can be written, got {place}") from error


def check_sqlite(file: Path, what: str) -> None:
    """Raises ConfigError when `file` is there and is no SQLite database that can be written."""
    try:
        os.lstat(file)
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:  # ValueError: a null byte
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"{what} must be a path that can be, got {shown(str(file))} ({reason})") from error
    if file.is_dir() or not os.access(file, os.W_OK):
        raise ConfigError(f"{what} must be a file that can be written, got {str(file)!r}")
    try:
        # To write: what a kill left half written beside it is rolled back by whoever opens it, who must be able to.
        connection = sqlite3.connect(f"file:{file}?mode=rw", uri=True)
        try:
            connection.execute("PRAGMA schema_version").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise ConfigError(f"{what} must be an SQLite database, got {str(file)!r}: {error}") from error


def check_storage(url: str) -> None:
    """Raises ConfigError unless `url` is a database that Optuna can open; creates nothing."""
    from sqlalchemy import create_engine, make_url
    from sqlalchemy.exc import ArgumentError, SQLAlchemyError

    try:
        kind = make_url(url).get_backend_name()
    except (ArgumentError, ValueError):
        kind = ""
    if kind == "sqlite":
        file = sqlite_file(url)
        if file is None or str(file) == ".":
            raise ConfigError(f"storage must be kept in a file, got {url!r}")
        check_writable(file.parent, "storage")
        check_sqlite(file, "storage")
        return
    if kind not in ("postgresql", "mysql"):
        raise ConfigError(
            f"storage must be an address like sqlite:///optuna.db or postgresql://..., got {shown_address(url)!r}"
        )
    try:
        engine = create_engine(url, connect_args={"connect_timeout": 5})
        engine.connect().close()
        engine.dispose()
    except (SQLAlchemyError, ImportError, ValueError) as error:
        raise ConfigError(
            f"storage must be a database that answers, got {shown_address(url)!r}: {in_one_line(error)}"
        ) from None  # the original carries the password


def use_wal(url: str) -> None:
    """Sets write-ahead logging on an SQLite file, once: the one writer and its readers, the UIs, stop waiting."""
    file = sqlite_file(url)
    if file is not None and file.exists():
        with sqlite3.connect(file, timeout=30) as connection:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
        connection.close()


@cache
def use_few_syncs() -> None:
    """From here on, SQLite connections of this process write their log without forcing each transaction to disk.

    A killed process loses nothing by that; a machine that loses its power may lose the last transactions, whole ones,
    unless `sync` has been called after them. In WAL mode neither can damage the file (sqlite.org/pragma.html).
    """
    from sqlalchemy import Engine, event

    @event.listens_for(Engine, "connect")
    def connected(connection: Any, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=NORMAL").close()


def sync(url: str) -> None:
    """Forces what was committed to an SQLite database to disk: the log alone, the database is forced with each copy."""
    file = sqlite_file(url)
    log = file.with_name(f"{file.name}-wal") if file is not None else None
    if log is not None and log.exists():
        descriptor = os.open(log, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
