"""Corrects the absolute paths of artifacts in MLflow's SQLite store, after its folder was moved or copied."""

import sqlite3
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

from analysis.reading.addresses import sqlite_file

_PATHS = (("experiments", "artifact_location"), ("runs", "artifact_uri"), ("logged_models", "artifact_location"))


def follow_moved_folder(uri: str) -> None:
    """Makes an SQLite tracking store name the artifacts beside it, where it names those of its earlier folder.

    Without the correction a copy would write into the original's artifacts, and a moved folder would create its old
    place again. The paths of an experiment are corrected only where the folder beside the store has artifacts of one of
    its runs. A line on stderr says what was changed. A store that cannot be written, or that is not MLflow's, is left
    unchanged.
    """
    file = sqlite_file(uri)
    if file is None or not file.is_file():
        return
    try:
        connection = sqlite3.connect(f"file:{file}?mode=rw", uri=True, timeout=30)
        try:
            for old, new in _moved(connection, file.absolute().parent):
                with connection:
                    for table, column in _PATHS:
                        connection.execute(
                            f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE {column} = ? "
                            f"OR substr({column}, 1, ?) = ?",
                            (str(new), len(old) + 1, old, len(old) + 1, f"{old}/"),
                        )
                said = f"{file.name} was moved or copied: its artifacts are now those of {new}, not of {old}"
                sys.stderr.write(f"{said}\n")
        finally:
            connection.close()
    except sqlite3.Error:
        return  # the next part that opens the store reports what is wrong


def _moved(connection: sqlite3.Connection, folder: Path) -> list[tuple[str, Path]]:
    """(location in the store, folder beside the store) of each experiment whose artifacts lie beside the store."""
    found = []
    for experiment, old in connection.execute("SELECT experiment_id, artifact_location FROM experiments").fetchall():
        place = urlsplit(old or "")
        if place.scheme not in ("", "file") or not place.path:
            continue
        there, here = Path(unquote(place.path) if place.scheme else old), folder / "mlruns" / str(experiment)
        if here == there or not here.is_dir() or (there.is_dir() and here.samefile(there)):
            continue
        runs = connection.execute("SELECT run_uuid FROM runs WHERE experiment_id = ?", (experiment,)).fetchall()
        if any((here / run).is_dir() for (run,) in runs):
            found.append((str(old), here))
    return found
