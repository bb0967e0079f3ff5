"""The report's page, section by section."""

from __future__ import annotations

from analysis.estimates.best_of_n import CONFIDENCE
from analysis.estimates.comparison import Comparison
from analysis.estimates.confirmation import Confirmed
from analysis.estimates.pareto import Network
from analysis.looks.groups import label
from analysis.reading.columns import PARAMS
from analysis.reading.table import TrialTable
from analysis.report import cross_validation, html
from analysis.report.contents import Report
from analysis.report.sentences import basis, curve_rows, headline, inspect_hint, interval, reach_sentence
from models.core import names, states

_TOP = 10


def report_page(report: Report) -> str:
    """The whole page as text."""
    study = report.table.study
    parts = [html.heading(f"Study {study}", 1), html.paragraph(headline(report.result), "headline")]
    parts.append(html.paragraph(basis(report.result), "small"))
    parts.append(html.bullets(report.result.notes))
    if report.table.folds:
        parts += cross_validation.section(report.table)
    parts += [html.heading("What it rests on"), _facts(report)]
    parts += [html.heading("Best of N"), *_pictures(report, "tuning_curve"), *_curves(report)]
    parts += [*_pictures(report, "median", "gap"), *_gap(report)]
    parts += [html.heading("How many trials"), *_planning(report)]
    if report.comparison is not None:
        parts += _comparison(report.comparison)
    if report.confirmed:
        parts += _confirmed(report.confirmed)
    parts += [html.heading("Best trials"), _best_trials(report.table)]
    if report.table.parent_run_id is not None and not report.sections:
        parts.append(_more(report.table))
    parts += [html.heading("Hyperparameters"), *_pictures(report, "importance")]
    if report.importances.why:
        parts.append(html.paragraph(f"No importances: {report.importances.why}."))
    parts += _pictures(report, "parallel_coordinates", "boxes")
    if report.front:
        parts += [
            html.heading("Accuracy against size"),
            *_pictures(report, "pareto"),
            *_size(report),
        ]
    parts += [part for section in report.sections for part in section.parts()]
    return html.page(f"Study {study}", parts)


def _pictures(report: Report, *shown: str) -> list[str]:
    return [html.picture(n, *report.pictures[n]) for n in shown if n in report.pictures]


def _facts(report: Report) -> str:
    table, trials = report.table, report.result.trials
    counted = f"{trials['complete']} complete, {trials['failed']} failed, {trials['pruned']} pruned"
    rows = [
        ["sampler", table.sampler],
        ["trials that count (M)", f"{trials['started']}: {counted}"],
        ["lost to the machine, not counted", str(trials["lost"])],
        ["finished beyond the prefix, left out", str(trials["left_out"])],
        ["planned trials", _known(table.planned_trials)],
        ["seed of the study", _known(table.seed)],
        ["training / validation / test rows", _rows_of(table)],
        ["SHA-256 of the data", _known(table.data_sha256)],
        ["hash of the plan", _known(table.plan_hash)],
    ]
    if table.sampler == "grid":
        rows.insert(1, ["cells of the grid", _known(table.grid_size)])
    return html.table(["", ""], rows, words=(1,))


def _curves(report: Report) -> list[str]:
    shown = {
        "best_val": "validation, best of N",
        "test_of_best": "test, of that trial",
        "median_best_val": "median, validation",
    }
    shown = {name: words for name, words in shown.items() if name in report.result.curves}
    level = f"{CONFIDENCE:.0%} interval"
    head = ["N", *(cell for name in shown.values() for cell in (name, level)), "expected: method"]
    parts = [html.table(head, curve_rows(report.result, shown), words=(len(head) - 1,))]
    errors = report.result.test_standard_error
    if errors:
        largest = max(errors.values())
        parts.append(
            html.paragraph(
                f"The test set has {report.table.test_rows:,} rows: the standard error of a test accuracy "
                f"here is up to {largest:.4f} ({errors[max(errors)]:.4f} at the best trial). All trials "
                "share it, it does not shrink with more trials, and the intervals do not contain it.",
                "small",
            )
        )
    return parts


def _gap(report: Report) -> list[str]:
    if "gap" not in report.result.curves:
        return []
    shown = {"gap": "gap", "gap_net_of_1": "gap net of N = 1"}
    level = f"{CONFIDENCE:.0%} interval"
    head = ["N", *(cell for name in shown.values() for cell in (name, level)), "gap: method"]
    return [html.table(head, curve_rows(report.result, shown), words=(len(head) - 1,))]


def _planning(report: Report) -> list[str]:
    parts = [html.bullets(reach_sentence(reach) for reach in report.reaches)]
    if report.doublings:
        rows = [
            [
                f"{gain.n} to {2 * gain.n}",
                f"{gain.gain:.5f}",
                f"{gain.standard_error:.5f}",
                f"< {gain.upper:.5f}",
            ]
            for gain in report.doublings
        ]
        head = ["doubling the trials", "gain in best validation accuracy", "standard error"]
        parts.append(html.table([*head, f"upper limit, {CONFIDENCE:.0%} one-sided"], rows))
        parts.append(
            html.paragraph(
                "Gains beyond these N cannot be judged from this pool. They are no larger if the gain of a "
                "doubling does not grow.",
                "small",
            )
        )
    return parts


def _best_trials(table: TrialTable) -> str:
    frame, shown = table.ranked.head(_TOP), table.searched
    rows = [
        [
            str(row[names.NUMBER]),
            *_scores(table, row[names.VAL_ACCURACY], row[names.TEST_ACCURACY]),
            *(label(row[PARAMS + name]) for name in shown),
        ]
        for _, row in frame.iterrows()
    ]
    return html.table(["trial", *_score_names(table), *shown], rows)


def _score_names(table: TrialTable) -> list[str]:
    return ["validation accuracy", *(["test accuracy"] if table.tested else [])]


def _scores(table: TrialTable, validation: float, test: float) -> list[str]:
    return [f"{validation:.4f}", *([f"{test:.4f}"] if table.tested else [])]


def _more(table: TrialTable) -> str:
    lines = [f"The data and the best trial's learning curves, here: mlflow run . -e report -P study={table.study}"]
    if table.network_run_id is not None:
        lines.append(inspect_hint(table.network_run_id))
    return html.bullets(lines)


def _size(report: Report) -> list[str]:
    smallest = report.smallest
    words = (
        f"The smallest network with at least 0.95 validation accuracy: trial {smallest.number}, "
        f"{smallest.n_parameters:,} parameters, validation {smallest.val_accuracy:.4f}"
        + (f", test {smallest.test_accuracy:.4f}." if report.table.tested else ".")
        if smallest is not None
        else "No trial reached a validation accuracy of 0.95."
    )
    shown = report.table.searched
    rows = [_network(report.table, network) for network in report.front]
    head = ["trial", "parameters", *_score_names(report.table), *shown]
    return [html.paragraph(words), html.table(head, rows)]


def _network(table: TrialTable, network: Network) -> list[str]:
    return [
        str(network.number),
        f"{network.n_parameters:,}",
        *_scores(table, network.val_accuracy, network.test_accuracy),
        *(label(network.params[name]) for name in table.searched),
    ]


def _comparison(found: Comparison) -> list[str]:
    parts = [html.heading(f"{found.first} less {found.second}"), html.bullets(found.notes)]
    level = f"{CONFIDENCE:.0%} interval"
    head = ["validation, best of N", level, "test, of that trial", level, "validation: method"]
    rows = []
    for n, point in found.at_n["best_val"].items():
        test = found.at_n["test_of_best"][n]
        cells = [f"{point.value:+.4f}", interval(point), f"{test.value:+.4f}", interval(test)]
        rows.append([str(n), *cells, point.method])
    parts += [html.paragraph("At equal N:"), html.table(["N", *head], rows, words=(5,))]
    rows = []
    for t, point in found.at_seconds["best_val"].items():
        test = found.at_seconds["test_of_best"][t]
        one, two = found.n_at_seconds[t]
        cells = [f"{point.value:+.4f}", interval(point), f"{test.value:+.4f}", interval(test)]
        rows.append([f"{t:,.0f}", f"{one:.1f} / {two:.1f}", *cells, point.method])
    if rows:
        parts.append(html.paragraph("At equal seconds of training, one trial after another:"))
        parts.append(html.table([names.SECONDS, "trials paid for", *head], rows, words=(6,)))
    return parts


def _confirmed(rows: tuple[Confirmed, ...]) -> list[str]:
    head = ["trial", "repeats", states.FAILED, "in the search: validation", "test"]
    head += ["repeats: validation", "test", "search less repeats (validation)"]
    cells = [
        [
            str(row.number),
            str(row.repeats),
            str(row.failed),
            f"{row.search_val:.4f}",
            f"{row.search_test:.4f}",
            _spread(row.val_mean, row.val_deviation),
            _spread(row.test_mean, row.test_deviation),
            "-" if row.shrinkage is None else f"{row.shrinkage:+.4f}",
        ]
        for row in rows
    ]
    words = (
        "The best trials trained again with fresh seeds (mean \u00b1 standard deviation of one repeat). "
        "They were chosen for high scores, so their scores in the search are optimistic."
    )
    return [html.heading("Second look"), html.paragraph(words), html.table(head, cells)]


def _spread(mean: float | None, deviation: float | None) -> str:
    if mean is None:
        return "-"
    return f"{mean:.4f}" if deviation is None else f"{mean:.4f} \u00b1 {deviation:.4f}"


def _known(value: object) -> str:
    return "unknown" if value is None else str(value)


def _rows_of(table: TrialTable) -> str:
    return " / ".join(_known(n) for n in (table.train_rows, table.validation_rows, table.test_rows))
