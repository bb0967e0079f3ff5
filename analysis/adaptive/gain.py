"""The gain of an adaptive search over a random search of the same data: as reported, and on fresh seeds."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.adaptive.replicates import ENOUGH, Replicates
from analysis.estimates.best_of_n import best_of_n
from analysis.estimates.confirmation import confirm_summary
from analysis.estimates.curves import Point
from analysis.reading.table import TrialTable

METHOD = "each side's interval at its worse end"
_NO_INTERVAL = f"one side has none; replicates have one from {ENOUGH} on, a mean over seeds from two repeats on"


@dataclass(frozen=True)
class Gain:
    """Adaptive less random, and for errors random less adaptive: positive where the adaptive search is better."""

    random: str
    """The random study's name."""
    trials: int
    """The number of trials of one search on either side."""
    reported: Point
    """The gain of the expected best validation score. Both sides chose by that score, so both are optimistic."""
    on_fresh_seeds: Point | None
    """The gain of the mean test score of the two networks found, trained again; None where they were not."""


def gain_over(
    found: Replicates,
    table: TrialTable,
    random: TrialTable,
    confirms: tuple[TrialTable, TrialTable] | None,
) -> Gain:
    """The gain of the replicates of `table` over a random study.

    `confirms` are the studies that trained the best trials of `table` and of `random` again, in this order.

    The interval goes from the worse end of one side's 95% interval to the worse end of the other's. Both intervals hold
    together with a probability of 90% or more (Bonferroni); where the sides are independent the interval of the
    difference covers in 95% and more (simulated: benchmarks.adaptive). Range: replicates that are all finished, and a
    random study of at least as many trials as one replicate has.

    Raises:
        ValueError: the studies differ in data or objective, or the other one is not random or too small.
    """
    val = _comparable(found, table, random)
    sign = table.objective.sign
    reported = best_of_n(random, at=[found.each]).curves["best_val"][found.each]
    fresh = None
    if confirms is not None:
        chosen = [
            confirm_summary(search, again)[0].test for search, again in zip((table, random), confirms, strict=True)
        ]
        if chosen[0] is not None and chosen[1] is not None:
            fresh = _less(chosen[0], chosen[1], sign)
    return Gain(random.study, found.each, _less(val, reported, sign), fresh)


def _comparable(found: Replicates, table: TrialTable, random: TrialTable) -> Point:
    """The mean of the replicates, where the two studies may be compared."""
    if random.sampler != "random":
        raise ValueError(f"a gain is over a study with the sampler random: got {random.study}, {random.sampler!r}")
    if random.objective != table.objective or random.data_sha256 != table.data_sha256:
        raise ValueError(
            f"a gain is between studies of the same data and objective: got {table.study}, {table.objective.name} on "
            f"{(table.data_sha256 or '')[:12]}, and {random.study}, {random.objective.name} on "
            f"{(random.data_sha256 or '')[:12]}"
        )
    if found.val is None:
        raise ValueError(f"a gain needs all replicates finished: got {table.study} with some that are not")
    if len(random.frame) < found.each:
        raise ValueError(
            f"a gain is at equal trials, {found.each} here: got {random.study} with {len(random.frame)} trials"
        )
    return found.val


def _less(one: Point, other: Point, sign: int) -> Point:
    """The difference of two scores, in the direction of better, with the interval of METHOD."""
    value = sign * (one.value - other.value)
    ends = one.low, one.high, other.low, other.high
    if any(end is None for end in ends):
        return Point(value, None, None, METHOD, _NO_INTERVAL)
    low, high, other_low, other_high = (float(end) for end in ends if end is not None)
    first, last = sorted((sign * (low - other_high), sign * (high - other_low)))
    return Point(value, first, last, METHOD)
