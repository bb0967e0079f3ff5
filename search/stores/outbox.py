"""The commit point: once an outcome lies in the outbox, its attempt is finished, whatever dies.

Each outcome is one zip file: outcome.json, result.json, picture.png, and model.keras where there is a model. Reading an
outcome runs no code: there is no pickle.
"""

import json
import lzma
import os
import zipfile
import zlib
from dataclasses import asdict, fields
from pathlib import Path

from models.core import names
from models.core.results import EpochReport, FoldsResult, TrialResult
from search.stores.paths import StudyPaths
from search.workers.outcome import Outcome

_DAMAGE = (
    OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, RuntimeError, zlib.error, lzma.LZMAError,
    zipfile.BadZipFile,
)  # fmt: skip
"""Errors of reading a zip file that is damaged or holds something else; RuntimeError: encrypted, or nested too deep."""


_PICTURE = "picture.png"


class UnreadableOutcome(ValueError):
    """A file in the outbox is damaged, or no result. The message names the file."""


def put(outcome: Outcome, paths: StudyPaths) -> Path:
    """Writes the outcome under a temporary name, forces it to disk, then renames it: all of it is there, or nothing.

    Raises:
        OSError: the disk is full, or may not be written.
    """
    target = paths.outcome(outcome.number, outcome.attempt)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    try:
        _write(outcome, partial)
        partial.replace(target)
    except OSError:
        partial.unlink(missing_ok=True)  # on a full disk, other files need the room
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return target


def _write(outcome: Outcome, path: Path) -> None:
    with path.open("wb") as file:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr("outcome.json", json.dumps(_plain(outcome), allow_nan=False))
            if outcome.result is not None:
                archive.writestr("result.json", outcome.result.to_json())
            if isinstance(outcome.result, TrialResult):
                archive.writestr("model.keras", outcome.result.model)
            if outcome.picture:
                archive.writestr(_PICTURE, outcome.picture)
        file.flush()
        os.fsync(file.fileno())


def take(path: Path) -> Outcome:
    """Reads an outcome back, equal to the one that was put.

    Raises:
        UnreadableOutcome: the file holds none.
    """
    try:
        return _read(path)
    except _DAMAGE as error:
        said = " ".join(f"{type(error).__name__}: {error}".split())[:120]
        raise UnreadableOutcome(
            f"a file in the outbox must be a finished trial's result, got {path} ({said})"
        ) from error


def _read(path: Path) -> Outcome:
    with zipfile.ZipFile(path) as archive:
        listed = archive.namelist()
        if any(each.compress_type != zipfile.ZIP_STORED for each in archive.infolist()):
            raise ValueError("its members are packed, and may unpack to more than the memory")
        plain = json.loads(archive.read("outcome.json"))
        result: TrialResult | FoldsResult | None = None
        if "model.keras" in listed:
            result = TrialResult.from_json(archive.read("result.json").decode(), archive.read("model.keras"))
        elif "result.json" in listed:
            result = FoldsResult.from_json(archive.read("result.json").decode())
        picture = archive.read(_PICTURE) if _PICTURE in listed else b""
    if not all(isinstance(plain[name], int) for name in (names.NUMBER, names.ATTEMPT, names.SEED)):
        raise ValueError(f"number, attempt and seed must be whole numbers, got {plain}")
    plain["history"] = tuple(EpochReport(**epoch) for epoch in plain["history"])
    return Outcome(**plain, result=result, picture=picture)


def remove(outcome: Outcome, paths: StudyPaths) -> None:
    paths.outcome(outcome.number, outcome.attempt).unlink(missing_ok=True)


def _plain(outcome: Outcome) -> dict[str, object]:
    values = {item.name: getattr(outcome, item.name) for item in fields(outcome)}
    for other in ("result", "picture", "fold", "part"):  # files of their own; or of a fold, which never comes here
        del values[other]
    return values | {"history": [asdict(epoch) for epoch in outcome.history]}
