"""`python -m search confirm`: trains the best trials of a study again with fresh seeds, as a study of its own."""

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from analysis.adaptive.report import write_study_report
from analysis.estimates.confirmation import Confirmed, confirm_summary
from analysis.reading.mlflow_studies import attach, read_mlflow_or_say_why
from analysis.reading.table import TrialTable
from analysis.report.contents import ReportOptions
from analysis.report.second_looks import STAYS_OPTIMISTIC
from analysis.report.sentences import quoted
from models.core import names
from models.core.errors import ConfigError
from models.core.rounding import plain_score
from models.core.seeds import derive_seed
from search.command_line.console import make_console
from search.command_line.described import parser_of
from search.command_line.exit_codes import COMPLETE, run_command
from search.command_line.options import Options, options_of, whole_number
from search.commands.session import run_study
from search.stores.databases import check_storage
from search.stores.optuna_attempts import look_up
from search.study.growing import TrialEnd
from search.study.reading import read_settings
from search.study.settings import StudySettings
from search.tracking.logged_studies import LoggedStudy, read_study, trusted_source


def confirming_study(
    table: TrialTable, logged: LoggedStudy, top: int, repeats: int, name: str | None = None
) -> tuple[StudySettings, list[int]]:
    """The confirming study, called NAME-confirm or `name`, and the number of the trial that each of its trials repeats.

    The confirming study has the data, the split and the network's source of the search, and fresh training seeds.

    Raises:
        ConfigError: the search has fewer complete trials than `top`, or is cross-validated.
    """
    search = logged.settings
    if search.folds:
        raise ConfigError(
            f"a second look is at trials that were trained and tested once, got {table.study}, which is "
            f"cross-validated over {search.folds} folds"
        )
    ranked = table.ranked
    if len(ranked) < top:
        raise ConfigError(f"top must be at most the {len(ranked)} complete trials of {table.study}, got {top}")
    numbers = [int(number) for number in ranked["number"].head(top) for _ in range(repeats)]
    plan = logged.plan(table.objective.direction, _results(table))
    found = {trial.number: dict(trial.parameters) for trial in plan.trials}
    configurations = [found[number] for number in numbers]
    whole = {key: value for key, value in search.as_written().items() if key not in ("space", "pruner", "replicates")}
    confirming = whole | {
        "description": f"The best {top} trials of {table.study}, {repeats} times each with fresh seeds.",
        "data": whole["data"] | {"split_seed": search.seed if search.split_seed is None else search.split_seed},
        "sampler": "list",
        "configurations": configurations,
        "trials": len(configurations),
        "seed": derive_seed(search.seed, "confirm"),
    }
    settings = read_settings(confirming, name or f"{table.study}-confirm")
    if search.source is None:
        return settings, numbers
    where = table.parent_run_id or "", search.network, search.callbacks
    source = trusted_source(*where, search.source.hash, trust=False)
    return replace(settings, source=source), numbers


def confirm(study: str, top: int, repeats: int, options: Options, console: Console) -> int:
    """Runs the confirming study, and reports each configuration's mean on test beside its scores in the search."""
    try:
        table = read_mlflow_or_say_why(study)
        settings, numbers = confirming_study(
            table, read_study(table.parent_run_id or "", study), top, repeats, options.name
        )
    except ValueError as error:
        raise ConfigError(str(error)) from None
    _check_as_begun(settings, options.storage, top, repeats)
    if "dataset" in options.data:
        where = replace(settings.source_of_data, dataset=options.data["dataset"])
        settings = replace(settings, dataset=where.to_text())
    tags = {number: {names.CONFIRMS: original} for number, original in enumerate(numbers)}
    code = run_study(settings, options, console, tags)
    if code == COMPLETE and not options.dry_run:
        repeated = read_mlflow_or_say_why(settings.name)
        console.print(_table(study, confirm_summary(table, repeated)))
        with tempfile.TemporaryDirectory() as folder:
            attach(table, write_study_report(table, Path(folder), ReportOptions(confirm=repeated)))
    return code


def _results(table: TrialTable) -> dict[int, TrialEnd]:
    scores = table.frame[table.objective.name]
    rows = zip(table.frame[names.NUMBER], table.frame[names.STATE], scores, strict=True)
    return {int(number): TrialEnd(state, None if score != score else float(score)) for number, state, score in rows}


def _check_as_begun(settings: StudySettings, storage: str, top: int, repeats: int) -> None:
    """Refuses to change the number of trials of a confirming study that has begun."""
    check_storage(storage)
    begun = look_up(storage, settings.name).planned
    if begun and begun != settings.trials:
        raise ConfigError(
            f"top and repeats must stay what the second look was begun with, {begun} trials in all, got top={top} "
            f"repeats={repeats}, {settings.trials} trials; another second look needs another name (name=...)"
        )


def _table(study: str, rows: Sequence[Confirmed]) -> Table:
    title = f"The best of {study}, trained again with fresh seeds: this configuration over seeds (mean, 95%)"
    shown = Table(title=title, caption=STAYS_OPTIMISTIC, title_justify="left", caption_justify="left")
    for name in ("trial", "repeats", "test: repeats", "this network in the search", "validation: search", "repeats"):
        shown.add_column(name, justify="right")
    for row in rows:
        shown.add_row(
            str(row.number),
            f"{row.repeats}" + (f" ({row.failed} failed)" if row.failed else ""),
            "-" if row.test is None else quoted(row.test),
            plain_score(row.search_test),
            plain_score(row.search_val),
            "-" if row.val_mean is None else plain_score(row.val_mean),
        )
    return shown


def main(arguments: Sequence[str]) -> int:
    def act() -> int:
        given = parser_of("confirm").read(arguments)
        top, repeats = whole_number("top", given["top"], 1), whole_number("repeats", given["repeats"], 1)
        return confirm(given["study"], top, repeats, options_of(given), make_console())

    return run_command(act)
