"""`python -m analysis`: the report of a study from MLflow, or of trials in a CSV file."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from analysis.reading.addresses import without_secrets
from analysis.reading.csv_file import read_csv
from analysis.reading.table import TrialTable
from analysis.report.contents import make_report
from analysis.report.writing import write_report
from models.core import names
from models.core.errors import UNFORESEEN, report_unforeseen, shown
from models.core.parameters import MONITORS
from models.core.runtime import ensure_home
from models.core.suggestions import check_word
from models.tasks.objective import Objective


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = _Parser(prog="python -m analysis", description=__doc__, allow_abbrev=False)
    source = made.add_mutually_exclusive_group(required=True)
    source.add_argument("--study", help="name of a study in MLflow")
    source.add_argument("--trials", help="CSV file of trials, one row a trial")
    made.add_argument("--sampler", help="how the CSV's trials were drawn: random, grid or list")
    made.add_argument("--objective", help="the column that trials were chosen by (val_accuracy)")
    made.add_argument("--worst", help="what a failed CSV's trial has on validation and test, of an error: 80.1,82.3")
    made.add_argument("--at", help="values of N, for instance 10,20,50")
    made.add_argument("--target", help="scores to reach, named now, for instance 0.97,0.98")
    made.add_argument("--targets", help="scores to reach that were named before the search had data")
    made.add_argument("--assume-tail", action="store_true", help="add an interval that rests on an assumption")
    made.add_argument("--out", required=True, type=Path, help="folder for the report")
    made.add_argument("--use", choices=("prefix", "all"), default="prefix", help="trials of a search that was cut off")
    made.add_argument("--versus", help="another study (another CSV file with --trials) to compare with")
    made.add_argument("--confirm", help="the study that repeats the best trials of this one")
    made.add_argument("--tracking-uri", help="MLflow's tracking store (default: MLflow's own)")
    made.add_argument("--attach", action="store_true", help="attach the files to the study's parent run")
    return made


def run(arguments: Sequence[str] | None = None) -> list[Path]:
    """Parse, read, write; a ValueError names what was wrong."""
    args = parser().parse_args(arguments)
    if args.study is not None and args.sampler is not None:
        raise ValueError("--sampler goes with --trials, a study in MLflow knows its own: got --study")
    if args.trials is not None and args.sampler is None:
        raise ValueError("--trials goes with --sampler random, grid or list, how its trials were drawn: got none")
    for option in ("objective", "worst"):
        if args.study is not None and getattr(args, option) is not None:
            raise ValueError(f"--{option} goes with --trials, a study in MLflow knows its own: got --study")
    if args.target is not None and args.targets is not None:
        raise ValueError("targets are named before the search (--targets) or now (--target): got both")
    if args.attach and args.study is None:
        raise ValueError("--attach goes with --study, whose parent run takes the files: got --trials")
    if args.out.exists() and not args.out.is_dir():
        raise ValueError(f"--out is a folder: got the file {str(args.out)!r}")
    at, asked = _listed("--at", args.at, int), _listed("--target", args.target, float)
    targets = _listed("--targets", args.targets, float)
    table, versus, confirm = (_read(name, args) for name in (args.study or args.trials, args.versus, args.confirm))
    assert table is not None
    sections = []
    if args.study is not None:
        from analysis.report.study_sections import study_sections

        sections = study_sections(table, args.tracking_uri)
    report = make_report(
        table,
        at,
        use=args.use,
        targets=targets,
        asked=asked,
        assume_tail=args.assume_tail,
        versus=versus,
        confirm=confirm,
        sections=sections,
    )
    files = write_report(report, args.out)
    if args.attach:
        from analysis.reading.mlflow_studies import attach

        attach(table, files, args.tracking_uri)
    return files


def _read(name: str | None, args: argparse.Namespace) -> TrialTable | None:
    if name is None:
        return None
    if args.study is None:
        objective = Objective(check_word("objective", args.objective or names.VAL_ACCURACY, MONITORS))
        worst = _listed("--worst", args.worst, float)
        if worst is not None and len(worst) != 2:
            raise ValueError(f"--worst is two numbers, on validation and on test: got {shown(args.worst)}")
        return read_csv(name, args.sampler, objective, None if worst is None else (worst[0], worst[1]))
    from analysis.reading.mlflow_studies import read_mlflow_or_say_why  # a second to import; a CSV needs none of it

    return read_mlflow_or_say_why(name, args.tracking_uri)


def _listed(option: str, text: str | None, kind: Callable[[str], Any]) -> list[Any] | None:
    try:
        numbers = None if text is None else [kind(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{option} is numbers separated by commas: got {shown(text)}") from None
    if numbers is not None and not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"{option} is finite numbers: got {shown(text)}")
    return numbers


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command to its exit code; an error is one line."""
    ensure_home()
    try:
        print("\n".join(str(path) for path in run(argv)))
    except (ValueError, OSError) as wrong:
        print(f"error: {' '.join(str(wrong).split())}", file=sys.stderr)
        return 2
    except Exception as error:  # the last guard: whatever nobody foresaw ends in one line too
        print(f"error: {without_secrets(report_unforeseen(error))}", file=sys.stderr)
        return UNFORESEEN
    return 0


if __name__ == "__main__":
    sys.exit(main())
