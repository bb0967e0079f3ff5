"""The columns of a trials table (trials.csv): their names, their types, and which rows of all attempts are in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from models.core import names, states
from models.tasks.metrics import METRICS
from models.tasks.objective import Objective

_FIRST = (names.NUMBER, names.ATTEMPT, names.STATE, names.STATE_REASON, names.SEED, names.CONFIG_HASH)
_COUNTS = (names.N_PARAMETERS, names.BEST_EPOCH, names.SECONDS)
_LAST = (names.WEIGHTS_SHA256, names.RUN_ID)
SCORES = tuple(part + metric for metric in METRICS for part in (names.VAL, names.TEST))
"""Scores of the kept weights, by part and metric. A table has the objective and every score that its trials have."""
PARAMS = names.PARAMS
DEFAULT = Objective(names.VAL_ACCURACY)
"""The objective of a table that names none."""
FOLD = names.FOLD
"""Columns of cross-validated trials are FOLD, the number of a fold from 1, and `_score`, `_epochs` or `_seconds`."""
_TEXT = (
    *(names.STATE, names.STATE_REASON, names.SEED, names.CONFIG_HASH, names.WEIGHTS_SHA256, names.RUN_ID),
    names.CONFIRMS,
    names.TRAINED_BY,
    names.DETERMINISTIC,
)
_IF_ANY = (names.CONFIRMS, names.TRAINED_BY, names.DETERMINISTIC)
"""Columns that a table has only where some trial has the tag of the same name."""


def required(objective: Objective) -> tuple[str, ...]:
    """The columns that every table needs. Test scores may be missing, where no trial was tested."""
    return names.NUMBER, names.STATE, objective.name


def columns_of(objective: Objective, found: Iterable[str] = ()) -> tuple[str, ...]:
    """The columns of every table and the scores among `found`; the objective is the first score."""
    first = dict.fromkeys((objective.name, names.VAL_LOSS, objective.test_name, names.TEST_LOSS))
    there = set(found)
    others = (name for name in SCORES if name in there and name not in first)
    return *_FIRST, *first, *others, *_COUNTS, *_LAST


def recorded_columns() -> tuple[str, ...]:
    """The names of all tags and metrics that a trial's run can have, beside parameters and folds."""
    return *_FIRST, *SCORES, *_COUNTS, *_LAST


def trials_frame(rows: Iterable[Mapping[str, Any]], objective: Objective = DEFAULT) -> pd.DataFrame:
    """One row a number with its last attempt, by ascending number; optional columns that are absent are added empty.

    A number whose last attempt has no state is still running, and is left out together with its earlier attempts.
    """
    frame = attempts_of(rows, objective)
    last = frame.drop_duplicates(names.NUMBER, keep="last")
    last = last[last[names.STATE] != states.RUNNING].reset_index(drop=True)
    # Parameters of an earlier attempt may never have been logged; these blanks turn a column of numbers into text.
    for name in [column for column in last.columns if str(column).startswith(PARAMS)]:
        last[name] = _numbers_if_all(last[name])
    return last


def attempts_of(rows: Iterable[Mapping[str, Any]], objective: Objective = DEFAULT) -> pd.DataFrame:
    """All attempts by number and attempt, in the table's columns and types; an empty state becomes `running`."""
    frame = pd.DataFrame.from_records(list(rows))
    for name in required(objective):
        if name not in frame.columns and len(frame):
            raise ValueError(f"a trials table has the columns {', '.join(required(objective))}: missing {name}")
    params = [c for c in frame.columns if str(c).startswith(PARAMS)]
    extra = [c for c in _IF_ANY if c in frame.columns and frame[c].notna().any()]
    folds = sorted(c for c in frame.columns if str(c).startswith(FOLD))
    columns = columns_of(objective, (str(name) for name in frame.columns if frame[name].notna().any()))
    frame = frame.reindex(columns=[*columns, *extra, *folds, *params])
    frame[names.NUMBER] = _whole_numbers(frame[names.NUMBER])
    scores = (objective.name, objective.test_name, *SCORES)
    for name in (names.ATTEMPT, *(name for name in columns if name in (*scores, *_COUNTS)), *folds):
        frame[name] = _numbers(name, frame[name])
    frame[names.ATTEMPT] = frame[names.ATTEMPT].fillna(0).astype(int)
    for name in (*_TEXT, *params):
        if name in frame.columns:
            frame[name] = frame[name].map(_text).astype(object)
    for name in params:
        frame[name] = _numbers_if_all(frame[name])
    frame.loc[frame[names.STATE] == "", names.STATE] = states.RUNNING
    return frame.sort_values([names.NUMBER, names.ATTEMPT], kind="stable").reset_index(drop=True)


def _text(value: Any) -> Any:
    if value is None or (isinstance(value, float) and value != value):
        return ""
    return value.strip() if isinstance(value, str) else value


def _numbers(name: str, column: pd.Series) -> pd.Series:
    cleaned = column.map(lambda v: None if isinstance(v, str) and not v.strip() else v)
    try:
        return pd.to_numeric(cleaned).astype(float)
    except (ValueError, TypeError):
        bad = next(v for v in cleaned if v is not None and pd.isna(pd.to_numeric(v, errors="coerce")))
        raise ValueError(f"{name} is a number or empty: got {bad!r}") from None


def _whole_numbers(column: pd.Series) -> pd.Series:
    numbers = _numbers(names.NUMBER, column)
    bad = numbers.isna() | (numbers % 1 != 0) | (numbers < 0)
    if bad.any():
        raise ValueError(f"number is a whole number from 0: got {column[bad].iloc[0]!r}")
    return numbers.astype(int)


def _numbers_if_all(column: pd.Series) -> pd.Series:
    """The column as numbers where every value is one, else as text; MLflow keeps parameters as text."""
    if (column == "").any() or not len(column):
        return column
    numbers = pd.to_numeric(column, errors="coerce")
    return column.astype(str) if numbers.isna().any() else numbers
