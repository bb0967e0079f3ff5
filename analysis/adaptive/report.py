"""The report of any study: an adaptive one has a report of its own kind, all others have that of analysis.report."""

from __future__ import annotations

from pathlib import Path

from analysis.adaptive import words
from analysis.adaptive.contents import AdaptiveReport, make_adaptive_report
from analysis.adaptive.page import adaptive_parts
from analysis.reading.table import TrialTable
from analysis.report.contents import Report, ReportOptions, make_report
from analysis.report.sentences import headline, quote
from analysis.report.writing import write_files, write_report


def make_study_report(table: TrialTable, options: ReportOptions | None = None) -> Report | AdaptiveReport:
    """All results of the report; writes nothing.

    Raises:
        ValueError: the trials or the study to compare with allow no such report.
    """
    options = options or ReportOptions()
    if table.replicates is not None:
        return make_adaptive_report(table, options)
    versus = options.versus
    if versus is not None and versus.replicates is not None:
        raise ValueError(
            f"an adaptive study is compared with a random one as --study {versus.study} --versus {table.study}: "
            f"got --study {table.study} --versus {versus.study}"
        )
    return make_report(table, options)


def said_of(report: Report | AdaptiveReport) -> list[str]:
    """The beginning of the report for a terminal: headline, sentence to quote, and what flags its intervals."""
    if isinstance(report, AdaptiveReport):
        return [words.headline(report.found), f"To quote: {words.quote(report.table, report.found)}"]
    flagged = [f"Flagged: {reason}" for reason in report.result.flags]
    return [headline(report.result), f"To quote: {quote(report.table, report.result)}", *flagged]


def save_report(report: Report | AdaptiveReport, folder: Path) -> list[Path]:
    """Write the report's files into `folder`, made if need be, and return their paths."""
    if isinstance(report, AdaptiveReport):
        return write_files(report, adaptive_parts(report), {"replicates.json": report.to_json()}, folder)
    return write_report(report, folder)


def write_study_report(table: TrialTable, folder: Path, options: ReportOptions | None = None) -> list[Path]:
    """Make the report and write its files into `folder`, made if need be; their paths."""
    return save_report(make_study_report(table, options), folder)
