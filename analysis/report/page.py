"""The parts of the report's page, section by section."""

from __future__ import annotations

from analysis.estimates.best_of_n import BestOfN
from analysis.looks.groups import label
from analysis.looks.pareto import Network
from analysis.page.elements import Bullets, Code, Element, Facts, Heading, Paragraph, Table
from analysis.reading import usage
from analysis.reading.table import TrialTable
from analysis.report import cross_validation, reached, second_looks, trials
from analysis.report.contents import Report, StudyReport
from analysis.report.sentences import basis, has_intervals, headline, inspect_hint, quote, range_of, smallest_sentence
from models.core import names


def report_parts(report: Report) -> list[Element]:
    """The whole page below its title."""
    table, result = report.table, report.result
    parts: list[Element] = [Paragraph(headline(result), "headline"), Paragraph(basis(result), "small")]
    parts.append(Paragraph(f"To quote: {quote(table, result)}", "quote"))
    parts += second_looks.baselines(table)
    parts += [Heading("What a search of N trials reaches on average"), *report.shown("tuning_curve")]
    parts += reached.averages(report)
    parts += [Heading("What more trials would buy"), *reached.planning(report)]
    if report.comparison is not None:
        parts += second_looks.comparison(report.comparison)
    parts += second_looks.confirmed(report.confirmed)
    if table.folds:
        parts += cross_validation.section(table)
    notes = [note for note in result.notes if note not in result.flags]  # flags stand beside the intervals
    parts += rests_on(table, result, notes)
    parts += [Heading("Details"), *reached.details(report), *report.shown("median", "gap"), *reached.gap(report)]
    parts += all_trials(report)
    if table.parent_run_id is not None and not report.sections:
        parts.append(_more(table))
    parts += usage_lines(table)
    parts += [Heading("Hyperparameters"), *report.shown("importance"), *_importances(report), *report.shown("boxes")]
    if report.front:
        parts += [Heading(f"{table.objective.heading} against size"), *report.shown("pareto"), *_size(report)]
    return [*parts, *further(report, parts)]


def rests_on(table: TrialTable, result: BestOfN, notes: list[str]) -> list[Element]:
    """What the numbers of the page rest on, and what a reproducibility checklist asks."""
    return [
        Heading("What it rests on"),
        Bullets(notes),
        _facts(table, result),
        Heading("For a reproducibility checklist"),
        _checklist(table, result),
    ]


def all_trials(report: StudyReport) -> list[Element]:
    """The best trials, and all of them to be searched."""
    table = report.table
    lines = report.shown("parallel_coordinates")
    return [Heading("Trials"), trials.best(table), trials.search(table), *lines, trials.everyone(table)]


def usage_lines(table: TrialTable) -> list[Element]:
    """The lines of Python that use the study's network, where one is logged."""
    lines = usage.lines(table)
    return [Heading(usage.TITLE), Code(lines)] if lines else []


def further(report: StudyReport, parts: list[Element]) -> list[Element]:
    """The end of the page: pictures that have no place among `parts`, and the sections that the report was given."""
    rest = [picture for picture in report.pictures.values() if picture not in parts]
    figures: list[Element] = [Heading("Further figures"), *rest] if rest else []
    return [*figures, *(part for section in report.sections for part in section.parts())]


def _importances(report: Report) -> list[Element]:
    found = report.importances
    words = [f"No importances: {found.why}."] if found.why else []
    return [Paragraph(sentence, "small") for sentence in (*words, *found.left_out)]


def _facts(table: TrialTable, result: BestOfN) -> Facts:
    """Sampler, counts, seed and hashes."""
    numbers = result.trials
    counted = f"{numbers['complete']} complete, {numbers['failed']} failed, {numbers['pruned']} pruned"
    rows = [
        ["sampler", table.sampler],
        ["trials that count (M)", f"{numbers['started']}: {counted}"],
        ["lost to the machine, not counted", str(numbers["lost"])],
        ["finished beyond the prefix, left out", str(numbers["left_out"])],
        ["planned trials", _known(table.planned_trials)],
        ["seed of the study", _known(table.seed)],
        ["training / validation / test rows", _rows_of(table)],
        ["SHA-256 of the data", _known(table.data_sha256)],
        ["hash of the plan", _known(table.plan_hash)],
    ]
    if table.replicates is not None:
        rows.insert(1, ["independent searches", str(table.replicates)])
        rows.insert(2, ["trials of each search drawn at random", _known(table.start_up_trials)])
    if table.sampler == "grid":
        rows.insert(1, ["cells of the grid", _known(table.grid_size)])
    return Facts(rows)


def _checklist(table: TrialTable, result: BestOfN) -> Facts:
    """Answers to the questions that checklists of conferences ask about a search."""
    seconds = table.frame[names.SECONDS].dropna() if names.SECONDS in table.frame else None
    logged = table.parent_run_id is not None
    known = seconds is not None and len(seconds) > 0
    rows = [
        [
            "values of the hyperparameters in these trials (their ranges: study.yaml)" if logged else _VALUES,
            "; ".join(range_of(table, name) for name in table.searched) or "none searched",
        ],
        [
            "how values were chosen",
            _WAYS.get(table.sampler, f"{table.sampler}, by the scores of earlier trials of the same search"),
        ],
        ["how many training runs", f"{result.trials['started']} (failed ones included)"],
        ["criterion of the choice", f"validation {table.objective.label}, {table.objective.direction}d"],
        ["budget", f"{_hours(float(seconds.sum()))} in all, {_hours(float(seconds.median()))} a run (median)"]
        if known and seconds is not None
        else ["budget", "not known from the source"],
        ["hardware and versions", "tags environment.* of each run" if logged else "not known from the source"],
        ["error bars", _error_bars(result)],
    ]
    return Facts(rows)


_VALUES = "values of the hyperparameters in these trials"


def _error_bars(result: BestOfN) -> str:
    if not has_intervals(result):
        return "averages have none, for they are exact for these trials; a test accuracy has this network's interval"
    return f"{result.confidence:.0%} intervals over draws of configurations and seeds, on one data split"


_WAYS = {name: f"{name}, independently of scores" for name in ("random", "grid")} | {"list": "by hand"}


def _hours(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def _more(table: TrialTable) -> Bullets:
    command = table.program.command("report", {"study": table.study})
    lines = [f"With the data and the best trial's learning curves: {command}"]
    if table.network_run_id is not None:
        lines.append(inspect_hint(table.program, table.network_run_id))
    return Bullets(lines)


def _size(report: Report) -> list[Element]:
    shown = report.table.searched
    rows = [_network(report.table, network) for network in report.front]
    head = ["trial", "parameters", *trials.score_names(report.table), *shown]
    enough = report.good_enough
    words = [] if enough is None else [Paragraph(smallest_sentence(report.table, report.smallest, enough))]
    return [*words, Table(head, rows)]


def _network(table: TrialTable, network: Network) -> list[str]:
    return [
        str(network.number),
        f"{network.n_parameters:,}",
        *trials.scores(table, network.val, network.test),
        *(label(network.params[name]) for name in table.searched),
    ]


def _known(value: object) -> str:
    return "unknown" if value is None else str(value)


def _rows_of(table: TrialTable) -> str:
    return " / ".join(_known(n) for n in (table.train_rows, table.validation_rows, table.test_rows))
