"""The columns of a trials table (trials.csv): their names, their types, and which rows of all attempts are in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from models.core import names, states

REQUIRED = (names.NUMBER, names.STATE, names.VAL_ACCURACY)
"""What a table of trials cannot do without. Where no complete trial has a test accuracy, none was tested."""
IN_FRAME = (*REQUIRED, names.STATE_REASON, names.TEST_ACCURACY)
"""What a frame has once `trials_frame` has added the optional ones."""
METRICS = (
    names.VAL_ACCURACY,
    names.VAL_LOSS,
    names.TEST_ACCURACY,
    names.TEST_LOSS,
    names.N_PARAMETERS,
    names.BEST_EPOCH,
    names.SECONDS,
)
"""What a trial ended with, as a number each."""
COLUMNS = (
    *(names.NUMBER, names.ATTEMPT, names.STATE, names.STATE_REASON, names.SEED, names.CONFIG_HASH),
    *METRICS,
    *(names.WEIGHTS_SHA256, names.RUN_ID),
)
PARAMS = names.PARAMS
_NUMERIC = (names.ATTEMPT, *METRICS)
FOLD = names.FOLD
"""Before the number of a fold, from 1, and `_score`, `_epochs` or `_seconds`: columns of cross-validated trials."""
_TEXT = (
    *(names.STATE, names.STATE_REASON, names.SEED, names.CONFIG_HASH, names.WEIGHTS_SHA256, names.RUN_ID),
    names.CONFIRMS,
)


def trials_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One row a number, its last attempt, ascending; absent optional columns are added empty.

    A number whose last attempt has no state yet is still running: it is left out, its earlier attempts with it.
    """
    frame = attempts_of(rows)
    last = frame.drop_duplicates(names.NUMBER, keep="last")
    last = last[last[names.STATE] != states.RUNNING].reset_index(drop=True)
    # An earlier attempt whose parameters were never logged left blanks, which make a column of numbers one of text.
    for name in [column for column in last.columns if str(column).startswith(PARAMS)]:
        last[name] = _numbers_if_all(last[name])
    return last


def attempts_of(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """All attempts, ascending by number and attempt, in the table's columns and types; no state reads `running`."""
    frame = pd.DataFrame.from_records(list(rows))
    for name in REQUIRED:
        if name not in frame.columns and len(frame):
            raise ValueError(f"a trials table has the columns {', '.join(REQUIRED)}: missing {name}")
    params = [c for c in frame.columns if str(c).startswith(PARAMS)]
    extra = [c for c in (names.CONFIRMS,) if c in frame.columns]
    folds = sorted(c for c in frame.columns if str(c).startswith(FOLD))
    frame = frame.reindex(columns=[*COLUMNS, *extra, *folds, *params])
    frame[names.NUMBER] = _whole_numbers(frame[names.NUMBER])
    for name in (*_NUMERIC, *folds):
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
    """Numbers where every value reads as one (MLflow keeps text), else the text."""
    if (column == "").any() or not len(column):
        return column
    numbers = pd.to_numeric(column, errors="coerce")
    return column.astype(str) if numbers.isna().any() else numbers
