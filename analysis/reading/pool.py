"""Which trials an estimate rests on, and what a trial without a score counts as.

- complete: its scores. A complete trial without a validation score diverged: it stands at the worst score.
- failed by its configuration (exception, diverged, timeout, out of memory, retries exhausted, or no reason given): it
  was drawn and paid for, so it stays in M at the worst score, validation and test. Dropping it would answer another
  question ("the best of N trials that happen to work").
- lost to the machine (worker lost, driver lost, interrupted): says nothing about its configuration, does not count.
- pruned: at the worst score; its full one would have been at least as good, so every curve is a bound.

The worst score of a metric that has one is that: 0 of an accuracy. Of one that has none, as RMSE, it is the constant
baseline's, and whoever finds only worse would use that: such trials stand at its scores too, validation and test.

A search that was cut off holds its fast trials first. The pool is therefore the plan's finished prefix: the numbers
before the first one that is missing, still running, or was stopped (driver lost, interrupted) with the search.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd

from analysis.reading.table import TrialTable
from models.core import names, states
from models.core.states import CONFIGURATION_REASONS, MACHINE_REASONS, STATES, STOPPED_REASONS

EXCHANGEABLE = ("random", "grid", "list")
Use = Literal["prefix", "all"]


@dataclass(frozen=True)
class Pool:
    """M trials in plan order with their worst scores, and how the table's rows were counted.

    `val`, `test`: scores; `test` is NaN throughout where trials are not tested. `numbers`: plan numbers; `seconds`:
    duration of each, NaN where unknown. `left_out`: finished trials beyond the prefix. `by_length`: all finished trials
    of a search that was cut off were asked for, so the fast ones are over-represented. `bounds`: between which `val`
    lies; `worst`: the score of a trial without one; `sign`: what scores are multiplied by so that more is better;
    `beaten`: complete trials that the constant baseline beats, where that gives the worst score.
    """

    val: np.ndarray
    test: np.ndarray
    numbers: np.ndarray
    seconds: np.ndarray
    was_scored: np.ndarray
    was_pruned: np.ndarray
    complete: int
    failed: int
    pruned: int
    lost: int
    left_out: int
    by_length: bool
    bounds: tuple[float, float] = (0.0, 1.0)
    worst: float = 0.0
    sign: int = 1
    beaten: int = 0

    @property
    def upwards(self) -> np.ndarray:
        """`val`, turned where less is better."""
        return self.sign * self.val

    @property
    def trials(self) -> int:
        """M, the number of trials that count."""
        return len(self.val)

    def first(self, m: int) -> Pool:
        """The pool of its first m trials, in plan order (counts of lost trials as they are)."""
        scored = int(np.count_nonzero(self.was_scored[:m]))
        pruned = int(np.count_nonzero(self.was_pruned[:m]))
        return replace(
            self,
            val=self.val[:m],
            test=self.test[:m],
            numbers=self.numbers[:m],
            seconds=self.seconds[:m],
            was_scored=self.was_scored[:m],
            was_pruned=self.was_pruned[:m],
            complete=scored,
            pruned=pruned,
            failed=m - scored - pruned,
        )

    @property
    def tested(self) -> bool:
        """Whether the trials have test scores."""
        return not np.isnan(self.test).any()

    @property
    def lower_bound(self) -> bool:
        """Whether pruned trials stand in for scores that are at least as good as the worst."""
        return self.pruned > 0


def pool_of(table: TrialTable, use: Use = "prefix") -> Pool:
    """The pool of a table, or a ValueError that names the row which does not fit the rules above."""
    frame, kinds, cut = _sorted_out(table)
    numbers = frame[names.NUMBER].to_numpy(dtype=int)
    finished = kinds != "lost"
    inside = numbers < cut
    late = int(np.count_nonzero(finished & ~inside))
    kept = finished if use == "all" else finished & inside
    if not kept.any():
        raise ValueError(
            "an estimate needs at least one finished trial in the plan's finished prefix: "
            f"got {len(frame)} trials, of which number {cut} is the first unfinished one"
        )
    kinds = kinds[kept]
    rows = frame[kept]
    seconds = rows[names.SECONDS] if names.SECONDS in rows else pd.Series(np.nan, index=rows.index)
    scored = kinds == states.COMPLETE
    objective, baselines = table.objective, table.baselines
    worst = objective.worst(baselines)
    val = rows[objective.name].to_numpy(dtype=float)
    beaten = scored & (objective.sign * val < objective.sign * worst)
    counted = scored & ~beaten
    worst_test = objective.worst_test(baselines) if table.tested else np.nan
    return Pool(
        val=np.where(counted, val, worst),
        test=np.where(counted, rows[objective.test_name].to_numpy(dtype=float), worst_test),
        bounds=objective.bounds(baselines),
        worst=worst,
        sign=objective.sign,
        beaten=int(np.count_nonzero(beaten)),
        numbers=numbers[kept],
        seconds=seconds.to_numpy(dtype=float),
        was_scored=scored,
        was_pruned=kinds == states.PRUNED,
        complete=int(np.count_nonzero(scored)),
        failed=int(np.count_nonzero(kinds == states.FAILED)),
        pruned=int(np.count_nonzero(kinds == states.PRUNED)),
        lost=int(np.count_nonzero(~finished)),
        left_out=0 if use == "all" else late,
        by_length=use == "all" and late > 0,
    )


def has_prefix(table: TrialTable) -> bool:
    """Whether at least one trial that counts has finished in the plan's finished prefix."""
    frame, kinds, cut = _sorted_out(table)
    return bool(((kinds != "lost") & (frame[names.NUMBER].to_numpy(dtype=int) < cut)).any())


def _sorted_out(table: TrialTable) -> tuple[pd.DataFrame, np.ndarray, int]:
    """The rows by number, the kind of each (complete, failed, pruned, lost), and the first unfinished number."""
    if table.sampler not in EXCHANGEABLE:
        raise ValueError(
            "best-of-N needs exchangeable trials (sampler random, grid or list); an adaptive sampler's later trials "
            f"depend on earlier scores: got sampler {table.sampler!r}"
        )
    frame = table.frame.sort_values(names.NUMBER, kind="stable")
    state = frame[names.STATE].astype(str).str.strip()
    reasons = frame[names.STATE_REASON].astype(str).str.split(":").str[0].str.strip()
    _check(frame, ~state.isin(STATES), "state is complete, failed or pruned", state)
    known = ("", *CONFIGURATION_REASONS, *MACHINE_REASONS)
    unknown = (state == states.FAILED) & ~reasons.isin(known)
    _check(frame, unknown, f"state_reason of a failed trial is one of {', '.join(known[1:])}", reasons)
    objective = table.objective
    scored = (state == states.COMPLETE) & frame[objective.name].notna()
    low, high = objective.metric.low, objective.metric.high
    for name in (objective.name, objective.test_name) if table.tested else (objective.name,):
        outside = scored & ~(frame[name].between(low, high) & np.isfinite(frame[name]))
        _check(frame, outside, f"{name} of a complete trial lies in {_interval(low, high)}", frame[name])
    kinds = np.where(scored, states.COMPLETE, np.where(state == states.PRUNED, states.PRUNED, states.FAILED))
    kinds[((state == states.FAILED) & reasons.isin(MACHINE_REASONS)).to_numpy(dtype=bool)] = "lost"
    stopped = (state == states.FAILED) & reasons.isin(STOPPED_REASONS)
    ended = frame.loc[~stopped, names.NUMBER].to_numpy(dtype=int)
    end = max(int(frame[names.NUMBER].max()) + 1 if len(frame) else 0, table.planned_trials or 0)
    has_ended = np.zeros(end + 1, dtype=bool)
    has_ended[: table.first_number or 0] = True
    has_ended[ended] = True
    return frame, kinds, int(np.argmin(has_ended))


def _interval(low: float, high: float) -> str:
    left, right = ("[" if np.isfinite(low) else "("), ("]" if np.isfinite(high) else ")")
    return f"{left}{low:g}, {high:g}{right}"


def _check(frame: pd.DataFrame, wrong: pd.Series, rule: str, values: pd.Series) -> None:
    """Raise with the rule and the first value that breaks it."""
    if wrong.any():
        first = wrong.idxmax()
        value = values.loc[first]
        shown = repr(value) if isinstance(value, str) else value
        raise ValueError(f"{rule}: got {shown} for number {frame.loc[first, 'number']}")
