"""The contents of a study's report: all numbers and pictures, before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.estimates.best_of_n import BestOfN, best_of_n
from analysis.estimates.comparison import Comparison, compare
from analysis.estimates.confirmation import Confirmed, confirm_summary
from analysis.estimates.doubling import DoublingGain, doubling_gain_at
from analysis.estimates.importance import Importances, importances
from analysis.estimates.planning import Reach, trials_to_reach
from analysis.estimates.refusals import nothing_to_infer
from analysis.figures.style import spaced
from analysis.looks.pareto import Network, pareto_front, smallest_of
from analysis.page.elements import Picture
from analysis.page.section import Section
from analysis.reading.pool import Pool, Use, pool_of
from analysis.reading.table import TrialTable
from analysis.report import pictures
from models.tasks.objective import LINEAR, Objective

_GOOD_ENOUGH = 0.95  # of scores from 0 to 1: "the smallest network with at least this validation accuracy"
_ROUND = (0.5, 0.8, 0.9, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995)
SAID = "Targets that the study named before its search:"
ASKED = "Targets asked for when this report was made (targets chosen after a look at the scores depend on the scores):"
CHOSEN = "Round numbers picked by the scores seen, for orientation; no target was named before the search:"


@dataclass(frozen=True)
class ReportOptions:
    """The wishes of the user, and the tables and sections, that a report takes beside the table of its study."""

    at: Sequence[int] | None = None
    """The numbers of trials N at which the best of N is told; None: round numbers."""
    use: Use = "prefix"
    targets: Sequence[float] | None = None
    """Scores to reach that the study named before it had data."""
    asked: Sequence[float] | None = None
    """Scores to reach that are named now; the page says that they are."""
    assume_tail: bool = False
    """Whether the interval that rests on an assumption is added."""
    versus: TrialTable | None = None
    """Another study to compare with; for an adaptive study a random one, over which the gain is told."""
    confirm: TrialTable | None = None
    """The study that trained the best trials again: a second look at them."""
    versus_confirm: TrialTable | None = None
    """The second look at the best trials of `versus`; only the gain of an adaptive study needs it."""
    sections: Sequence[Section] = ()
    """Sections for the end of the page."""


@dataclass(frozen=True, kw_only=True)
class StudyReport:
    """The contents that the reports of all studies share."""

    table: TrialTable
    pictures: dict[str, Picture]
    """The pictures by the stems of their files."""
    confirmed: tuple[Confirmed, ...]
    """The second look at the best trials; empty without one."""
    sections: tuple[Section, ...]
    """Sections for the end of the page."""

    def shown(self, *stems: str) -> list[Picture]:
        """The named pictures, without those that the study does not have."""
        return [self.pictures[stem] for stem in stems if stem in self.pictures]


@dataclass(frozen=True, kw_only=True)
class Report(StudyReport):
    """The report of a study whose trials do not depend on each other."""

    result: BestOfN
    importances: Importances
    front: tuple[Network, ...]
    smallest: Network | None
    good_enough: float | None
    """The validation score that `smallest` reaches; None where neither bounds nor a linear baseline give one."""
    reaches: tuple[Reach, ...]
    targets: str
    """Where the targets of `reaches` come from."""
    doublings: tuple[DoublingGain, ...]
    comparison: Comparison | None


def make_report(table: TrialTable, options: ReportOptions | None = None) -> Report:
    """All results of the report; writes nothing.

    Raises:
        ValueError: the trials are not exchangeable, none is complete, or the options do not fit them.
    """
    options = options or ReportOptions()
    pool = pool_of(table, options.use)
    result = best_of_n(table, options.at, options.use, assume_tail=options.assume_tail)
    table.objective.check_targets([*(options.targets or ()), *(options.asked or ())])
    origin, wanted = _targets(pool, table.objective, options.targets or table.targets, options.asked)
    if nothing_to_infer(table, pool.trials) is not None:  # all cells of a grid, or a list
        origin, wanted = "", ()
    found = importances(table)
    front = pareto_front(table)
    enough = good_enough(table)
    smallest = None if enough is None else smallest_of(front, enough, table.objective)
    return Report(
        table=table,
        result=result,
        importances=found,
        front=front,
        smallest=smallest,
        good_enough=enough,
        reaches=tuple(trials_to_reach(pool.val, t, direction=table.objective.direction) for t in wanted),
        targets=origin,
        doublings=_doublings(table, pool),
        pictures=pictures.by_stem(
            *pictures.curves(table, options.use, pool),
            *pictures.importance(found, table.study),
            *pictures.front(table, front, smallest, enough),
            *pictures.every_trial(table, pictures.LINES, pictures.BOXES),
        ),
        comparison=None if options.versus is None else compare(table, options.versus),
        confirmed=() if options.confirm is None else confirm_summary(table, options.confirm),
        sections=tuple(options.sections),
    )


def good_enough(table: TrialTable) -> float | None:
    """The validation score that the smallest network should reach: 0.95 of 1, or that of the linear baseline."""
    if table.objective.from_0_to_1:
        return _GOOD_ENOUGH
    return table.baselines.get(LINEAR, {}).get(table.objective.name)


def _targets(
    pool: Pool, objective: Objective, targets: Sequence[float] | None, asked: Sequence[float] | None
) -> tuple[str, tuple[float, ...]]:
    """The origin of the targets, and the targets: by default the three highest round numbers reached, and the next."""
    if targets:
        return SAID, tuple(targets)
    if asked:
        return ASKED, tuple(asked)
    if not objective.from_0_to_1:  # which numbers are round depends on the metric's units
        return "", ()
    best = float(pool.val.max())
    return CHOSEN, (*[t for t in _ROUND if t <= best][-3:], *[t for t in _ROUND if t > best][:1])


def _doublings(table: TrialTable, pool: Pool) -> tuple[DoublingGain, ...]:
    """The gains of doubling round numbers of trials, as far as the pool can tell them."""
    if table.sampler == "list":
        return ()
    steps = [n for n in spaced(pool.trials) if n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)]
    last = pool.trials // 10
    steps = sorted({n for n in (*steps, last) if 1 <= n <= last})
    found = (doubling_gain_at(pool, n) for n in steps)
    return tuple(gain for gain in found if gain.gain is not None)
