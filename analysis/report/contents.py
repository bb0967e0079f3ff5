"""What the report of a study holds: every number, sentence and picture of it, before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from analysis.estimates.best_of_n import BestOfN, best_of_n, default_at
from analysis.estimates.comparison import Comparison, compare
from analysis.estimates.confirmation import Confirmed, confirm_summary
from analysis.estimates.doubling import DoublingGain, doubling_gain_at
from analysis.estimates.importance import Importances, importances
from analysis.estimates.planning import Reach, trials_to_reach
from analysis.estimates.refusals import SELECTED, nothing_to_infer
from analysis.figures import curves as figures_curves
from analysis.figures import space as figures_space
from analysis.figures.style import spaced
from analysis.looks.pareto import Network, pareto_front, smallest_of
from analysis.page.section import Picture, Section
from analysis.reading.pool import Pool, Use, pool_of
from analysis.reading.table import TrialTable
from analysis.report.trials import found_on_curve, found_on_lines
from models.tasks.objective import LINEAR, Objective

_GOOD_ENOUGH = 0.95  # of what lies between 0 and 1: "the smallest network with at least this validation accuracy"
_ROUND = (0.5, 0.8, 0.9, 0.95, 0.97, 0.98, 0.985, 0.99, 0.995)
SAID = "Targets that the study named before its search:"
ASKED = "Targets asked for when this report was made (chosen after a look at the scores, they are chosen by them):"
CHOSEN = "Round numbers picked by the scores seen, for orientation; no target was named before the search:"


_OWN_INTERVAL = ", with the interval of its own test score"


@dataclass(frozen=True)
class Report:
    """Everything the page shows; `pictures` by the stems of their files."""

    table: TrialTable
    result: BestOfN
    importances: Importances
    front: tuple[Network, ...]
    smallest: Network | None
    good_enough: float | None
    """The validation score that `smallest` reaches; None where there is nothing to go by."""
    reaches: tuple[Reach, ...]
    targets: str
    """Where the targets of `reaches` come from."""
    doublings: tuple[DoublingGain, ...]
    pictures: dict[str, Picture]
    comparison: Comparison | None = None
    confirmed: tuple[Confirmed, ...] = field(default=())
    sections: tuple[Section, ...] = field(default=())


def make_report(
    table: TrialTable,
    at: Sequence[int] | None = None,
    *,
    use: Use = "prefix",
    targets: Sequence[float] | None = None,
    asked: Sequence[float] | None = None,
    assume_tail: bool = False,
    versus: TrialTable | None = None,
    confirm: TrialTable | None = None,
    sections: Sequence[Section] = (),
) -> Report:
    """All results of the report; writes nothing.

    `targets` are the scores to reach that the study named before it had data, `asked` those named now, shown as such.
    `assume_tail` adds the interval that rests on an assumption. `versus` adds a comparison with another study,
    `confirm` the second look at the best trials, `sections` what stands at its end.
    """
    pool = pool_of(table, use)
    result = best_of_n(table, at, use, assume_tail=assume_tail)
    table.objective.check_targets([*(targets or ()), *(asked or ())])
    origin, wanted = _targets(pool, table.objective, targets or table.targets, asked)
    if nothing_to_infer(table, pool.trials) is not None:  # all cells, or a list: no further search of the kind
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
        pictures=_pictures(table, use, pool, found, front, smallest, enough),
        comparison=compare(table, versus) if versus is not None else None,
        confirmed=confirm_summary(table, confirm) if confirm is not None else (),
        sections=tuple(sections),
    )


def good_enough(table: TrialTable) -> float | None:
    """What the smallest network should reach: 0.95 of 1, or what the linear baseline does on validation."""
    if table.objective.from_0_to_1:
        return _GOOD_ENOUGH
    return table.baselines.get(LINEAR, {}).get(table.objective.name)


def _targets(
    pool: Pool, objective: Objective, targets: Sequence[float] | None, asked: Sequence[float] | None
) -> tuple[str, tuple[float, ...]]:
    """Where the targets come from, and they: without any, the three highest round numbers reached and the next."""
    if targets:
        return SAID, tuple(targets)
    if asked:
        return ASKED, tuple(asked)
    if not objective.from_0_to_1:  # which numbers are round depends on the metric's units
        return "", ()
    best = float(pool.val.max())
    return CHOSEN, (*[t for t in _ROUND if t <= best][-3:], *[t for t in _ROUND if t > best][:1])


def _doublings(table: TrialTable, pool: Pool) -> tuple[DoublingGain, ...]:
    if table.sampler == "list":
        return ()
    steps = [n for n in spaced(pool.trials) if n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)]
    last = pool.trials // 10
    steps = sorted({n for n in (*steps, last) if 1 <= n <= last})
    found = (doubling_gain_at(pool, n) for n in steps)
    return tuple(gain for gain in found if gain.gain is not None)


def _pictures(
    table: TrialTable,
    use: Use,
    pool: Pool,
    found: Importances,
    front: tuple[Network, ...],
    smallest: Network | None,
    enough: float | None,
) -> dict[str, Picture]:
    fine = best_of_n(
        table, sorted({*spaced(pool.trials, 30), *default_at(pool.trials), max(pool.trials // SELECTED, 1)}), use
    )
    label = table.objective.label
    curve = figures_curves.tuning_curve(fine)
    pictures = [
        Picture(
            "tuning_curve",
            curve.png,
            f"Expected best validation {label} of N trials"
            + (f", and the test {label} of the trial that validation picks" if pool.tested else "")
            + ". Shaded: 95% interval at each N, shown by simulation to cover; its better end is wide where a perfect "
            "score is far from all that were seen, so that the other one is what many trials establish."
            + (f" Thin dashed lines: the same for test, up to N = M/{SELECTED}." * table.objective.bounded)
            * pool.tested
            + (" The diamond: the trial found" + _OWN_INTERVAL * table.objective.proportion + ".") * pool.tested,
            found_on_curve(fine, pool, curve.places),
        ),
        Picture(
            "median",
            figures_curves.median_steps(fine),
            "Median of the best of N trials. The interval is valid at each N for any distribution of "
            "scores; the dashed band holds for all N at once.",
        ),
    ]
    if pool.tested:
        caption = (
            f"Validation less test {label} of the selected trial: raw, and net of what the two data "
            "sets differ by without any selection (N = 1)."
        )
        pictures.append(Picture("gap", figures_curves.gap_curve(fine), caption))
    if found.ped_anova:
        caption = "Two answers to two questions; neither carries an error, so close shares have no order."
        pictures.append(Picture("importance", figures_space.importance_bars(found, table.study), caption))
    if front:
        drawn = figures_space.pareto_figure(table, front, smallest, enough)
        caption = "The front is the best of many trials at every size, chosen on validation: optimistic."
        pictures.append(Picture("pareto", drawn, caption))
    if figures_space.varying(table):
        lines = figures_space.parallel_coordinates(table)
        caption = (
            "Each line is a trial, from top to bottom; values that repeat are spread a little so that lines can be "
            "told apart. Failed trials are not shown."
        )
        pictures.append(Picture("parallel_coordinates", lines.png, caption, found_on_lines(table, lines.places)))
        caption = (
            "Scores for each value (or quarter of the trials) of each hyperparameter, over all values "
            "of the others. Box: quartiles; line: median; whiskers: up to 1.5 box lengths; points: "
            "trials. No boxes for fewer than five trials. Failed trials are not shown."
        )
        pictures.append(Picture("boxes", figures_space.boxes(table), caption))
    return {picture.name: picture for picture in pictures}
