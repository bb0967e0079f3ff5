"""The best-of-N estimators against opda 0.8.0, in one run: `python -m benchmarks.estimators`.

Prints what was measured beside its limit, and ends with exit code 1 if a limit is missed. opda comes from
benchmarks/requirements.txt; its u_tuning_curve is the reference for the curve, its ld_equal_tailed band for the band.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from analysis.estimates import curves
from analysis.estimates.band import simultaneous_band
from analysis.estimates.doubling import leave_one_out


@dataclass(frozen=True)
class Measured:
    """One line: what, the measured value, and the limit that it has to keep."""

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
        """As printed."""
        word = "at least" if self.at_least else "at most"
        mark = "ok  " if self.kept else "MISS"
        return f"{mark} {self.what}: {self.value:.3g} ({word} {self.limit:.3g}); {self.detail}"


def seconds(work: Callable[[], object], repeats: int) -> float:
    """The shortest of several runs, after one that is not counted."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def measure() -> Iterator[Measured]:
    """All measurements, each yielded when done."""
    import opda.nonparametric

    random = np.random.default_rng(0)
    empirical = opda.nonparametric.EmpiricalDistribution
    val = random.random(1000)
    every = np.arange(1, 1001)
    theirs = empirical(val)
    ours_s = seconds(lambda: curves.best_val(val, every), 7)
    opda_s = seconds(lambda: theirs.u_tuning_curve(every), 3)
    away = float(np.abs(curves.best_val(val, every) - theirs.u_tuning_curve(every)).max())
    yield Measured(
        "curve, M = 1,000, every N: times faster", opda_s / ours_s, 5, True, f"{ours_s:.4f} / {opda_s:.4f} s"
    )
    yield Measured("curve, M = 1,000: largest difference from opda", away, 1e-12, False, "same numbers")

    with np.errstate(all="ignore"):
        large = random.random(1030)
        nans = int(np.isnan(empirical(large).u_tuning_curve(np.arange(1, 1031))).sum())
    finite = np.isfinite(curves.best_val(large, np.arange(1, 1031))).mean()
    yield Measured("curve, M = 1,030: share of finite values", float(finite), 1, True, f"opda has {nans} NaN of 1,030")

    million = random.random(1_000_000)
    at = np.unique(np.geomspace(1, 1_000_000, 85).round().astype(int))
    at = np.sort(np.r_[at, 3 + 10_007 * np.arange(1, 1 + 100 - len(at))])
    sort_s = seconds(lambda: np.sort(million), 3)
    ours_s = seconds(lambda: curves.best_val(million, at), 1)
    budget = f"{len(at)} values of N; numpy sorts in {sort_s:.3f} s"
    yield Measured("curve, M = 1,000,000: seconds", ours_s, 3 * sort_s + 2, False, budget)

    tracemalloc.start()
    curves.best_val(million, at[:20])
    leave_one_out(million, million, 50)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    words = peak / (8 * len(million))
    yield Measured("memory, M = 1,000,000: doubles a trial", words, 25, False, f"peak {peak / 1e6:.0f} MB, linear in M")

    sample = random.random(100)

    def ours_band() -> object:
        simultaneous_band.cache_clear()
        return simultaneous_band(100, 0.95)

    def opda_band() -> object:
        return empirical.confidence_bands(sample, 0.95, method="ld_equal_tailed", generator=np.random.default_rng(0))

    ours_s = seconds(ours_band, 5)
    start = time.perf_counter()
    opda_band()
    opda_s = time.perf_counter() - start
    yield Measured("band, M = 100: times faster", opda_s / ours_s, 50, True, f"{ours_s:.4f} / {opda_s:.2f} s")

    simultaneous_band.cache_clear()
    start = time.perf_counter()
    simultaneous_band(1000, 0.95)
    ours_s = time.perf_counter() - start
    yield Measured("band, M = 1,000: seconds", ours_s, 2, False, "nothing simulated, the same each time")


def main() -> int:
    """Measure, print, and say by the exit code whether all limits were kept."""
    missed = 0
    for measured in measure():
        print(measured.line(), flush=True)
        missed += not measured.kept
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
