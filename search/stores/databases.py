"""Databases that keep results: the checks that they pass first, and SQLite's mode for one writer and many readers."""

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
        # Opened to write: whoever opens the file rolls back what a killed process left half written beside it.
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
        ) from None  # the original error carries the password


def use_wal(url: str) -> None:
    """Sets write-ahead logging on an SQLite file, so that the one writer and its readers, the UIs, do not wait."""
    file = sqlite_file(url)
    if file is not None and file.exists():
        with sqlite3.connect(file, timeout=30) as connection:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
        connection.close()


@cache
def use_few_syncs() -> None:
    """Has later SQLite connections of this process write their log without forcing each transaction to disk.

    A killed process loses nothing by that. A machine that loses its power may lose whole transactions since the last
    call of `sync`. In WAL mode neither can damage the file (sqlite.org/pragma.html).
    """
    from sqlalchemy import Engine, event

    @event.listens_for(Engine, "connect")
    def connected(connection: Any, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.execute("PRAGMA synchronous=NORMAL").close()


def sync(url: str) -> None:
    """Forces committed transactions of an SQLite database to disk.

    Forcing the log suffices: SQLite forces the database itself whenever it copies the log there.
    """
    file = sqlite_file(url)
    log = file.with_name(f"{file.name}-wal") if file is not None else None
    if log is not None and log.exists():
        descriptor = os.open(log, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
