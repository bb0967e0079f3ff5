"""The pictures of a study's report, with their captions and with what a reader can point at on them."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.estimates.best_of_n import best_of_n, default_at
from analysis.estimates.importance import Importances
from analysis.estimates.refusals import SELECTED
from analysis.figures import curves as figures_curves
from analysis.figures import space as figures_space
from analysis.figures.style import png, spaced
from analysis.looks.pareto import Network
from analysis.page.elements import Picture
from analysis.reading.pool import Pool, Use
from analysis.reading.table import TrialTable
from analysis.report.trials import found_on_curve, found_on_lines

MEDIAN = (
    "Median of the best of N trials. The interval is valid at each N for any distribution of scores; the dashed band "
    "holds for all N at once."
)
IMPORTANCE = "Two answers to two questions; neither carries an error, so close shares have no order."
FRONT = "The front is the best of many trials at every size, chosen on validation: optimistic."
LINES = (
    "Each line is a trial, from top to bottom; values that repeat are spread a little so that lines can be told apart. "
    "Failed trials are not shown."
)
BOXES = (
    "Scores for each value (or quarter of the trials) of each hyperparameter, over all values of the others. Box: "
    "quartiles; line: median; whiskers: up to 1.5 box lengths; points: trials. No boxes for fewer than five trials. "
    "Failed trials are not shown."
)


def by_stem(*pictures: Picture) -> dict[str, Picture]:
    """The pictures by the stems of their files."""
    return {picture.name: picture for picture in pictures}


def curves(table: TrialTable, use: Use, pool: Pool) -> Iterator[Picture]:
    """The best of N against N: on average, as a median, and how much less the chosen trial has on test."""
    at = sorted({*spaced(pool.trials, 30), *default_at(pool.trials), max(pool.trials // SELECTED, 1)})
    fine = best_of_n(table, at, use)
    drawn = figures_curves.tuning_curve(fine)
    yield Picture("tuning_curve", drawn.png, _averages(table, pool), found_on_curve(fine, pool, drawn.places))
    yield Picture("median", png(figures_curves.median_steps(fine)), MEDIAN)
    if pool.tested:
        caption = (
            f"Validation less test {table.objective.label} of the selected trial: raw, and less the difference of the "
            "two data sets without any selection (N = 1)."
        )
        yield Picture("gap", png(figures_curves.gap_curve(fine)), caption)


def _averages(table: TrialTable, pool: Pool) -> str:
    """The caption of the tuning curve."""
    label = table.objective.label
    start = f"Expected best validation {label} of N trials"
    shaded = (
        "Shaded: 95% interval at each N, shown by simulation to cover; its better end is wide where a perfect score is "
        "far from all scores seen, and its other end tells what many trials establish."
    )
    if not pool.tested:
        return f"{start}. {shaded}"
    dashed = f" Thin dashed lines: the same for test, up to N = M/{SELECTED}." if table.objective.bounded else ""
    own = ", with the interval of its own test score" if table.objective.proportion else ""
    return (
        f"{start}, and the test {label} of the trial that validation picks. {shaded}{dashed} "
        f"The diamond: the trial found{own}."
    )


def importance(found: Importances, study: str) -> Iterator[Picture]:
    """The share of each hyperparameter, where importances could be computed."""
    if found.ped_anova:
        yield Picture("importance", png(figures_space.importance_bars(found, study)), IMPORTANCE)


def front(
    table: TrialTable, networks: tuple[Network, ...], smallest: Network | None, enough: float | None
) -> Iterator[Picture]:
    """Score against size with the Pareto front, and the `smallest` network that reaches the score `enough`."""
    if networks:
        yield Picture("pareto", png(figures_space.pareto_figure(table, networks, smallest, enough)), FRONT)


def every_trial(table: TrialTable, lines: str, boxes: str) -> Iterator[Picture]:
    """All trials over their hyperparameters, as lines and as boxes with these captions, where one of them varies."""
    if figures_space.varying(table):
        drawn = figures_space.parallel_coordinates(table)
        yield Picture("parallel_coordinates", drawn.png, lines, found_on_lines(table, drawn.places))
        yield Picture("boxes", png(figures_space.boxes(table)), boxes)
