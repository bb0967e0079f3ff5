"""The contents of an adaptive search's report: all numbers and pictures, before anything is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from analysis.adaptive import words
from analysis.adaptive.gain import Gain, gain_over
from analysis.adaptive.replicates import Replicates, replicates_of, start_up_of
from analysis.estimates.confirmation import confirm_summary
from analysis.figures import curves as figures_curves
from analysis.figures.style import png
from analysis.looks.pareto import pareto_front, smallest_of
from analysis.page.elements import Picture
from analysis.reading.table import TrialTable
from analysis.report import pictures
from analysis.report.contents import Report, ReportOptions, StudyReport, good_enough, make_report
from models.core import names

LINES = "Each line is a trial; a sampler that looks at scores draws more lines where they were good."
BOXES = (
    "Scores for each value (or quarter of the trials) of each hyperparameter, over the values of the others that the "
    "sampler drew, which are not alike for all: no comparison of values by themselves."
)


@dataclass(frozen=True, kw_only=True)
class AdaptiveReport(StudyReport):
    """The report of an adaptive search."""

    found: Replicates
    start_up: Report | None
    """The report of the random start-up trials; None while the first of them are not finished."""
    gain: Gain | None

    def to_json(self) -> dict[str, Any]:
        """The numbers as plain values."""
        found = self.found
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
            "gain": None if self.gain is None else asdict(self.gain),
            "random_start_up": None if found.start_up is None else found.start_up.to_json(),
        }


def make_adaptive_report(table: TrialTable, options: ReportOptions) -> AdaptiveReport:
    """All results of the report; writes nothing.

    Raises:
        ValueError: no trial is complete, or the study to compare with does not fit (see `gain_over`).
    """
    found, versus, confirm = replicates_of(table), options.versus, options.confirm
    start_up = None
    if found.start_up is not None:
        of_start_up = replace(options, use="prefix", versus=None, confirm=None, sections=())
        start_up = make_report(start_up_of(table), of_start_up)
    confirms = None if confirm is None or options.versus_confirm is None else (confirm, options.versus_confirm)
    return AdaptiveReport(
        table=table,
        found=found,
        start_up=start_up,
        gain=None if versus is None else gain_over(found, table, versus, confirms),
        confirmed=() if confirm is None else confirm_summary(table, confirm),
        pictures=pictures.by_stem(*_pictures(table, start_up)),
        sections=tuple(options.sections),
    )


def _pictures(table: TrialTable, start_up: Report | None) -> Iterator[Picture]:
    observed = figures_curves.observed(table.study, best_so_far(table), table.start_up_trials or 0, table.objective)
    yield Picture("observed", png(observed), words.OBSERVED)
    if start_up is not None:
        yield start_up.pictures["tuning_curve"]
    yield from pictures.every_trial(table, LINES, BOXES)
    front, enough = pareto_front(table), good_enough(table)
    smallest = smallest_of(front, enough, table.objective) if front and enough is not None else None
    yield from pictures.front(table, front, smallest, enough)


def best_so_far(table: TrialTable) -> list[list[float]]:
    """The best validation score of each replicate after each of its trials; the worst score while none is complete."""
    objective, count = table.objective, table.replicates or 1
    worst = objective.worst(table.baselines)
    frame = table.frame.assign(score=table.frame[objective.name].where(table.scored, worst))
    best = np.maximum if objective.sign > 0 else np.minimum
    parts = [frame.loc[frame[names.NUMBER] % count == place, "score"] for place in range(count)]
    return [best.accumulate(part.to_numpy(dtype=float)).tolist() for part in parts if len(part)]
