"""How often the printed intervals cover, on realistic scores: `python -m benchmarks.coverage [--draws 2000]`.

A law is a finite set of trials with probabilities, so the truth is exact. Searches of M trials are drawn from each law
with replacement, and the code of the reports computes each interval. Printed are a line for each law, M and N, then the
lowest and mean coverage of every interval, and last the intervals of other quantities than the best of N. Two attempts
to make the interval narrower are among them: "7% missed" has a tail of 0.035 on each side; "middle" takes F between two
scores in the middle of its possible values. Exit code 1 unless best_val covers at least 0.935 in every cell and 0.95 on
average, with a median width of at most 0.75 of the proven band's.

Pools of real scores are read from `--pools`, a folder with deberta-base.csv and alexnet.csv.
"""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from analysis.estimates import curves
from analysis.estimates.band import Band, median_band_ranks, simultaneous_band
from analysis.estimates.intervals import assumed_best, limits_at, proven_limits_at, selected_limits_at
from analysis.estimates.order_statistics import median_interval, median_quantile
from analysis.estimates.planning import prediction
from analysis.estimates.refusals import of_selected
from benchmarks.coverage.laws import Law, laws
from benchmarks.coverage.others import other_lines

POOLS = Path(__file__).parents[3] / "shared" / "pools"
SIZES = (20, 40, 100, 200)
LEAST, MEAN, WIDTH = 0.935, 0.95, 0.75
EPS = 1e-12
TAIL = 0.025
TRIED = 0.035  # a larger tail on each side, which was tried
_CHUNK = 500  # searches worked on at once


def sizes_of_n(m: int) -> list[int]:
    """1, 2, M/10, M/5, M/2 and M."""
    return sorted({1, 2, m // 10, m // 5, m // 2, m})


@dataclass
class Cell:
    """The results of one law, M and N: interval -> share of searches covered; interval -> median width."""

    law: str
    m: int
    n: int
    covered: dict[str, float] = field(default_factory=dict)
    width: dict[str, float] = field(default_factory=dict)

    def add(self, name: str, low: np.ndarray, high: np.ndarray, truth: float | np.ndarray) -> None:
        """Adds an interval of all searches; EPS allows for rounding."""
        self.covered[name] = float(np.mean((low <= truth + EPS) & (truth <= high + EPS)))
        self.width[name] = float(np.median(np.asarray(high) - np.asarray(low)))

    @property
    def ratio(self) -> float:
        """The median width divided by the proven interval's; 0 where the proven interval has no width."""
        return self.width["best_val"] / self.width["proven"] if self.width["proven"] > EPS else 0.0


def cells_of(law: Law, m: int, draws: int, random: np.random.Generator) -> list[Cell]:
    """All intervals of the best of N, from the same drawn searches at every N."""
    ns = sizes_of_n(m)
    places = np.sort(law.draw(random, (draws, m)), axis=1)
    y = law.val[places]
    band = simultaneous_band(m)
    both = [limits_at(part, ns, (TAIL, 2 * TAIL, TRIED), (0.0, 1.0)) for part in _chunks(y)]
    low, high = (np.concatenate([one[side] for one in both], axis=1) for side in (0, 1))
    proven = proven_limits_at(y, ns, band, (0.0, 1.0))
    cells = []
    for k, n in enumerate(ns):
        cell, truth, seen = Cell(law.name, m, n), law.expected(n, law.val), estimates(y, n)
        cell.add("best_val", np.minimum(low[0, :, k], seen), np.maximum(high[0, :, k], seen), truth)
        cell.add("at least", np.minimum(low[1, :, k], seen), np.full(draws, 1.0), truth)
        cell.add("proven", np.minimum(proven[0][:, k], seen), np.maximum(proven[1][:, k], seen), truth)
        cell.add("7% missed", np.minimum(low[2, :, k], seen), np.maximum(high[2, :, k], seen), truth)
        tops = np.array([assumed_best(row, n, 10_000, 1.0) for row in y])
        # The bound differs between searches; with scores moved so that the bound is 0, all searches share it.
        moved = [limits_at(p, [n], (TAIL,), (-1.0, 0.0))[1][0, :, 0] for p in _chunks(y - tops[:, None])]
        cell.add("tail", np.minimum(low[0, :, k], seen), np.maximum(np.concatenate(moved) + tops, seen), truth)
        _middle(cell, y, n, seen, truth, random)
        _ranks(cell, law, y, n, band)
        new = law.val[law.draw(random, (draws, n)).max(axis=1)]
        limit = [prediction(row, n).at_least for row in y]
        cell.add("prediction", np.array([0.0 if one is None else one for one in limit]), np.full(draws, 1.0), new)
        if law.test is not None and of_selected(n, m) is None:
            _of_test(cell, law, places, n)
        cells.append(cell)
    return cells


def estimates(levels: np.ndarray, n: int) -> np.ndarray:
    """U_N of each row of levels."""
    weights = curves.subset_probabilities(np.array([float(n)]), levels.shape[1])[0][::-1]
    return np.asarray(levels[:, -1] - np.diff(levels, axis=1) @ weights)


def _chunks(rows: np.ndarray) -> list[np.ndarray]:
    return np.array_split(rows, math.ceil(len(rows) / _CHUNK))


def _middle(cell: Cell, y: np.ndarray, n: int, seen: np.ndarray, truth: float, random: np.random.Generator) -> None:
    """Adds an interval that takes F between two scores in the middle of its possible values, not at either end."""
    m, k = y.shape[1], 1000
    sums = random.standard_exponential((k, m + 1)).cumsum(axis=1)
    powers = (sums[:, :-1] / sums[:, -1:]) ** n
    weights = (np.c_[np.zeros(k), powers] + np.c_[powers, np.ones(k)]) / 2.0
    found = 1.0 - weights @ np.diff(y, axis=1, prepend=0.0, append=1.0).T
    found.partition([24, 974], axis=0)
    cell.add("middle", np.minimum(found[24], seen), np.maximum(found[974], seen), truth)


def _ranks(cell: Cell, law: Law, y: np.ndarray, n: int, band: Band) -> None:
    """Adds the median's interval and the band's, which hold for any law."""
    m, truth = y.shape[1], law.quantile(median_quantile(n)[0])
    interval = median_interval(m, n)
    padded = np.c_[np.full(len(y), -np.inf), y, np.full(len(y), np.inf)]
    cell.add("median", padded[:, interval.lower], padded[:, interval.upper], truth)
    lower, upper = median_band_ranks(band, n)
    cell.add("median band", padded[:, lower], padded[:, upper], truth)


def _of_test(cell: Cell, law: Law, places: np.ndarray, n: int) -> None:
    assert law.test is not None
    val, test, truth = law.val[places], law.test[places], law.expected(n, law.test)
    seen = estimates(np.array([curves.tied_levels(*row) for row in zip(val, test, strict=True)]), n)
    parts = zip(_chunks(val), _chunks(test), strict=True)
    found = [selected_limits_at(*part, [n], (TAIL, TAIL / 2), (0.0, 1.0)) for part in parts]
    low, high = (np.concatenate([one[side][..., 0] for one in found], axis=1) for side in (0, 1))
    cell.add("test", np.minimum(low[0], seen), np.maximum(high[0], seen), truth)
    of_val = [limits_at(part, [n], (TAIL / 2,), (0.0, 1.0)) for part in _chunks(val)]
    least, most = (np.concatenate([one[side][0, :, 0] for one in of_val]) for side in (0, 1))
    gap = law.expected(n, law.val) - truth
    cell.add("gap", least - high[1], most - low[1], gap)


SHOWN = ("best_val", "at least", "proven", "tail", "test", "gap", "median", "median band", "prediction")


def line(cell: Cell) -> str:
    """The printed line of one cell."""
    covered = " ".join(f"{cell.covered[name]:>8.3f}" if name in cell.covered else f"{'-':>8}" for name in SHOWN)
    return f"{cell.law:<19}{cell.m:>4}{cell.n:>5} {covered} {cell.width['best_val']:>9.4f} {cell.ratio:>6.2f}"


def summary(cells: list[Cell]) -> list[str]:
    """Lines with the lowest and mean coverage and the widths of every interval that is printed or was tried."""
    lines = [f"{'interval':<14}{'lowest':>8}{'mean':>8}{'median width':>14}{'over proven':>13}{'cells':>7}"]
    for name in (*SHOWN, "7% missed", "middle"):
        there = [cell for cell in cells if name in cell.covered]
        covered, widths = [cell.covered[name] for cell in there], [cell.width[name] for cell in there]
        over = [cell.width[name] / cell.width["proven"] for cell in there if cell.width["proven"] > EPS]
        shown = f"{np.median(widths):>14.4f}{np.median(over):>13.2f}" if name in WIDE else f"{'-':>14}{'-':>13}"
        lines.append(f"{name:<14}{min(covered):>8.3f}{np.mean(covered):>8.3f}{shown}{len(there):>7}")
    return lines


WIDE = ("best_val", "proven", "tail", "test", "gap", "7% missed", "middle")


def kept(cells: list[Cell]) -> list[tuple[str, float, float, bool]]:
    """The limits of best_val: (words, measured value, limit, whether the limit is kept)."""
    covered = [cell.covered["best_val"] for cell in cells]
    ratios = [cell.ratio for cell in cells if cell.width["proven"] > EPS]
    lowest, mean, ratio = min(covered), float(np.mean(covered)), float(np.median(ratios))
    return [
        ("lowest coverage of a cell", lowest, LEAST, lowest >= LEAST),
        ("mean coverage", mean, MEAN, mean >= MEAN),
        ("median over cells of the width over the proven one's", ratio, WIDTH, ratio <= WIDTH),
    ]


def main(arguments: list[str] | None = None) -> int:
    """Simulates and prints; the exit code is 1 if a limit is missed, else 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.coverage", description=__doc__)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--pools", type=Path, default=POOLS)
    given = parser.parse_args(arguments)
    error = math.sqrt(0.95 * 0.05 / given.draws)
    print(f"{given.draws} searches a cell; Monte-Carlo error of a coverage of 0.95: {error:.4f}, of 0.99:", end=" ")
    print(f"{math.sqrt(0.99 * 0.01 / given.draws):.4f}\n")
    print(
        f"{'law':<19}{'M':>4}{'N':>5} " + " ".join(f"{name[:8]:>8}" for name in SHOWN) + f" {'width':>9} {'/prov.':>6}"
    )
    cells, random = [], np.random.default_rng(2026)
    for m in SIZES:
        for law in laws(given.pools, m):
            for cell in cells_of(law, m, given.draws, random):
                print(line(cell), flush=True)
                cells.append(cell)
    print("", *summary(cells), "", sep="\n")
    print(*other_lines(given.draws, given.pools, random), "", sep="\n")
    found = kept(cells)
    for words, value, limit, good in found:
        print(f"{'ok  ' if good else 'MISS'} {words}: {value:.3f} (limit {limit:g})")
    return 0 if all(good for *_, good in found) else 1


if __name__ == "__main__":
    sys.exit(main())
