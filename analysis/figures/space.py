"""Figures of the search space: importance, size against score, parallel coordinates, boxes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from analysis.estimates.importance import Importances
from analysis.figures.style import (
    DARK,
    LIGHT,
    MIDDLE,
    Drawing,
    Searchable,
    column_figure,
    frame,
    headline,
    legend_at_the_better_end,
    new_figure,
    on_picture,
    png,
    score_axis,
    size_axis,
)
from analysis.looks.groups import Scale, grouped, scale_of
from analysis.looks.pareto import Network, sized
from analysis.reading.columns import PARAMS
from analysis.reading.table import TrialTable
from models.core import names
from models.core.rounding import plain_score
from models.tasks.objective import Objective

_MOST_LINES = 400
_AXIS = 0.72  # inches from one axis of the parallel coordinates to the next
_FEWEST_IN_A_BOX = 5
_MOST_DARK = 100  # points in a box above which they fade, so that the box stays seen


def importance_bars(found: Importances, study: str) -> Drawing:
    """The share of each hyperparameter, by PED-ANOVA and by fANOVA."""
    searched = sorted(found.ped_anova, key=lambda name: found.ped_anova[name])
    figure = new_figure(height=1.8 + 0.5 * len(searched))
    axes = figure.add_subplot()
    frame(axes, f"{study}: importance of the hyperparameters (complete trials: {found.trials})")
    y = np.arange(len(searched))
    fanova = [found.fanova.get(name, 0.0) for name in searched]
    axes.barh(
        y + 0.19,
        [found.ped_anova[n] for n in searched],
        0.36,
        color=DARK,
        label="PED-ANOVA: what sets the best trials apart",
    )
    axes.barh(
        y - 0.19,
        fanova,
        0.36,
        color=LIGHT,
        edgecolor=DARK,
        hatch="///",
        linewidth=0.8,
        label="fANOVA: share of the variance of all scores"
        + (f" (of {found.fanova_trials:,} trials)" if found.fanova_trials < found.trials else ""),
    )
    axes.set_yticks(y, searched)
    axes.set_xlim(0.0, 1.0)
    axes.set_xlabel("share of importance (adds to 1)")
    figure.legend(loc="outside lower center", fontsize=8.5)
    return figure


def pareto_figure(
    table: TrialTable, front: tuple[Network, ...], smallest: Network | None, target: float | None
) -> Drawing:
    """Validation score against the number of parameters, with the front and the `smallest` network at the `target`."""
    trials, objective = sized(table), table.objective
    sizes, scores = trials[names.N_PARAMETERS], trials[objective.name].tolist()
    figure = new_figure()
    axes = figure.add_subplot()
    frame(axes, f"{table.study}: {objective.label} against size (complete trials: {len(trials)})")
    axes.plot(sizes, scores, "o", color="#8a8a8a", markersize=4, markerfacecolor="none", label="trial")
    axes.step(
        [network.n_parameters for network in front],
        [network.val for network in front],
        where="post",
        color=DARK,
        linewidth=1.4,
        marker="o",
        markersize=5,
        label="Pareto front: no trial is smaller and better",
    )
    shown = _without_worst(scores, objective, 0.05, 20)
    if smallest is not None and target is not None:
        _mark_smallest(axes, smallest, target, objective)
        shown.append(target)
    size_axis(axes, sizes.min(), sizes.max())
    score_axis(axes, shown, f"validation {objective.label}", objective)
    low, high = axes.get_ylim()
    hidden = sum(not low <= score <= high for score in scores)
    if hidden:
        axes.plot([], [], " ", label=f"{hidden} trials lie outside the picture")
    legend_at_the_better_end(axes, objective.direction)
    return figure


def _mark_smallest(axes: Axes, smallest: Network, target: float, objective: Objective) -> None:
    """The target as a line, and the smallest network that reaches it."""
    most = "least" if objective.direction == "maximize" else "most"
    axes.axhline(target, color=MIDDLE, linewidth=1.0, linestyle="--")
    axes.plot(
        [smallest.n_parameters],
        [smallest.val],
        "D",
        color=MIDDLE,
        markersize=9,
        markerfacecolor="none",
        markeredgewidth=2,
        label=f"smallest with at {most} {target:.4g}: trial {smallest.number}, {smallest.n_parameters:,} weights",
    )


def parallel_coordinates(table: TrialTable) -> Searchable:
    """One line a complete trial over all hyperparameters that vary, an axis each from top to bottom, dark by its rank.

    A place has a point an axis, the last one of the score.
    """
    rows, objective = _drawn_rows(table), table.objective
    searched = _varying(table.frame[table.scored])
    scores = objective.sign * rows[objective.name].to_numpy(dtype=float)
    rank = (pd.Series(scores).rank(method="average").to_numpy() - 1.0) / max(len(scores) - 1, 1)
    scales = [*(scale_of(rows[PARAMS + name]) for name in searched), _rank_scale(scores, objective)]
    columns = [*(rows[PARAMS + name].tolist() for name in searched), rank.tolist()]
    across = _places_on_axes(scales, columns)
    figure = new_figure(height=1.0 + _AXIS * len(scales))
    axes = figure.add_subplot()
    best = max(1, min(round(len(rows) / 10), 20))
    _draw_lines(axes, across, rank, np.argsort(scores, kind="stable"), best)
    labels = [name + ("\n(logarithmic)" if s.log else "") for name, s in zip(searched, scales, strict=False)]
    _draw_scales(axes, scales, [*labels, f"validation\n{objective.label}\n(by rank)"])
    everyone = len(rows) == int(table.scored.sum())
    which = "every complete trial" if everyone else f"the worst and best {_MOST_LINES // 2} trials"
    headline(figure, f"{table.study}: {which}, the best{'' if best == 1 else f' {best}'} dark and thick")
    drawn = png(figure)
    numbers = [int(number) for number in rows[names.NUMBER]]
    lines = (list(zip(line, range(len(scales)), strict=True)) for line in across.tolist())
    return Searchable(drawn, {n: on_picture(axes, line) for n, line in zip(numbers, lines, strict=True)})


def _drawn_rows(table: TrialTable) -> pd.DataFrame:
    """The complete trials; of more than _MOST_LINES, whose lines are a grey sheet, the best and the worst ones."""
    rows, objective = table.frame[table.scored], table.objective
    if len(rows) <= _MOST_LINES:
        return rows
    ordered = rows.sort_values(objective.name, ascending=objective.sign > 0)
    return pd.concat([ordered.iloc[: _MOST_LINES // 2], ordered.iloc[-_MOST_LINES // 2 :]])


def _rank_scale(scores: NDArray[np.floating], objective: Objective) -> Scale:
    """The axis of the score, by rank from 0 to 1, with the quartiles of the scores; `scores` (n,), more is better."""
    quantiles = ((q, objective.sign * float(np.quantile(scores, q))) for q in (0.0, 0.25, 0.5, 0.75, 1.0))
    return Scale((), 0.0, 1.0, False, tuple((q, plain_score(score)) for q, score in quantiles))


def _places_on_axes(scales: Sequence[Scale], columns: Sequence[Sequence[Any]]) -> NDArray[np.floating]:
    """(trials, axes): where each trial's value lies on each axis; values that repeat are spread a little."""
    random = np.random.default_rng(0)
    places = np.empty((len(columns[0]), len(scales)))
    for k, (scale, column) in enumerate(zip(scales, columns, strict=True)):
        spread = 0.10 / max(len(scale.ticks), 2) if scale.categories else 0.0
        places[:, k] = [scale.place(value) for value in column] + random.uniform(-spread, spread, len(column))
    return places


def _draw_lines(axes: Axes, across: NDArray[np.floating], rank: np.ndarray, order: np.ndarray, best: int) -> None:
    """A line a trial (trials, axes), the best ones last and darkest; `order` of the trials, the worst one first."""
    colours = colormaps["Blues"](0.2 + 0.5 * rank)
    for i in order:
        top = i in order[-best:]
        axes.plot(
            across[i],
            range(across.shape[1]),
            color="#08203f" if top else colours[i],
            linewidth=1.6 if top else 0.7,
            alpha=0.95 if top else 0.6,
        )


def _draw_scales(axes: Axes, scales: Sequence[Scale], labels: Sequence[str]) -> None:
    """The axes of the hyperparameters and of the score, from top to bottom, with their ticks and labels."""
    halo = [withStroke(linewidth=3, foreground="white")]
    for k, scale in enumerate(scales):
        axes.axhline(k, color="#444444", linewidth=0.9)
        for where, text in scale.ticks:
            axes.text(where, k + 0.1, text, fontsize=8.5, ha="center", va="top", path_effects=halo)
    axes.set_yticks(range(len(scales)), labels, fontsize=9)
    axes.tick_params(left=False)
    axes.set_xticks([])
    axes.set_xlim(-0.06, 1.06)
    axes.set_ylim(len(scales) - 1 + 0.45, -0.2)
    for spine in axes.spines.values():
        spine.set_visible(False)


def boxes(table: TrialTable) -> Drawing:
    """Boxes of the validation scores for each value (or range) of each hyperparameter."""
    rows, objective = table.frame[table.scored], table.objective
    searched = _varying(rows)
    across = min(3, len(searched))
    down = math.ceil(len(searched) / across)
    values = rows[objective.name].tolist()
    shown = _without_worst(values, objective, 0.02, 50)
    outside = len(values) - len(shown)
    title = f"{table.study}: validation {objective.label} by hyperparameter"
    title += f" ({outside} worst trials lie outside the picture)" if outside else ""
    figure, columns = column_figure(across, 3.8, 3.2 * down, title)
    panels = np.array([column.subplots(down, 1, squeeze=False)[:, 0] for column in columns]).T.ravel()
    for axes in panels[len(searched) :]:
        axes.set_axis_off()
    random = np.random.default_rng(0)
    for axes, name in zip(panels, searched, strict=False):
        frame(axes, name, 3.2)
        groups = grouped(rows[PARAMS + name], rows[objective.name])
        _draw_groups(axes, [scores for _, scores in groups], random)
        score_axis(axes, shown, f"validation {objective.label}", objective)
        _name_groups(axes, [(label, len(scores)) for label, scores in groups])
    return figure


def _draw_groups(axes: Axes, groups: Sequence[Sequence[float]], random: np.random.Generator) -> None:
    """A box a group of scores, without one for few scores, and the scores as points."""
    boxed = [k for k, scores in enumerate(groups, start=1) if len(scores) >= _FEWEST_IN_A_BOX]
    if boxed:
        axes.boxplot(
            [groups[k - 1] for k in boxed],
            positions=boxed,
            widths=0.6,
            showfliers=False,
            patch_artist=True,
            boxprops={"facecolor": LIGHT, "edgecolor": DARK},
            medianprops={"color": DARK, "linewidth": 2, "zorder": 3},
        )
    for place, scores in enumerate(groups, start=1):
        x = place + random.uniform(-0.18, 0.18, len(scores)) * (len(scores) > 1)
        few = len(scores) < _FEWEST_IN_A_BOX
        faint = 0.5 * min(1.0, _MOST_DARK / len(scores)) ** 0.5 if scores else 0.0
        axes.plot(x, scores, "o", color=DARK, markersize=4 if few else 2.2, alpha=0.9 if few else faint)


def _name_groups(axes: Axes, groups: Sequence[tuple[str, int]]) -> None:
    """The axis of groups: the name and the number of trials of each, turned where they would overlap."""
    labels = [f"{label}\nn = {count}" for label, count in groups]
    widest = max(len(part) for label, _ in groups for part in label.split("\n"))
    crowded = widest * len(groups) > 44
    angle, align = (35, "right") if crowded else (0, "center")
    axes.set_xlim(0.4, len(groups) + 0.6)
    axes.set_xticks(range(1, len(groups) + 1), labels, fontsize=8, rotation=angle, ha=align)


def _without_worst(values: list[float], objective: Objective, share: float, few: int) -> list[float]:
    """More than `few` scores without a share of the worst ones: a collapsed trial would flatten all others."""
    if len(values) <= few:
        return values
    turned = objective.sign * np.array(values)
    floor = np.quantile(turned, share)
    return [value for value, one in zip(values, turned.tolist(), strict=True) if one >= floor]


def varying(table: TrialTable) -> bool:
    """Whether there is a complete trial and a hyperparameter with more than one value."""
    rows = table.frame[table.scored]
    return len(rows) > 0 and bool(_varying(rows))


def _varying(rows: pd.DataFrame) -> list[str]:
    found = [c for c in rows.columns if c.startswith(PARAMS) and rows[c].nunique(dropna=False) > 1]
    return [c.removeprefix(PARAMS) for c in found]
