"""Single trials on the page: the best ones, all trials to be searched, and the places of trials on pictures."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from analysis.estimates.best_of_n import BestOfN
from analysis.figures.style import Points
from analysis.looks.groups import label
from analysis.page.elements import Folded, Found, Search, Table
from analysis.reading.columns import PARAMS
from analysis.reading.pool import Pool
from analysis.reading.table import TrialTable
from analysis.report.sentences import quoted
from models.core import names
from models.core.rounding import plain_score

_TOP = 10
_MOST = 1000  # rows that the page holds


def search(table: TrialTable) -> Search:
    """The field that asks which trials to show; its example holds for the best trial."""
    found = table.best
    example = "" if found is None else "".join(f" {name}={label(found[PARAMS + name])}" for name in table.searched[:1])
    return Search("Find trials", f"trial<20{example}")


def best(table: TrialTable) -> Table:
    """The best trials as a table."""
    return _table(table, _TOP)


def everyone(table: TrialTable) -> Folded:
    """All complete trials, or as many as the page holds, the best first, in a folded table."""
    count = len(table.ranked)
    words = f"All {count:,} complete trials" if count <= _MOST else f"The best {_MOST:,} of {count:,} complete trials"
    return Folded(f"{words}, best first", [_table(table, _MOST)], "trials")


def score_names(table: TrialTable) -> list[str]:
    """The heads of the cells of `scores`."""
    label = table.objective.label
    return [f"validation {label}", *([f"test {label}"] if table.tested else [])]


def scores(table: TrialTable, validation: float, test: float) -> list[str]:
    """A trial's scores as cells."""
    return [plain_score(validation), *([plain_score(test)] if table.tested else [])]


def _table(table: TrialTable, most: int) -> Table:
    rows = [_cells(table, row) for _, row in table.ranked.head(most).iterrows()]
    return Table(["trial", *score_names(table), *table.searched], rows)


def _cells(table: TrialTable, row: pd.Series) -> list[str]:
    shown = scores(table, row[table.objective.name], row[table.objective.test_name])
    return [str(row[names.NUMBER]), *shown, *(label(row[PARAMS + name]) for name in table.searched)]


def found_on_curve(result: BestOfN, pool: Pool, places: Mapping[int, Points]) -> tuple[Found, ...]:
    """The curve at each N in words, with the trial that validation picks among the study's first N."""
    val, test = result.curves["best_val"], result.curves.get("test_of_best", {})
    metric = result.objective.label
    found = []
    for n, points in places.items():
        first = int(np.argmax(pool.upwards[:n]))
        words = f"N = {n:,}: validation {metric} {quoted(val[n])} on average"
        words += f", test {quoted(test[n])}" if n in test else ""
        words += f". The best of the first {n:,} here: trial {pool.numbers[first]}, {plain_score(pool.val[first])}."
        found.append(Found(points, words, int(pool.numbers[first])))
    return tuple(found)


def found_on_lines(table: TrialTable, places: Mapping[int, Points]) -> tuple[Found, ...]:
    """Each trial on the picture in words, the best one first."""
    heads = ["trial", *score_names(table), *table.searched]
    rows = table.ranked[table.ranked[names.NUMBER].isin(list(places))]
    found = []
    for _, row in rows.iterrows():
        number = int(row[names.NUMBER])
        words = ", ".join(f"{head} {cell}" for head, cell in zip(heads, _cells(table, row), strict=True))
        found.append(Found(places[number], words, number))
    return tuple(found)
