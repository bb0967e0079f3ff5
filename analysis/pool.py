"""Which trials an estimate rests on, and what a trial without a score counts as.

- complete: its scores. A complete trial without a validation score diverged: it stands at the floor.
- failed by its configuration (exception, diverged, timeout, out of memory, retries exhausted, or no reason given): it
was
  drawn and paid for, so it stays in M at the floor 0, validation and test. Dropping it would answer another question
  ("the best of N trials that happen to work").
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

from analysis.table import TrialTable

FLOOR = 0.0
CONFIGURATION = ("exception", "diverged", "timeout", "out of memory", "retries exhausted")
MACHINE = ("worker lost", "driver lost", "interrupted")
STATES = ("complete", "failed", "pruned")
EXCHANGEABLE = ("random", "grid", "list")
Use = Literal["prefix", "all"]


@dataclass(frozen=True)
class Pool:
    """M trials in plan order with their floors, and how the table's rows were counted.

    `val`, `test`: scores in [0, 1]; `numbers`: plan numbers; `seconds`: duration of each, NaN where unknown.
    `left_out`: finished trials beyond the prefix. `by_length`: all finished trials of a search that was cut off were
    asked for, so the fast ones are over-represented.
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
    def lower_bound(self) -> bool:
        """Whether pruned trials stand in for scores that are at least the floor."""
        return self.pruned > 0


def pool_of(table: TrialTable, use: Use = "prefix") -> Pool:
    """The pool of a table, or a ValueError that names the row which does not fit the rules above."""
    _check_sampler(table.sampler)
    frame = table.frame.sort_values("number", kind="stable")
    kind = frame.apply(_kind, axis=1) if len(frame) else pd.Series([], dtype=object)
    numbers = frame["number"].to_numpy(dtype=int)
    cut = _first_unfinished(frame, numbers, table.planned_trials)
    finished = (kind != "lost").to_numpy(dtype=bool)
    inside = numbers < cut
    late = int(np.count_nonzero(finished & ~inside))
    kept = finished if use == "all" else finished & inside
    if not kept.any():
        raise ValueError(
            "an estimate needs at least one finished trial in the plan's finished prefix: "
            f"got {len(frame)} trials, of which number {cut} is the first unfinished one"
        )
    kinds = kind.to_numpy()[kept]
    rows = frame[kept]
    seconds = rows["seconds"] if "seconds" in rows else pd.Series(np.nan, index=rows.index)
    scored = kinds == "complete"
    return Pool(
        val=np.where(scored, rows["val_accuracy"].to_numpy(dtype=float), FLOOR),
        test=np.where(scored, rows["test_accuracy"].to_numpy(dtype=float), FLOOR),
        numbers=numbers[kept],
        seconds=seconds.to_numpy(dtype=float),
        was_scored=scored,
        was_pruned=kinds == "pruned",
        complete=int(np.count_nonzero(scored)),
        failed=int(np.count_nonzero(kinds == "failed")),
        pruned=int(np.count_nonzero(kinds == "pruned")),
        lost=int(np.count_nonzero(~finished)),
        left_out=0 if use == "all" else late,
        by_length=use == "all" and late > 0,
    )


def has_prefix(table: TrialTable) -> bool:
    """Whether at least one trial that counts has finished in the plan's finished prefix."""
    _check_sampler(table.sampler)
    frame = table.frame.sort_values("number", kind="stable")
    numbers = frame["number"].to_numpy(dtype=int)
    cut = _first_unfinished(frame, numbers, table.planned_trials)
    return any(_kind(row) != "lost" for _, row in frame[numbers < cut].iterrows())


def _check_sampler(sampler: str) -> None:
    if sampler not in EXCHANGEABLE:
        raise ValueError(
            "best-of-N needs exchangeable trials (sampler random, grid or list); an adaptive sampler's later trials "
            f"depend on earlier scores: got sampler {sampler!r}"
        )


def _kind(row: pd.Series) -> str:
    number, state = row["number"], str(row["state"]).strip()
    reason = str(row["state_reason"]).split(":")[0].strip()
    if state not in STATES:
        raise ValueError(f"state is complete, failed or pruned: got {state!r} for number {number}")
    if state == "pruned":
        return "pruned"
    if state == "failed":
        if reason and reason not in CONFIGURATION + MACHINE:
            known = ", ".join(CONFIGURATION + MACHINE)
            raise ValueError(f"state_reason of a failed trial is one of {known}: got {reason!r} for number {number}")
        return "lost" if reason in MACHINE else "failed"
    if np.isnan(row["val_accuracy"]):
        return "failed"
    for name in ("val_accuracy", "test_accuracy"):
        if not 0.0 <= row[name] <= 1.0:
            raise ValueError(f"{name} of a complete trial lies in [0, 1]: got {row[name]} for number {number}")
    return "complete"


def _first_unfinished(frame: pd.DataFrame, numbers: np.ndarray, planned: int | None) -> int:
    """The lowest number that has not ended by itself (every later row may be there because it was fast)."""
    end = max(int(numbers.max()) + 1 if len(numbers) else 0, planned or 0)
    reasons = frame["state_reason"].astype(str).str.split(":").str[0].str.strip()
    stopped = (frame["state"] == "failed") & reasons.isin(("driver lost", "interrupted"))
    ended = np.zeros(end + 1, dtype=bool)
    ended[numbers[~stopped.to_numpy(dtype=bool)]] = True
    return int(np.argmin(ended))
