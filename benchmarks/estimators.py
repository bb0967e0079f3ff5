"""The best-of-N estimators against opda 0.8.0, in one run: `python -m benchmarks.estimators`.

Prints every measurement beside its limit, and ends with exit code 1 if a limit is missed. opda comes from
benchmarks/requirements.txt; its u_tuning_curve is the reference of the curve, its ld_equal_tailed band of the band.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from analysis.estimates import curves
from analysis.estimates.band import simultaneous_band
from analysis.estimates.doubling import leave_one_out


@dataclass(frozen=True)
class Measured:
    """One measurement: what was measured, the value, and the limit that the value has to keep."""

    what: str
    value: float
    limit: float
    at_least: bool
    detail: str

    @property
    def kept(self) -> bool:
        """Whether the limit was kept."""
        return self.value >= self.limit if self.at_least else self.value <= self.limit

    def line(self) -> str:
        """The measurement as a printed line."""
        word = "at least" if self.at_least else "at most"
        mark = "ok  " if self.kept else "MISS"
        return f"{mark} {self.what}: {self.value:.3g} ({word} {self.limit:.3g}); {self.detail}"


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The seconds of the shortest of several runs, after a run that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def measure() -> Iterator[Measured]:
    """All measurements, each yielded when done."""
    random = np.random.default_rng(0)
    yield from _curve(random.random(1000))
    yield _finite(random.random(1030))
    million = random.random(1_000_000)
    yield _large_curve(million)
    yield _memory(million)
    yield from _band(random.random(100))


def _curve(val: np.ndarray) -> Iterator[Measured]:
    """The curve of 1,000 scores at every N: its speed and its values beside opda's."""
    every = np.arange(1, len(val) + 1)
    theirs = _empirical()(val)
    ours_s = seconds(lambda: curves.best_val(val, every), 7)
    opda_s = seconds(lambda: theirs.u_tuning_curve(every), 3)
    away = float(np.abs(curves.best_val(val, every) - theirs.u_tuning_curve(every)).max())
    yield Measured(
        "curve, M = 1,000, every N: times faster", opda_s / ours_s, 5, True, f"{ours_s:.4f} / {opda_s:.4f} s"
    )
    yield Measured("curve, M = 1,000: largest difference from opda", away, 1e-12, False, "same numbers")


def _finite(val: np.ndarray) -> Measured:
    """The curve of the fewest scores at which opda's overflows."""
    every = np.arange(1, len(val) + 1)
    with np.errstate(all="ignore"):
        nans = int(np.isnan(_empirical()(val).u_tuning_curve(every)).sum())
    finite = np.isfinite(curves.best_val(val, every)).mean()
    return Measured("curve, M = 1,030: share of finite values", float(finite), 1, True, f"opda has {nans} NaN of 1,030")


def _large_curve(million: np.ndarray) -> Measured:
    """The time of a million scores' curve at 100 values of N, beside the time to sort the scores."""
    at = _hundred_numbers()
    sort_s = seconds(lambda: np.sort(million), 3)
    ours_s = seconds(lambda: curves.best_val(million, at), 1)
    budget = f"{len(at)} values of N; numpy sorts in {sort_s:.3f} s"
    return Measured("curve, M = 1,000,000: seconds", ours_s, 3 * sort_s + 2, False, budget)


def _hundred_numbers() -> np.ndarray:
    """100 values of N from 1 to 1,000,000, close together where N is small."""
    at = np.unique(np.geomspace(1, 1_000_000, 85).round().astype(int))
    return np.sort(np.r_[at, 3 + 10_007 * np.arange(1, 1 + 100 - len(at))])


def _memory(million: np.ndarray) -> Measured:
    """The peak memory of a million scores' curve and its jackknife."""
    tracemalloc.start()
    curves.best_val(million, _hundred_numbers()[:20])
    leave_one_out(million, million, 50)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    words = peak / (8 * len(million))
    return Measured(
        "memory, M = 1,000,000: doubles a trial", words, 25, False, f"peak {peak / 1e6:.0f} MB, linear in M"
    )


def _band(sample: np.ndarray) -> Iterator[Measured]:
    """The simultaneous band: its speed beside opda's, and its time for 1,000 scores."""

    def ours_band() -> object:
        simultaneous_band.cache_clear()
        return simultaneous_band(100, 0.95)

    ours_s = seconds(ours_band, 5)
    start = time.perf_counter()
    _empirical().confidence_bands(sample, 0.95, method="ld_equal_tailed", generator=np.random.default_rng(0))
    opda_s = time.perf_counter() - start
    yield Measured("band, M = 100: times faster", opda_s / ours_s, 50, True, f"{ours_s:.4f} / {opda_s:.2f} s")

    simultaneous_band.cache_clear()
    start = time.perf_counter()
    simultaneous_band(1000, 0.95)
    ours_s = time.perf_counter() - start
    yield Measured("band, M = 1,000: seconds", ours_s, 2, False, "nothing simulated, the same each time")


def _empirical() -> Any:
    """opda's distribution of scores."""
    import opda.nonparametric

    return opda.nonparametric.EmpiricalDistribution


def main() -> int:
    """Prints all measurements; the exit code is 1 if a limit is missed, else 0."""
    missed = 0
    for measured in measure():
        print(measured.line(), flush=True)
        missed += not measured.kept
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
