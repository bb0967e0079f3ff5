"""Laws of scores like real ones, from which benchmarks.coverage draws its searches."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis.estimates.curves import tie_starts
from analysis.reading.csv_file import read_csv
from analysis.reading.pool import pool_of


@dataclass(frozen=True)
class Law:
    """Trials in ascending order of validation score, with probabilities `p`; `test` is None without test scores."""

    name: str
    val: np.ndarray
    test: np.ndarray | None
    p: np.ndarray

    @staticmethod
    def of(name: str, val: np.ndarray, test: np.ndarray | None = None, p: np.ndarray | None = None) -> Law:
        """The law of these trials, with probabilities in proportion to `p`, or equal ones."""
        order = np.argsort(val, kind="stable")
        weights = np.ones(len(val)) if p is None else p
        return Law(name, val[order], None if test is None else test[order], (weights / weights.sum())[order])

    def expected(self, n: int, value: np.ndarray) -> float:
        """The expected value of the trial with the best validation score among n; tied trials are averaged."""
        starts = tie_starts(self.val)
        mass = np.add.reduceat(self.p, starts)
        means = np.add.reduceat(self.p * value, starts) / mass
        return float(np.sum(means * np.diff(np.cumsum(mass).clip(max=1.0) ** n, prepend=0.0)))

    def quantile(self, q: float) -> float:
        """The smallest score with at least q of the probability at or below it."""
        return float(self.val[min(int(np.searchsorted(np.cumsum(self.p), q - 1e-12)), len(self.val) - 1)])

    def draw(self, random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Random trials, as places in the law, in an array of the shape."""
        return np.minimum(np.searchsorted(np.cumsum(self.p), random.random(shape), side="right"), len(self.val) - 1)


def laws(pools: Path, m: int) -> Iterator[Law]:
    """The laws of two pools of real scores, and the made-up laws."""
    for name in ("deberta-base", "alexnet"):
        pool = pool_of(read_csv(pools / f"{name}.csv", "random"))
        yield Law.of(name, pool.val, pool.test if pool.tested else None)
    yield from made_up_laws(m)


def made_up_laws(m: int) -> Iterator[Law]:
    """The laws that need no file; of the law "all failed but one", m - 1 trials in m fail."""
    random = np.random.default_rng(1)
    good = np.linspace(0.95, 0.985, 2000)
    noisy = np.clip(good + random.normal(0.0, 0.004, len(good)), 0.0, 1.0)
    for name, share in (("half at 0.11", 0.5), ("0.3 collapsed", 0.3)):
        p = np.r_[share, np.full(len(good), (1.0 - share) / len(good))]
        yield Law.of(name, np.r_[0.11, good], np.r_[0.1, noisy], p)
    yield Law.of("ties at 1/287", np.round(good * 287) / 287, np.round(noisy * 360) / 360)
    yield Law.of("all failed but one", np.array([0.0, 0.97]), np.array([0.0, 0.96]), np.array([m - 1.0, 1.0]))
    yield Law.of("point mass at 1", np.ones(1), np.ones(1))
