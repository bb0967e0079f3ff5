"""The report of a study, whichever its sampler: of an adaptive one as it stands here, of others analysis.report's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from analysis.adaptive import words
from analysis.adaptive.gain import Gain, gain_over
from analysis.adaptive.replicates import Replicates, replicates_of, start_up_of
from analysis.estimates.best_of_n import best_of_n
from analysis.estimates.confirmation import Confirmed, confirm_summary
from analysis.estimates.notes import counted, mixed_words
from analysis.figures import curves as figures_curves
from analysis.figures import space as figures_space
from analysis.looks.pareto import pareto_front, smallest_of
from analysis.page import html
from analysis.page.section import Picture, Section
from analysis.reading import usage
from analysis.reading.pool import Use
from analysis.reading.table import TrialTable
from analysis.report import reached, second_looks, trials
from analysis.report.contents import Report, good_enough, make_report
from analysis.report.page import checklist, facts
from analysis.report.sentences import headline, quote
from analysis.report.writing import write_report
from models.core import names

_LINES = "Each line is a trial; a sampler that looks at scores draws more lines where they were good."
_BOXES = (
    "Scores for each value (or quarter of the trials) of each hyperparameter, over the values of the others that the "
    "sampler drew, which are not alike for all: no comparison of values by themselves."
)
_FRONT = "The front is the best of many trials at every size, chosen on validation: optimistic."


@dataclass(frozen=True)
class AdaptiveReport:
    """Everything that the page of an adaptive search shows; `pictures` by the stems of their files."""

    table: TrialTable
    found: Replicates
    start_up: Report | None
    """The report of the random start-up trials; None while none of their beginning is finished."""
    gain: Gain | None
    confirmed: tuple[Confirmed, ...]
    pictures: dict[str, Picture]
    sections: tuple[Section, ...]


def write_study_report(
    table: TrialTable,
    folder: Path,
    at: Sequence[int] | None = None,
    *,
    use: Use = "prefix",
    targets: Sequence[float] | None = None,
    asked: Sequence[float] | None = None,
    assume_tail: bool = False,
    versus: TrialTable | None = None,
    confirm: TrialTable | None = None,
    versus_confirm: TrialTable | None = None,
    sections: Sequence[Section] = (),
) -> list[Path]:
    """Write the report's files into `folder`, made if need be; the arguments are those of make_report.

    Of an adaptive study `versus` is a random one, over which the gain is told, and `versus_confirm` its second look.
    """
    if table.replicates is None:
        if versus is not None and versus.replicates is not None:
            raise ValueError(
                f"an adaptive study is compared with a random one as --study {versus.study} --versus {table.study}: "
                f"got --study {table.study} --versus {versus.study}"
            )
        made = make_report(
            table, at, use=use, targets=targets, asked=asked, assume_tail=assume_tail, versus=versus, confirm=confirm,
            sections=sections,
        )  # fmt: skip
        return write_report(made, folder)
    found = replicates_of(table)
    start_up = None
    if found.start_up is not None:
        start_up = make_report(start_up_of(table), at, targets=targets, asked=asked, assume_tail=assume_tail)
    both = None if confirm is None or versus_confirm is None else (confirm, versus_confirm)
    report = AdaptiveReport(
        table, found, start_up,
        gain_over(found, table, versus, both) if versus is not None else None,
        confirm_summary(table, confirm) if confirm is not None else (),
        _pictures(table, found, start_up),
        tuple(sections),
    )  # fmt: skip
    return _write(report, folder)


def said_of(table: TrialTable, use: Use = "prefix") -> list[str]:
    """What the report begins with, for a terminal: headline, sentence to quote, and what flags its intervals."""
    if table.replicates is not None:
        found = replicates_of(table)
        return [words.headline(found), f"To quote: {words.quote(table, found)}"]
    result = best_of_n(table, use=use)
    flagged = [f"Flagged: {reason}" for reason in result.flags]
    return [headline(result), f"To quote: {quote(table, result)}", *flagged]


def _write(report: AdaptiveReport, folder: Path) -> list[Path]:
    page = _page(report)
    folder.mkdir(parents=True, exist_ok=True)
    files = {f"{name}.png": each.png for name, each in report.pictures.items()}
    files |= {f"{each.name}.png": each.png for section in report.sections for each in section.pictures}
    files["replicates.json"] = (json.dumps(_as_json(report), indent=1, allow_nan=False) + "\n").encode()
    files["report.html"] = page.encode()
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def _as_json(report: AdaptiveReport) -> dict[str, Any]:
    found = report.found
    return {
        "study": found.study,
        "sampler": found.sampler,
        "objective": found.all_trials.objective.name,
        "trials_each": found.each,
        "found": asdict(found.found),
        "searches": [asdict(one) for one in found.searches],
        "all_finished": found.whole,
        "best_val": None if found.val is None else asdict(found.val),
        "test_of_best": None if found.test is None else asdict(found.test),
        "another_search_below_all": found.below if found.whole else None,
        "gain": None if report.gain is None else asdict(report.gain),
        "random_start_up": None if found.start_up is None else found.start_up.to_json(),
    }


def _page(report: AdaptiveReport) -> str:
    table, found = report.table, report.found
    label = table.objective.label
    parts = [html.heading(f"Study {table.study}", 1), html.paragraph(words.headline(found), "headline")]
    parts.append(html.paragraph(f"To quote: {words.quote(table, found)}", "quote"))
    parts += second_looks.baselines(table)
    parts.append(html.heading(f"What one search of {counted(found.each)} reaches"))
    parts.append(html.table(words.search_head(table), words.search_rows(table, found)))
    parts += [html.paragraph(sentence) for sentence in words.sentences(found, table.start_up_trials or 0)[1:]]
    parts += _shown(report, "observed")
    if report.gain is not None:
        parts.append(html.heading(f"Gain over {report.gain.random}"))
        parts.append(html.bullets(words.gain_sentences(report.gain, label)))
    if report.confirmed:
        parts += second_looks.confirmed(report.confirmed)
    if report.start_up is not None:
        m = report.start_up.result.trials["started"]
        parts.append(html.heading("Its random start-up trials: what a random search of N trials reaches"))
        parts.append(
            html.paragraph(
                f"The first {table.start_up_trials} trials of each search were drawn at random, before any score was "
                f"known: together a random search of {m} trials, of which all that follows in this section is."
            )
        )
        parts += [*_shown(report, "tuning_curve"), *reached.averages(report.start_up)]
    parts += [
        html.heading("What it rests on"),
        html.bullets([*([mixed_words(table)] if table.trained_with else []), *found.all_trials.notes[-1:]]),
        facts(table, found.all_trials),
    ]
    parts += [html.heading("For a reproducibility checklist"), checklist(table, found.all_trials)]
    parts += [html.heading("Trials"), trials.best(table)]
    parts += [trials.search(table), *_shown(report, "parallel_coordinates"), trials.everyone(table)]
    lines = usage.lines(table)
    parts += [html.heading(usage.TITLE), html.code(lines)] if lines else []
    parts += [html.heading("Hyperparameters"), *_shown(report, "boxes", "pareto")]
    parts += [part for section in report.sections for part in section.parts()]
    return html.page(f"Study {table.study}", parts)


def _shown(report: AdaptiveReport, *shown: str) -> list[str]:
    return [report.pictures[name].part() for name in shown if name in report.pictures]


def _pictures(table: TrialTable, found: Replicates, start_up: Report | None) -> dict[str, Picture]:
    observed = figures_curves.observed(table.study, best_so_far(table), table.start_up_trials or 0, table.objective)
    pictures = [Picture("observed", observed, words.OBSERVED)]
    if start_up is not None:
        pictures.append(start_up.pictures["tuning_curve"])
    if figures_space.varying(table):
        lines = figures_space.parallel_coordinates(table)
        pictures.append(Picture("parallel_coordinates", lines.png, _LINES, trials.found_on_lines(table, lines.places)))
        pictures.append(Picture("boxes", figures_space.boxes(table), _BOXES))
    front, enough = pareto_front(table), good_enough(table)
    if front:
        smallest = None if enough is None else smallest_of(front, enough, table.objective)
        drawn = figures_space.pareto_figure(table, front, smallest, enough)
        pictures.append(Picture("pareto", drawn, _FRONT))
    return {picture.name: picture for picture in pictures}


def best_so_far(table: TrialTable) -> list[list[float]]:
    """Of each replicate, the best validation score after each of its trials; the worst score where there is none."""
    objective, count = table.objective, table.replicates or 1
    worst = objective.worst(table.baselines)
    frame = table.frame.assign(score=table.frame[objective.name].where(table.scored, worst))
    best = np.maximum if objective.sign > 0 else np.minimum
    parts = [frame.loc[frame[names.NUMBER] % count == place, "score"] for place in range(count)]
    return [best.accumulate(part.to_numpy(dtype=float)).tolist() for part in parts if len(part)]
