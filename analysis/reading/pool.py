"""Which trials an estimate rests on, and what a trial without a score counts as.

- complete: its scores. A complete trial without a validation score diverged: it stands at the floor.
- failed by its configuration (exception, diverged, timeout, out of memory, retries exhausted, or no reason given): it
  was drawn and paid for, so it stays in M at the floor 0, validation and test. Dropping it would answer another
  question ("the best of N trials that happen to work").
- lost to the machine (worker lost, driver lost, interrupted): says nothing about its configuration, does not count.
- pruned: at the floor; its full score would have been at least that, so every curve is a lower bound.

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

FLOOR = 0.0
EXCHANGEABLE = ("random", "grid", "list")
Use = Literal["prefix", "all"]


@dataclass(frozen=True)
class Pool:
    """M trials in plan order with their floors, and how the table's rows were counted.

    `val`, `test`: scores in [0, 1]; `numbers`: plan numbers; `seconds`: duration of each, NaN where unknown.
    `test` is NaN throughout where trials are not tested. `left_out`: finished trials beyond the prefix. `by_length`:
    all finished trials of a search that was cut off were asked for, so the fast ones are over-represented.
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
        """Whether pruned trials stand in for scores that are at least the floor."""
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
    return Pool(
        val=np.where(scored, rows[names.VAL_ACCURACY].to_numpy(dtype=float), FLOOR),
        test=np.where(scored, rows[names.TEST_ACCURACY].to_numpy(dtype=float), FLOOR if table.tested else np.nan),
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
    scored = (state == states.COMPLETE) & frame[names.VAL_ACCURACY].notna()
    for name in (names.VAL_ACCURACY, names.TEST_ACCURACY) if table.tested else (names.VAL_ACCURACY,):
        outside = scored & ~frame[name].between(0.0, 1.0)
        _check(frame, outside, f"{name} of a complete trial lies in [0, 1]", frame[name])
    kinds = np.where(scored, states.COMPLETE, np.where(state == states.PRUNED, states.PRUNED, states.FAILED))
    kinds[((state == states.FAILED) & reasons.isin(MACHINE_REASONS)).to_numpy(dtype=bool)] = "lost"
    stopped = (state == states.FAILED) & reasons.isin(STOPPED_REASONS)
    ended = frame.loc[~stopped, names.NUMBER].to_numpy(dtype=int)
    end = max(int(frame[names.NUMBER].max()) + 1 if len(frame) else 0, table.planned_trials or 0)
    has_ended = np.zeros(end + 1, dtype=bool)
    has_ended[: table.first_number or 0] = True
    has_ended[ended] = True
    return frame, kinds, int(np.argmin(has_ended))


def _check(frame: pd.DataFrame, wrong: pd.Series, rule: str, values: pd.Series) -> None:
    """Raise with the rule and the first value that breaks it."""
    if wrong.any():
        first = wrong.idxmax()
        value = values.loc[first]
        shown = repr(value) if isinstance(value, str) else value
        raise ValueError(f"{rule}: got {shown} for number {frame.loc[first, 'number']}")
