"""What may be said of an adaptive search, which was run R times: independent whole searches of n trials each.

Trials within a search depend on each other, so no curve of the best of N can be read off them. The R searches are
independent of each other and alike: their R results are a pool like any other. The first trials of each search are
drawn at random before any score is known, and are a random search of their own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pandas as pd

from analysis.estimates.best_of_n import BestOfN, Found, best_of_n
from analysis.estimates.curves import Point
from analysis.reading.pool import has_prefix, pool_of
from analysis.reading.table import TrialTable
from models.core import names, states

ENOUGH = 20
"""Replicates from which on their mean has an interval: of fewer the values themselves say as much."""


@dataclass(frozen=True)
class Replicate:
    """One whole search: its best trial on validation, the lowest number on ties."""

    replicate: int
    finished: int
    """Trials that count."""
    number: int | None
    """Of the best trial; None where none is complete."""
    val: float
    """The objective's worst score where none is complete."""
    test: float | None


@dataclass(frozen=True)
class Replicates:
    """An adaptive search as far as it is finished. `each`: planned trials of one replicate."""

    study: str
    sampler: str
    each: int
    found: Found
    """The best trial of all, chosen on validation."""
    all_trials: BestOfN
    """Of all trials as a list: how many there are, the trial found, notes. Its curves say nothing."""
    searches: tuple[Replicate, ...]
    whole: bool
    """Whether every replicate is finished. Those that finish first are the fast ones, so a part says nothing."""
    val: Point | None
    """Mean over replicates of their best validation score; None unless `whole`, without interval below ENOUGH."""
    test: Point | None
    """Mean over replicates of the test score of the trial that each chose."""
    start_up: BestOfN | None
    """The best of N of the random start-up trials; None while none of its beginning is finished."""

    @property
    def values(self) -> list[float]:
        """The best validation score of each replicate, in their order."""
        return [one.val for one in self.searches]

    @property
    def below(self) -> float:
        """The probability that another such search falls below all of these, at most: they are exchangeable."""
        return 1.0 / (len(self.searches) + 1)


def replicates_of(table: TrialTable) -> Replicates:
    """What may be said of the table of an adaptive search.

    Assumption: replicates are independent and alike, as the planner draws them. Range: any R; an interval of the mean
    from ENOUGH on, which is that of best_of_n at N = 1 over the replicates' results.

    Raises:
        ValueError: the table is not of replicates, or no trial is complete.
    """
    count = table.replicates
    if count is None:
        raise ValueError(f"replicates are of an adaptive sampler: got {table.study} with sampler {table.sampler!r}")
    if table.best is None:
        raise ValueError(f"an estimate needs at least one complete trial: got none in {table.study}")
    of_all = replace(table, sampler="list", planned_trials=len(table.frame))
    everything = best_of_n(of_all, at=[pool_of(of_all, "all").trials], use="all")
    each = -(-(table.planned_trials or len(table.frame)) // count)
    objective = table.objective
    parts = [table.frame[table.frame[names.NUMBER] % count == replicate] for replicate in range(count)]
    best = [replace(table, frame=part).best for part in parts]
    finished = [_finished(part) for part in parts]
    whole = all(number == each for number in finished)
    worst = objective.worst(table.baselines)
    searches = tuple(
        Replicate(
            replicate,
            finished[replicate],
            None if row is None else int(row[names.NUMBER]),
            worst if row is None else float(row[objective.name]),
            float(row[objective.test_name]) if row is not None and table.tested else None,
        )
        for replicate, row in enumerate(best)
    )
    val = test = None
    if whole:
        pooled = best_of_n(_as_pool(table, parts, best), at=[1])
        val = _quotable(pooled.curves["best_val"][1], count)
        test = _quotable(pooled.curves["test_of_best"][1], count) if "test_of_best" in pooled.curves else None
    start_up = start_up_of(table)
    return Replicates(
        table.study, table.sampler, each, everything.found, everything, searches, whole, val, test,
        best_of_n(start_up) if has_prefix(start_up) else None,
    )  # fmt: skip


def start_up_of(table: TrialTable) -> TrialTable:
    """The trials that were drawn at random before any score was known: a random search with the same numbers."""
    count = (table.replicates or 1) * (table.start_up_trials or 0)
    return replace(table.prefix(count), sampler="random", planned_trials=count, replicates=None, start_up_trials=None)


def _finished(part: pd.DataFrame) -> int:
    """Trials that count: those that the machine lost run again."""
    lost = (part[names.STATE] == states.FAILED) & part[names.STATE_REASON].isin(states.MACHINE_REASONS)
    return int((~lost).sum())


def _as_pool(table: TrialTable, parts: Sequence[pd.DataFrame], best: Sequence[pd.Series | None]) -> TrialTable:
    """A table with one row a replicate: that of its best trial, or of its first where none is complete."""
    rows = [part.iloc[0] if row is None else row for part, row in zip(parts, best, strict=True)]
    frame = pd.DataFrame(rows).assign(**{names.NUMBER: range(len(rows))}).reset_index(drop=True)
    return replace(
        table, frame=frame.astype({name: table.frame[name].dtype for name in frame if name != names.NUMBER}),
        sampler="random", planned_trials=len(rows), first_number=0,
    )  # fmt: skip


def _quotable(point: Point, count: int) -> Point:
    if count >= ENOUGH:
        return point
    why = f"{count} searches: their mean has an interval from {ENOUGH} on, until then its values say as much"
    return Point(point.value, None, None, "mean of the replicates", why)
