"""The parts of the page of an adaptive search, section by section."""

from __future__ import annotations

from analysis.adaptive import words
from analysis.adaptive.contents import AdaptiveReport
from analysis.estimates.notes import counted, mixed_words
from analysis.page.elements import Bullets, Element, Heading, Paragraph, Table
from analysis.report import reached, second_looks
from analysis.report.page import all_trials, further, rests_on, usage_lines


def adaptive_parts(report: AdaptiveReport) -> list[Element]:
    """The whole page below its title."""
    table, found = report.table, report.found
    parts: list[Element] = [Paragraph(words.headline(found), "headline")]
    parts.append(Paragraph(f"To quote: {words.quote(table, found)}", "quote"))
    parts += second_looks.baselines(table)
    parts.append(Heading(f"What one search of {counted(found.each)} reaches"))
    parts.append(Table(words.search_head(table), words.search_rows(table, found)))
    parts += map(Paragraph, words.sentences(found, table.start_up_trials or 0)[1:])
    parts += report.shown("observed")
    if report.gain is not None:
        parts.append(Heading(f"Gain over {report.gain.random}"))
        parts.append(Bullets(words.gain_sentences(report.gain, table.objective.label)))
    parts += second_looks.confirmed(report.confirmed)
    parts += _start_up(report)
    notes = [*([mixed_words(table)] if table.trained_with else []), *found.all_trials.notes[-1:]]
    parts += rests_on(table, found.all_trials, notes)
    parts += all_trials(report)
    parts += usage_lines(table)
    parts += [Heading("Hyperparameters"), *report.shown("boxes", "pareto")]
    return [*parts, *further(report, parts)]


def _start_up(report: AdaptiveReport) -> list[Element]:
    """What a random search reaches, estimated from the trials that were drawn at random."""
    if report.start_up is None:
        return []
    trials = report.start_up.result.trials["started"]
    said = (
        f"The first {report.table.start_up_trials} trials of each search were drawn at random, before any score was "
        f"known. Together they are a random search of {trials} trials, which this section describes."
    )
    return [
        Heading("Its random start-up trials: what a random search of N trials reaches"),
        Paragraph(said),
        *report.shown("tuning_curve"),
        *reached.averages(report.start_up),
    ]
