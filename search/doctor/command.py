"""`python -m search doctor`: compares plan, outbox, Optuna and MLflow of a study, and mends differences on request."""

import os
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from analysis.command_line.options import flag, said
from analysis.reading.addresses import without_secrets
from models.core import names
from models.core.errors import ConfigError
from search.command_line.console import make_console
from search.command_line.described import parser_of
from search.command_line.exit_codes import run_command
from search.doctor.differences import compare
from search.doctor.repair import Doctor
from search.doctor.seen import Difference, Seen
from search.driver.conclusion import ranges
from search.stores.paths import placed
from search.tracking.own_run import note_run
from search.tracking.tracking_store import TrackingError

AGREES, DIFFERS = 0, 1
MENDED = {
    "deliver": "delivered",
    "drop": "dropped",
    "remove": "removed",
    "move": "moved to aside/",
    "restore experiment": "restored",
    "restore": "restored",
    "discard": "to the trash",
    "set aside": "set aside",
    "remake": "made again",
    "end": "MLflow follows Optuna",
    "lose": "lost: runs again",
    "score": "scores written again",
    "retag": "tags written again",
    "record": "Optuna follows MLflow",
    "stop": "closed",
    "close": "closed: driver lost",
    "model": "trained again",
    "note": "written again",
    "search": "the search, run again",
    "": "by hand",
}
"""Name of a cure -> what the cure does, as the printed table says it."""
_PASSES = 4  # a cure may bring another difference to light; so many looks are enough for any chain of differences


def examine(study: str, storage: str, repair: bool, dataset: str | None, own_run: str | None, console: Console) -> int:
    """`python -m search doctor`.

    Returns:
        AGREES when no difference is left, else DIFFERS. Planned trials that are missing are reported, but are no
        difference.

    Raises:
        ConfigError: Doctor raises it, or the data that a repair needs cannot be loaded.
    """
    doctor = Doctor(study, storage, dataset)
    try:
        seen = doctor.look()
        found = compare(seen)
        first, mended = found, False
        if found:
            _print(f"Study {study}: what differs", found, console)
        for _ in range(_PASSES if repair else 0):
            if not any(each.cure not in ("", "search") for each in found):
                break
            doctor.mend(seen, found)
            doctor.conclude(doctor.look())
            seen, mended = doctor.look(), True
            found = compare(seen)
        if mended and found:
            _print("What is left", found, console)
    except TrackingError as error:
        raise ConfigError(f"the tracking store must answer, got {without_secrets(str(error))}") from None
    finally:
        doctor.release()
    verdict = _verdict(seen, first, found, mended)
    console.print(verdict, markup=False, highlight=False)
    if own_run is not None:
        tags = {"doctor_of": study, "differences": str(len(found))}
        note_run(own_run, f"doctor of {study}", verdict, tags)
    return DIFFERS if found else AGREES


def _print(title: str, found: Sequence[Difference], console: Console) -> None:
    shown = Table(title=title, title_justify="left")
    shown.add_column("trial", justify="right")
    shown.add_column(names.ATTEMPT, justify="right")
    shown.add_column("what")
    shown.add_column("where")
    shown.add_column("repair")
    for each in found:
        number, attempt = ("" if value is None else str(value) for value in (each.number, each.attempt))
        shown.add_row(number, attempt, each.what, each.where, MENDED[each.cure])
    console.print(shown)


def _verdict(seen: Seen, first: Sequence[Difference], found: Sequence[Difference], mended: bool) -> str:
    planned, missing = seen.plan.size, seen.missing
    lines = []
    if mended:
        lines.append(f"{_count(first)} found, {len(found) or 'none'} left")
    elif found:
        lines.append(f"{_count(found)}; repair=true mends what has a repair")
    else:
        lines.append("plan, outbox, Optuna and MLflow agree")
    if mended and any(each.cure == "model" for each in found):
        lines.append("a model that is still missing was not bit-equal when trained again: -e replay shows in what")
    lines.append(f"{planned} trials planned, {len(seen.finished)} finished")
    if missing:
        lines.append(f"missing: {ranges(missing)}; the search's own command, run again, trains them")
    return "\n".join(lines)


def _count(found: Sequence[Difference]) -> str:
    return f"{len(found)} {'difference' if len(found) == 1 else 'differences'}"


def main(arguments: Sequence[str]) -> int:
    def act() -> int:
        given = parser_of("doctor").read(arguments)
        repair, own_run = flag("repair", given["repair"]), os.environ.get("MLFLOW_RUN_ID")
        return examine(
            given["study"], placed(given["storage"]), repair, said(given, "dataset"), own_run, make_console()
        )

    return run_command(act)
