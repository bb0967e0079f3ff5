"""`python -m analysis`: the report of a study from MLflow, or of trials in a CSV file."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.adaptive.report import make_study_report, said_of, save_report
from analysis.command_line.options import DEFAULT, Parser, flag
from analysis.command_line.reports import OUT, REPORT
from analysis.reading.addresses import without_secrets
from analysis.reading.called_in import called_in
from analysis.reading.csv_file import read_csv
from analysis.reading.table import TrialTable
from analysis.report.contents import ReportOptions
from models.core import names
from models.core.errors import UNFORESEEN, report_unforeseen, shown
from models.core.parameters import MONITORS
from models.core.runtime import ensure_home
from models.core.suggestions import check_word
from models.tasks.objective import Objective

_DESCRIPTION = """The report of a study from MLflow, of trials in a table, or of a search that another program made:
figures, numbers and one page that opens offline."""


def parser() -> Parser:
    """The command line."""
    return Parser("python -m analysis", _DESCRIPTION, REPORT)


_OF_FOREIGN = ("sampler", "objective", "worst", "metric", "test_metric", "direction", "bounds", "rows")
"""Options that a study of this project does not take, because its parent run in MLflow has their values."""


def run(arguments: Sequence[str] | None = None) -> list[Path]:
    """Writes the report that the arguments ask for; a ValueError names the rule that an argument breaks."""
    return write(parser().read(sys.argv[1:] if arguments is None else arguments))


def write(given: Mapping[str, str]) -> list[Path]:
    """Writes the report that the options ask for and returns its files; an option that is not given has its default.

    Raises:
        ValueError: an option breaks a rule, or the trials cannot be read.
    """
    values = {option.name: option.default for option in REPORT} | dict(given)
    args = argparse.Namespace(**{name: None if text == DEFAULT else text for name, text in values.items()})
    out = called_in() / (args.out or OUT.default)
    check_word("use", args.use, ("prefix", "all"))
    attached = flag("attach", args.attach)
    is_own = _source_of(args) == "study"
    _check_together(args, is_own, attached)
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out is a folder: got the file {str(out)!r}")
    at, asked = _listed("--at", args.at, int), _listed("--target", args.target, float)
    targets = _listed("--targets", args.targets, float)
    first = args.trials or args.mlflow or args.study or ""
    table, versus, confirm = (_read(name, args) for name in (first, args.versus, args.confirm))
    assert table is not None
    sections = []
    if is_own:
        from analysis.report.study_sections import study_sections

        sections = study_sections(table, args.tracking_uri)
    options = ReportOptions(
        at=at,
        use=args.use,
        targets=targets,
        asked=asked,
        assume_tail=flag("assume_tail", args.assume_tail),
        versus=versus,
        confirm=confirm,
        versus_confirm=_second_look_of(versus, args) if table.replicates is not None and confirm is not None else None,
        sections=sections,
    )
    report = make_study_report(table, options)
    if not is_own or versus is not None:
        print("\n".join(said_of(report)))
    files = save_report(report, out)
    if attached:
        from analysis.reading.mlflow_studies import attach

        attach(table, files, args.tracking_uri)
    return files


def _source_of(args: argparse.Namespace) -> str:
    """The option that says where the trials are: trials, optuna, mlflow, or study for a study of this project."""
    sources = [name for name in ("trials", "optuna", "mlflow") if getattr(args, name) is not None]
    if args.study is not None and args.optuna is None:
        sources.append("study")
    if len(sources) != 1:
        got = " and ".join(f"--{name}" for name in sources) or "none"
        raise ValueError(f"a report is of one of --study, --trials, --optuna, --mlflow: got {got}")
    return sources[0]


def _check_together(args: argparse.Namespace, is_own: bool, attached: bool) -> None:
    """Raises ValueError where options do not go together."""
    for option in _OF_FOREIGN if is_own else ():
        if getattr(args, option) is not None:
            raise ValueError(f"--{option} goes with --trials, a study in MLflow knows its own: got --study")
    if args.trials is not None and args.sampler is None:
        raise ValueError("--trials goes with --sampler random, grid or list, how its trials were drawn: got none")
    if args.target is not None and args.targets is not None:
        raise ValueError("targets are named before the search (--targets) or now (--target): got both")
    if attached and not is_own:
        raise ValueError(f"--attach goes with --study, whose parent run takes the files: got --{_source_of(args)}")


def _read(name: str | None, args: argparse.Namespace) -> TrialTable | None:
    if name is None:
        return None
    worst = _pair("--worst", args.worst, "on validation and on test")
    if args.optuna is not None or args.mlflow is not None or (args.trials is not None and not _is_own(name, args)):
        return _foreign(name, args, worst)
    if args.trials is not None:
        objective = Objective(check_word("objective", args.objective or names.VAL_ACCURACY, MONITORS))
        return read_csv(name, args.sampler, objective, worst)
    from analysis.reading.mlflow_studies import read_mlflow_or_say_why  # takes a second; a CSV file needs no MLflow

    return read_mlflow_or_say_why(name, args.tracking_uri)


def _second_look_of(versus: TrialTable | None, args: argparse.Namespace) -> TrialTable | None:
    """The study that confirms `versus`, by the name that the command `confirm` gives; None where there is none."""
    from analysis.reading.mlflow_studies import read_mlflow

    try:
        return None if versus is None else read_mlflow(f"{versus.study}-confirm", args.tracking_uri)
    except ValueError:
        return None


def _is_own(path: str, args: argparse.Namespace) -> bool:
    """Whether a file of trials has the columns of this project's tables; True for a missing file, which is refused."""
    if args.metric is not None or Path(path).suffix == ".parquet":
        return False
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            header = {column.strip().strip('"') for column in file.readline().split(",")}
    except OSError:
        return True
    return {names.NUMBER, names.STATE} <= header


def _foreign(name: str, args: argparse.Namespace, worst: tuple[float, float] | None) -> TrialTable:
    from analysis.foreign.claims import table_of
    from analysis.foreign.trials import Claims

    rows = _listed("--rows", args.rows, int)
    claims = Claims(
        sampler=args.sampler or "",
        metric=args.metric or "",
        test_metric=args.test_metric or "",
        direction=args.direction or "",
        bounds=_pair("--bounds", args.bounds, "the lowest and the highest value"),
        worst=worst,
        rows=rows[0] if rows else None,
    )
    if args.optuna is not None:
        from analysis.foreign.optuna_study import read_optuna

        return table_of(read_optuna(args.optuna, name or None), claims)
    if args.mlflow is not None:
        from analysis.foreign.mlflow_experiment import read_experiment

        return table_of(read_experiment(name, args.tracking_uri), claims)
    from analysis.foreign.table_file import read_table_file

    scores = [each for each in (claims.metric, claims.test_metric) if each]
    return table_of(read_table_file(name, scores), claims)


def _pair(option: str, text: str | None, what: str) -> tuple[float, float] | None:
    found = _listed(option, text, float)
    if found is not None and len(found) != 2:
        raise ValueError(f"{option} is two numbers, {what}: got {shown(text)}")
    return None if found is None else (found[0], found[1])


def _listed(option: str, text: str | None, kind: Callable[[str], Any]) -> list[Any] | None:
    try:
        numbers = None if text is None else [kind(part) for part in text.split(",")]
    except ValueError:
        raise ValueError(f"{option} is numbers separated by commas: got {shown(text)}") from None
    if numbers is not None and not all(math.isfinite(number) for number in numbers):
        raise ValueError(f"{option} is finite numbers: got {shown(text)}")
    return numbers


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code; an error is one line."""
    ensure_home()
    try:
        print("\n".join(str(path) for path in run(argv)))
    except (ValueError, OSError) as wrong:
        print(f"error: {' '.join(str(wrong).split())}", file=sys.stderr)
        return 2
    except Exception as error:  # the last guard: an unforeseen error ends in one line too
        print(f"error: {without_secrets(report_unforeseen(error))}", file=sys.stderr)
        return UNFORESEEN
    return 0


if __name__ == "__main__":
    sys.exit(main())
