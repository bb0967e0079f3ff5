"""Figures of the best-of-N curves: expectations and medians with their bands, and the gap to test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from matplotlib.axes import Axes

from analysis.estimates.best_of_n import BestOfN
from analysis.estimates.curves import Curve, Direction, Point
from analysis.estimates.refusals import SELECTED
from analysis.figures.style import (
    DARK,
    LIGHT,
    MIDDLE,
    Drawing,
    Searchable,
    frame,
    legend_at_the_better_end,
    new_figure,
    number_axis,
    on_picture,
    png,
    score_axis,
)
from models.core import states
from models.tasks.objective import Objective


@dataclass(frozen=True)
class _Style:
    """How a curve is drawn."""

    colour: str
    line: str
    marker: str
    filled: bool
    """Whether its band is an area. A second band is drawn as its edges, so that both are seen in grey."""


_FIRST = _Style(DARK, "-", "o", filled=True)
_SECOND = _Style(MIDDLE, "--", "s", filled=False)


def tuning_curve(result: BestOfN) -> Searchable:
    """Expected best validation score and, where trials were tested, the test score of that trial, against N.

    A place has the expected validation score, then the test score.
    """
    figure = new_figure()
    axes = figure.add_subplot()
    val, test = result.curves["best_val"], result.curves.get("test_of_best", {})
    m = max(val)
    frame(axes, f"{result.study}: what a search of N trials reaches on average ({_basis(result)})")
    _expected(axes, val, _FIRST, "validation, best of N")
    if test:
        averages = {n: point for n, point in test.items() if n < m} or test
        _expected(axes, averages, _SECOND, "test, of the trial that validation picks")
        _network(axes, m * 1.06, test[m], result.found.number)
    number_axis(axes, m)
    label = result.objective.label
    shown = [*_extent(_narrow(val, m, result.direction)), *_extent(test)]
    score_axis(axes, shown, label if test else f"validation {label}", result.objective)
    legend_at_the_better_end(axes, result.direction)
    drawn = png(figure)
    points = {n: [(float(n), each[n].value) for each in (val, test) if n in each] for n in val}
    return Searchable(drawn, {n: on_picture(axes, own) for n, own in points.items()})


def _network(axes: Axes, x: float, point: Point, number: int) -> None:
    """The trial found on test, beside the curves: one network, no average."""
    label = f"trial {number} found: this network alone"
    if point.low is None or point.high is None:
        axes.plot([x], [point.value], "D", color=MIDDLE, markersize=6, label=label, clip_on=False)
        return
    ends = [[point.value - point.low], [point.high - point.value]]
    axes.errorbar([x], [point.value], yerr=ends, fmt="D", color=MIDDLE, markersize=6, capsize=3, label=label)


def median_steps(result: BestOfN) -> Drawing:
    """The median best of N with its interval at each N, and the band that holds for all N together."""
    figure = new_figure()
    axes = figure.add_subplot()
    curve, band = result.curves["median_best_val"], result.curves["median_best_val_band"]
    m = max(curve)
    percent = f"{result.confidence:.0%}"
    frame(axes, f"{result.study}: median of the best of N trials ({_basis(result)})")
    number_axis(axes, m)
    score_axis(axes, [*_extent(curve), *_extent(band)], f"validation {result.objective.label}", result.objective)
    _filled(axes, curve, f"{percent} interval at each N")
    _outlined(axes, band, f"{percent} band for all N together")
    ns, values = _stretched({n: point.value for n, point in curve.items()}, m)
    axes.step(ns, values, where="post", color=DARK, linewidth=1.8, label="median of the pool")
    if all(point.low is None and point.high is None for point in curve.values()):
        why = next(iter(curve.values())).method
        axes.plot([], [], " ", label="exact, no interval" if why == "exact" else "too few trials for limits")
    axes.legend(loc="best", fontsize=8.5, framealpha=0.95)
    return figure


def gap_curve(result: BestOfN) -> Drawing:
    """Validation less test of the selected trial, raw and net of N = 1, and of the trial found."""
    figure = new_figure(height=3.5)
    axes = figure.add_subplot()
    raw, net = result.curves["gap"], result.curves["gap_net_of_1"]
    m = max(raw)
    frame(axes, f"{result.study}: validation less test {result.objective.label} of the selected trial")
    axes.axhline(0.0, color="#888888", linewidth=0.8)
    averages = {n: point for n, point in raw.items() if n < m} or raw
    _expected(axes, averages, _FIRST, "gap")
    _expected(axes, net, _SECOND, "gap net of N = 1: what selecting added")
    _network(axes, m * 1.06, raw[m], result.found.number)
    number_axis(axes, m)
    values = [*_extent(raw), *_extent(net), 0.0]
    margin = max((max(values) - min(values)) * 0.08, 0.0002 if result.objective.bounded else 1e-12)
    axes.set_ylim(min(values) - margin, max(values) + margin)
    axes.set_ylabel(f"difference in {result.objective.label}")
    axes.legend(loc="best", fontsize=8.5, framealpha=0.95)
    return figure


def observed(study: str, best: Sequence[Sequence[float]], random: int, objective: Objective) -> Drawing:
    """The best validation score so far of each replicate after its trials 1, 2, ...; the first `random` are shaded."""
    figure = new_figure()
    axes = figure.add_subplot()
    most = max((len(one) for one in best), default=1)
    frame(axes, f"{study}: best so far as observed in each of {len(best)} searches, no expectation of another one")
    axes.axvspan(0.5, random + 0.5, color=LIGHT, alpha=0.35, linewidth=0, label="trials drawn at random")
    for place, one in enumerate(best):
        label = "one search" if place == 0 else None
        axes.step(range(1, len(one) + 1), one, where="post", color=MIDDLE, alpha=0.75, linewidth=1.4, label=label)
        axes.plot([len(one)], [one[-1]], "o", color=MIDDLE, markersize=4)
    axes.set_xlim(0.5, most + 0.5)
    axes.set_xlabel("trials of the search")
    score_axis(axes, [score for one in best for score in one], f"best validation {objective.label} so far", objective)
    legend_at_the_better_end(axes, objective.direction)
    return figure


def _basis(result: BestOfN) -> str:
    """M, the sampler, and on which side the curve is a bound because trials were pruned."""
    pruned = result.trials[states.PRUNED]
    side = "a lower" if result.direction == "maximize" else "an upper"
    bound = f"; {side} bound, {pruned} pruned" if pruned else ""
    return f"M = {result.trials['started']}, {result.sampler}{bound}"


def _expected(axes: Axes, curve: Curve, style: _Style, label: str) -> None:
    """The curve: full where it has an interval or needs none, dotted elsewhere; marks at round N; and its band."""
    ns = sorted(curve)
    both = [n for n in ns if curve[n].low is not None and curve[n].high is not None]
    full = [n for n in ns if curve[n].method == "exact"] or both
    axes.plot(ns, [curve[n].value for n in ns], ":", color=style.colour, linewidth=1.2)
    axes.plot(full, [curve[n].value for n in full], style.line, color=style.colour, linewidth=1.8)
    few = _marked(ns)
    axes.plot(few, [curve[n].value for n in few], style.marker, color=style.colour, markersize=4.5)
    axes.plot([], [], style.line, marker=style.marker, color=style.colour, markersize=4.5, label=label)
    if both:
        _band(axes, curve, both, style)


def _band(axes: Axes, curve: Curve, ns: list[int], style: _Style) -> None:
    """The intervals at these N, which all have both ends: an area or its two edges, or at a single N a bar."""
    low, high = _pairs(curve, ns)
    if len(ns) >= 2 and style.filled:
        axes.fill_between(ns, low, high, color=style.colour, alpha=0.2, linewidth=0)
    elif len(ns) >= 2:
        for edge in (low, high):
            axes.plot(ns, edge, "--", color=style.colour, linewidth=0.9, alpha=0.8)
    elif curve[ns[0]].method != "by definition":
        value, x = curve[ns[0]].value, ns[0] * (1.0 if style.filled else 1.025)
        ends = [[value - low[0]], [high[0] - value]]
        axes.errorbar([x], [value], yerr=ends, color=style.colour, capsize=4, linewidth=1.2)


def _pairs(curve: Curve, ns: list[int]) -> tuple[list[float], list[float]]:
    lows = [curve[n].low for n in ns]
    highs = [curve[n].high for n in ns]
    return [v for v in lows if v is not None], [v for v in highs if v is not None]


def _filled(axes: Axes, curve: Curve, label: str) -> None:
    """The interval at each N; an interval with one end is a faint dotted area from it to the picture's border."""
    closed = _stretched_limits({n: p for n, p in curve.items() if p.low is not None and p.high is not None}, curve)
    if closed is not None:
        axes.fill_between(*closed, step="post", color="#9dbbd6", alpha=0.6, linewidth=0, label=label)
    opened = _stretched_limits(
        {n: p for n, p in curve.items() if (p.low is None) != (p.high is None)}, curve, axes.get_ylim()
    )
    if opened is not None:
        upwards = any(point.low is not None for point in curve.values())
        words = 'no upper limit: "at least"' if upwards else 'no lower limit: "at most"'
        axes.fill_between(
            *opened,
            step="post",
            facecolor="#eef3f8",
            edgecolor="#9dbbd6",
            hatch="..",
            linewidth=0,
            label=f"{label}, {words}",
        )


def _outlined(axes: Axes, band: Curve, label: str) -> None:
    """Both limits of the band as dashed steps, each as far as there is one."""
    first = True
    for limits in (
        {n: point.low for n, point in band.items() if point.low is not None},
        {n: point.high for n, point in band.items() if point.high is not None},
    ):
        if limits:
            ns, values = _stretched(limits, max(band))
            axes.step(
                ns,
                values,
                where="post",
                color=DARK,
                linewidth=1.0,
                linestyle=(0, (5, 3)),
                label=label if first else None,
            )
            first = False


def _stretched_limits(
    points: Curve, curve: Curve, border: tuple[float, float] = (0.0, 1.0)
) -> tuple[list[float], list[float], list[float]] | None:
    """The limits of some points of a curve as steps; a missing one lies at the border."""
    if not points:
        return None
    lows = {n: border[0] if point.low is None else point.low for n, point in points.items()}
    highs = {n: border[1] if point.high is None else point.high for n, point in points.items()}
    ns, low = _stretched(lows, max(curve))
    return ns, low, _stretched(highs, max(curve))[1]


def _stretched(values: Mapping[int, float], m: int) -> tuple[list[float], list[float]]:
    """Steps that go on behind the last N, so that its step is seen too."""
    ns = sorted(values)
    found = [values[n] for n in ns]
    end = ns[-1] + 1.0 if ns[-1] < m else m * 1.1
    return [*[float(n) for n in ns], end], [*found, found[-1]]


def _marked(ns: list[int]) -> list[int]:
    wanted = {s * 10**k for k in range(7) for s in (1, 2, 5)}
    return [n for n in ns if n in wanted]


def _narrow(curve: Curve, m: int, direction: Direction) -> Curve:
    """The curve without the better ends at large N, which reach to the best possible score and hide the rest."""

    def narrowed(point: Point) -> Point:
        if point.low is None or point.high is None:
            return point
        if direction == "maximize":
            return replace(point, high=None, why="beyond the picture")
        return replace(point, low=None, why="beyond the picture")

    return {n: point if n * SELECTED <= m else narrowed(point) for n, point in curve.items()}


def _extent(curve: Mapping[int, Point]) -> list[float]:
    found = [p.value for p in curve.values()]
    found += [p.low for p in curve.values() if p.low is not None]
    return found + [p.high for p in curve.values() if p.high is not None]
