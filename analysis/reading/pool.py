"""Which trials an estimate rests on, and which score a trial without a score counts with.

- A complete trial counts with its scores. A complete trial without a validation score diverged, and counts with the
  worst score.
- A trial that failed by its configuration (exception, diverged, timeout, out of memory, retries exhausted, or no reason
  given) was drawn and paid for, so the trial counts in M with the worst score, on validation and on test. Dropping the
  trial would answer another question ("the best of N trials that happen to work").
- A trial that was lost to the machine (worker lost, driver lost, interrupted) says nothing about its configuration and
  does not count.
- A pruned trial counts with the worst score. Its full score would have been at least as good, so every curve is a
  bound.

The worst score is the metric's own: 0 for an accuracy. A metric without a worst value, such as RMSE, takes the score of
the constant baseline, because anyone who found only worse networks would use the baseline. Complete trials that are
worse than the baseline therefore count with the baseline's scores too, on validation and on test.

A search that was cut off has finished its fast trials first. The pool is therefore the plan's finished prefix: all
numbers before the first trial that is missing, still running, or was stopped with the search (driver lost,
interrupted).
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
    """The M trials that count, in plan order, and how the table's rows were counted.

    `val`, `test`: (M,) scores; `test` is NaN throughout where trials are not tested. `numbers`: (M,) plan numbers;
    `seconds`: (M,) durations, NaN where unknown. `left_out`: finished trials beyond the prefix. `by_length`: whether
    all finished trials of a search that was cut off are in the pool, so that fast trials are over-represented.
    `bounds`: the lowest and the highest possible value of `val`. `worst`: the score of a trial without a score.
    `sign`: the factor of scores by which more is better. `beaten`: complete trials that are worse than the constant
    baseline, where the baseline gives the worst score.
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
        """`val` with the sign by which more is better."""
        return self.sign * self.val

    @property
    def trials(self) -> int:
        """M, the number of trials that count."""
        return len(self.val)

    def first(self, m: int) -> Pool:
        """The pool of the first m trials in plan order; the counts of lost trials are those of the whole pool."""
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
        """Whether some trials are pruned; their full scores would have been at least as good."""
        return self.pruned > 0


def pool_of(table: TrialTable, use: Use = "prefix") -> Pool:
    """The trials of a table that count; `use` says which, where the search was cut off.

    Raises:
        ValueError: a row breaks a rule of a trials table, the sampler is adaptive, or no trial counts.
    """
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
    scored = (state == states.COMPLETE) & frame[table.objective.name].notna()
    _check_states(frame, state, reasons)
    _check_scores(table, frame, scored)
    kinds = np.where(scored, states.COMPLETE, np.where(state == states.PRUNED, states.PRUNED, states.FAILED))
    kinds[((state == states.FAILED) & reasons.isin(MACHINE_REASONS)).to_numpy(dtype=bool)] = "lost"
    stopped = (state == states.FAILED) & reasons.isin(STOPPED_REASONS)
    return frame, kinds, _first_unfinished(table, frame.loc[~stopped, names.NUMBER].to_numpy(dtype=int))


def _first_unfinished(table: TrialTable, ended: np.ndarray) -> int:
    """The lowest number of the plan that is not among the numbers that have ended."""
    numbers = table.frame[names.NUMBER]
    end = max(int(numbers.max()) + 1 if len(numbers) else 0, table.planned_trials or 0)
    has_ended = np.zeros(end + 1, dtype=bool)
    has_ended[: table.first_number or 0] = True
    has_ended[ended] = True
    return int(np.argmin(has_ended))


def _check_states(frame: pd.DataFrame, state: pd.Series, reasons: pd.Series) -> None:
    _check(frame, ~state.isin(STATES), "state is complete, failed or pruned", state)
    known = ("", *CONFIGURATION_REASONS, *MACHINE_REASONS)
    unknown = (state == states.FAILED) & ~reasons.isin(known)
    _check(frame, unknown, f"state_reason of a failed trial is one of {', '.join(known[1:])}", reasons)


def _check_scores(table: TrialTable, frame: pd.DataFrame, scored: pd.Series) -> None:
    objective = table.objective
    low, high = objective.metric.low, objective.metric.high
    for name in (objective.name, objective.test_name) if table.tested else (objective.name,):
        outside = scored & ~(frame[name].between(low, high) & np.isfinite(frame[name]))
        _check(frame, outside, f"{name} of a complete trial lies in {_interval(low, high)}", frame[name])


def _interval(low: float, high: float) -> str:
    left, right = ("[" if np.isfinite(low) else "("), ("]" if np.isfinite(high) else ")")
    return f"{left}{low:g}, {high:g}{right}"


def _check(frame: pd.DataFrame, wrong: pd.Series, rule: str, values: pd.Series) -> None:
    """Raises ValueError with the rule and the first value that breaks the rule."""
    if wrong.any():
        first = wrong.idxmax()
        value = values.loc[first]
        shown = repr(value) if isinstance(value, str) else value
        raise ValueError(f"{rule}: got {shown} for number {frame.loc[first, 'number']}")
