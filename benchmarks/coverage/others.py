"""Coverage of other intervals than the best of N's: comparisons, one network, a configuration over seeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from analysis.estimates.comparison import compare
from analysis.estimates.proportions import clopper_pearson, repeats_interval
from analysis.reading.columns import trials_frame
from analysis.reading.table import TrialTable
from benchmarks.coverage.laws import Law, laws

ROWS = (360, 10_000)  # test rows: digits' and MNIST's


def other_lines(draws: int, pools: Path, random: np.random.Generator) -> Iterator[str]:
    """A line for each interval and setting."""
    yield from _comparisons(min(draws, 400), pools, random)
    yield from _network(draws, random)
    yield from _confirm(draws, random)


def _comparisons(draws: int, pools: Path, random: np.random.Generator) -> Iterator[str]:
    m = 40
    found = {law.name: law for law in laws(pools, m)}
    for one, two in (("deberta-base", "deberta-base"), ("half at 0.11", "0.3 collapsed")):
        first, second = found[one], found[two]
        covered: dict[str, list[bool]] = {}
        for _ in range(draws):
            tables = [_table(law, m, random) for law in (first, second)]
            pair = compare(*tables, at=[1, 4, 20, 40], seconds=[60.0])
            for n, point in pair.at_n["best_val"].items():
                truth = first.expected(n, first.val) - second.expected(n, second.val)
                assert point.low is not None
                assert point.high is not None
                covered.setdefault(f"N = {n}", []).append(point.low <= truth <= point.high)
            point = pair.at_seconds["best_val"][60.0]
            truth = first.expected(6, first.val) - second.expected(6, second.val)  # 10 s a trial on average
            assert point.low is not None
            assert point.high is not None
            covered.setdefault("60 s", []).append(point.low <= truth <= point.high)
        shown = ", ".join(f"{name} {np.mean(held):.3f}" for name, held in covered.items())
        yield f"comparison of {one} and {two}, M = {m} ({draws} pairs): {shown}"


def _table(law: Law, m: int, random: np.random.Generator) -> TrialTable:
    """A search of m trials of a law, with durations of 10 s on average."""
    assert law.test is not None
    places = law.draw(random, (m,))
    rows = [
        {"number": k, "state": "complete", "val_accuracy": v, "test_accuracy": t, "seconds": s}
        for k, (v, t, s) in enumerate(
            zip(law.val[places].tolist(), law.test[places].tolist(), random.exponential(10.0, m).tolist(), strict=True)
        )
    ]
    # With a recorded plan, a trend by chance is flagged and not refused.
    return replace(TrialTable(trials_frame(rows), "drawn", "random"), plan_hash="drawn")


def _network(draws: int, random: np.random.Generator) -> Iterator[str]:
    """The accuracy on all data of the network that validation picks among 40, from its test rows."""
    for rows in ROWS:
        true = 0.95 + 0.035 * random.random((draws, 40))
        chosen = np.argmax(random.binomial(rows, true), axis=1)
        accuracy = true[np.arange(draws), chosen]
        right = random.binomial(rows, accuracy)
        limits = np.array([clopper_pearson(k / rows, rows) for k in right])
        held = (limits[:, 0] <= accuracy) & (accuracy <= limits[:, 1])
        yield f"this network's test accuracy (Clopper-Pearson), {rows:,} rows: {np.mean(held):.3f}"


def _confirm(draws: int, random: np.random.Generator) -> Iterator[str]:
    """A configuration's mean over seeds, where all repeats share the test rows and the difficulty of each row."""
    for rows in ROWS:
        for repeats, spread in ((3, 0.002), (5, 0.002), (5, 0.01), (10, 0.005)):
            held, old = [], []
            for _ in range(draws):
                # The share of rows that any seed gets right, then each seed's own deviation.
                shared = random.binomial(rows, 0.97) / rows
                scores = np.clip(shared + random.normal(0.0, spread, repeats), 0.0, 1.0)
                mean, deviation = float(scores.mean()), float(scores.std(ddof=1))
                low, high = repeats_interval(mean, deviation, repeats, rows)
                held.append(low <= 0.97 <= high)
                old.append(abs(mean - 0.97) <= deviation)
            yield (
                f"configuration over {repeats} seeds that deviate by {spread:g}, {rows:,} test rows: "
                f"{np.mean(held):.3f} (mean plus or minus one deviation {np.mean(old):.3f})"
            )
