"""The report's page, section by section."""

from __future__ import annotations

from analysis.estimates.best_of_n import BestOfN
from analysis.looks.groups import label
from analysis.looks.pareto import Network
from analysis.page import html
from analysis.reading import usage
from analysis.reading.table import TrialTable
from analysis.report import cross_validation, reached, second_looks, trials
from analysis.report.contents import Report
from analysis.report.sentences import basis, has_intervals, headline, inspect_hint, quote, range_of, smallest_sentence
from models.core import names


def report_page(report: Report) -> str:
    """The whole page as text."""
    study = report.table.study
    parts = [html.heading(f"Study {study}", 1), html.paragraph(headline(report.result), "headline")]
    parts.append(html.paragraph(basis(report.result), "small"))
    parts.append(html.paragraph(f"To quote: {quote(report.table, report.result)}", "quote"))
    parts += second_looks.baselines(report.table)
    parts += [html.heading("What a search of N trials reaches on average"), *_pictures(report, "tuning_curve")]
    parts += reached.averages(report)
    parts += [html.heading("What more trials would buy"), *reached.planning(report)]
    if report.comparison is not None:
        parts += second_looks.comparison(report.comparison)
    if report.confirmed:
        parts += second_looks.confirmed(report.confirmed)
    if report.table.folds:
        parts += cross_validation.section(report.table)
    parts += [html.heading("What it rests on"), html.bullets(_notes(report)), facts(report.table, report.result)]
    parts += [html.heading("For a reproducibility checklist"), checklist(report.table, report.result)]
    parts += [html.heading("Details"), *reached.details(report), *_pictures(report, "median", "gap")]
    parts += reached.gap(report)
    parts += [html.heading("Trials"), trials.best(report.table)]
    parts += [trials.search(report.table), *_pictures(report, "parallel_coordinates"), trials.everyone(report.table)]
    if report.table.parent_run_id is not None and not report.sections:
        parts.append(_more(report.table))
    shown = usage.lines(report.table)
    parts += [html.heading(usage.TITLE), html.code(shown)] if shown else []
    parts += [html.heading("Hyperparameters"), *_pictures(report, "importance"), *_importances(report)]
    parts += _pictures(report, "boxes")
    if report.front:
        parts += [
            html.heading(f"{report.table.objective.heading} against size"),
            *_pictures(report, "pareto"),
            *_size(report),
        ]
    parts += [part for section in report.sections for part in section.parts()]
    return html.page(f"Study {study}", parts)


def _notes(report: Report) -> list[str]:
    """Those that do not stand beside the intervals already."""
    return [note for note in report.result.notes if note not in report.result.flags]


def _importances(report: Report) -> list[str]:
    found = report.importances
    words = [f"No importances: {found.why}."] if found.why else []
    return [html.paragraph(sentence, "small") for sentence in (*words, *found.left_out)]


def _pictures(report: Report, *shown: str) -> list[str]:
    return [report.pictures[n].part() for n in shown if n in report.pictures]


def facts(table: TrialTable, result: BestOfN) -> str:
    """What the estimates rest on: sampler, counts, seed, hashes."""
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
        rows.insert(2, ["of its trials drawn at random, each", _known(table.start_up_trials)])
    if table.sampler == "grid":
        rows.insert(1, ["cells of the grid", _known(table.grid_size)])
    return html.table(["", ""], rows, words=(1,))


def checklist(table: TrialTable, result: BestOfN) -> str:
    """What checklists of conferences ask about a search, answered from the trials."""
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
    return html.table(["", ""], rows, words=(1,))


_VALUES = "values of the hyperparameters in these trials"


def _error_bars(result: BestOfN) -> str:
    if not has_intervals(result):
        return "of averages none: they are exact for these trials; of a test accuracy this network's interval"
    return f"{result.confidence:.0%} intervals over draws of configurations and seeds, on one data split"


_WAYS = {name: f"{name}, independently of scores" for name in ("random", "grid")} | {"list": "by hand"}


def _hours(seconds: float) -> str:
    for unit, size in (("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def _more(table: TrialTable) -> str:
    command = table.program.command("report", {"study": table.study})
    lines = [f"The data and the best trial's learning curves, here: {command}"]
    if table.network_run_id is not None:
        lines.append(inspect_hint(table.program, table.network_run_id))
    return html.bullets(lines)


def _size(report: Report) -> list[str]:
    shown = report.table.searched
    rows = [_network(report.table, network) for network in report.front]
    head = ["trial", "parameters", *trials.score_names(report.table), *shown]
    enough = report.good_enough
    words = [] if enough is None else [html.paragraph(smallest_sentence(report.table, report.smallest, enough))]
    return [*words, html.table(head, rows)]


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
