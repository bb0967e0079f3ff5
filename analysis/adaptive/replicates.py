"""The results of an adaptive search that was run R times: R independent whole searches (replicates) of n trials each.

Trials of one search depend on each other, so they have no curve of the best of N. The R searches are independent of
each other and alike: their R results are a pool like any other. The first trials of each search are drawn at random
before any score is known; together they are a random search.
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
"""The fewest replicates whose mean has an interval; the values of fewer replicates say as much by themselves."""


@dataclass(frozen=True)
class Replicate:
    """One whole search and its best trial on validation, which on ties is the trial with the lowest number."""

    replicate: int
    finished: int
    """The number of finished trials, without trials that the machine lost."""
    number: int | None
    """The best trial's number; None where no trial is complete."""
    val: float
    """The best trial's validation score; the objective's worst score where no trial is complete."""
    test: float | None
    """The best trial's test score; None where it is not known."""


@dataclass(frozen=True)
class Replicates:
    """The replicates of an adaptive search as far as they are finished."""

    study: str
    sampler: str
    each: int
    """Planned trials of one replicate."""
    found: Found
    """The best trial of all, chosen on validation."""
    all_trials: BestOfN
    """All trials as a list: their numbers by state, the trial found, notes. The curves of this list mean nothing."""
    searches: tuple[Replicate, ...]
    whole: bool
    """Whether every replicate is finished. The first replicates to finish are the fast ones, so a part is biased."""
    val: Point | None
    """The mean over replicates of their best validation scores; None unless `whole`; without interval below ENOUGH."""
    test: Point | None
    """The mean over replicates of the test scores of their best trials; None as for `val`, and where there are none."""
    start_up: BestOfN | None
    """The best of N of the random start-up trials; None while the first of them are not finished."""

    @property
    def values(self) -> list[float]:
        """The best validation score of each replicate, in the order of the replicates."""
        return [one.val for one in self.searches]

    @property
    def below(self) -> float:
        """The largest probability that another such search ends below all of these; 1 / (R + 1) by exchangeability."""
        return 1.0 / (len(self.searches) + 1)


def replicates_of(table: TrialTable) -> Replicates:
    """The replicates of an adaptive search from the table of its trials.

    Assumption: replicates are independent and alike, as the planner draws them. Range: any R. From ENOUGH replicates on
    their mean has an interval, which is that of best_of_n at N = 1 over the replicates' results.

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
    parts = [table.frame[table.frame[names.NUMBER] % count == replicate] for replicate in range(count)]
    best = [replace(table, frame=part).best for part in parts]
    searches = tuple(_replicate(table, k, part, row) for k, (part, row) in enumerate(zip(parts, best, strict=True)))
    whole = all(search.finished == each for search in searches)
    val, test = _means(_as_pool(table, parts, best)) if whole else (None, None)
    start_up = start_up_of(table)
    return Replicates(
        study=table.study,
        sampler=table.sampler,
        each=each,
        found=everything.found,
        all_trials=everything,
        searches=searches,
        whole=whole,
        val=val,
        test=test,
        start_up=best_of_n(start_up) if has_prefix(start_up) else None,
    )


def _replicate(table: TrialTable, number: int, part: pd.DataFrame, best: pd.Series | None) -> Replicate:
    """One whole search from its trials and the best of them."""
    objective = table.objective
    if best is None:
        return Replicate(number, _finished(part), None, objective.worst(table.baselines), None)
    test = float(best[objective.test_name]) if table.tested else None
    return Replicate(number, _finished(part), int(best[names.NUMBER]), float(best[objective.name]), test)


def _means(pool: TrialTable) -> tuple[Point, Point | None]:
    """The means over the replicates of their validation scores, and of their test scores where these are known."""
    curves, count = best_of_n(pool, at=[1]).curves, len(pool.frame)
    test = curves.get("test_of_best")
    return _quotable(curves["best_val"][1], count), None if test is None else _quotable(test[1], count)


def start_up_of(table: TrialTable) -> TrialTable:
    """The trials that were drawn at random before any score was known, as the table of a random search."""
    count = (table.replicates or 1) * (table.start_up_trials or 0)
    return replace(table.prefix(count), sampler="random", planned_trials=count, replicates=None, start_up_trials=None)


def _finished(part: pd.DataFrame) -> int:
    """The number of finished trials; a trial that the machine lost is not finished, for it runs again."""
    lost = (part[names.STATE] == states.FAILED) & part[names.STATE_REASON].isin(states.MACHINE_REASONS)
    return int((~lost).sum())


def _as_pool(table: TrialTable, parts: Sequence[pd.DataFrame], best: Sequence[pd.Series | None]) -> TrialTable:
    """A table with one row a replicate: its best trial, or its first trial where none is complete."""
    rows = [part.iloc[0] if row is None else row for part, row in zip(parts, best, strict=True)]
    frame = pd.DataFrame(rows).assign(**{names.NUMBER: range(len(rows))}).reset_index(drop=True)
    return replace(
        table, frame=frame.astype({name: table.frame[name].dtype for name in frame if name != names.NUMBER}),
        sampler="random", planned_trials=len(rows), first_number=0,
    )  # fmt: skip


def _quotable(point: Point, count: int) -> Point:
    """The mean of `count` replicates, without interval below ENOUGH."""
    if count >= ENOUGH:
        return point
    why = f"{count} searches: their mean has an interval from {ENOUGH} on, until then its values say as much"
    return Point(point.value, None, None, "mean of the replicates", why)
