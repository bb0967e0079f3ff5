"""A table of trials that another program wrote, a row a trial: CSV or Parquet, whatever its columns are called."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.foreign.trials import ForeignStudy, ForeignTrial
from models.core import names, states
from models.core.suggestions import did_you_mean, listed

_NUMBER = (names.NUMBER, names.TRIAL_NUMBER, "trial", "_step")
_STATE = (names.STATE, "status")
_SECONDS = (names.SECONDS, "duration", "time_total_s", "_runtime")
_ID = ("trial_id", "id", names.RUN_ID, "name")
_OF_PARAMETERS = (names.PARAMS, "params_", "param_", "config/", "config.", "hp.", "hp/")
_ENDED = {
    **dict.fromkeys(("complete", "completed", "finished", "terminated", "succeeded"), states.COMPLETE),
    **dict.fromkeys(("failed", "fail", "error", "invalid", "crashed"), states.FAILED),
    **dict.fromkeys(("pruned", "stopped"), states.PRUNED),
    **dict.fromkeys(("running", "waiting", "pending"), states.RUNNING),
}
"""The words of Optuna, KerasTuner, Ray Tune, W&B and MLflow, in lower case."""


def read_table_file(path: str, metrics: Sequence[str]) -> ForeignStudy:
    """The trials of a file; `metrics` are the columns that are named as scores.

    Hyperparameters are the columns with a prefix such as `params.` or `config/`, and where none has one, all columns
    that are no number, state, time or identifier and no score.

    Raises:
        ValueError: there is no such file, it is no table, or a state's word is not known.
    """
    file = Path(path)
    if not file.is_file():
        raise ValueError(f"--trials is a table of trials, .csv or .parquet, got {path!r}, which is no file")
    try:
        frame = pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file)
    except (ValueError, OSError, pd.errors.ParserError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())[:160]
        raise ValueError(f"--trials is a table of trials, .csv or .parquet, got {path!r}: {said}") from None
    if not len(frame):
        raise ValueError(f"a table of trials has at least one row, got none in {path!r}")
    for name in metrics:
        if name not in frame.columns:
            known = [str(column) for column in frame.columns]
            raise ValueError(
                f"a score is a column of {path!r}, one of {listed(known)}, got {name!r}{did_you_mean(name, known)}"
            )
    named = {str(column).lower(): column for column in frame.columns}
    number, state, seconds, identifier = (
        next((named[name] for name in candidates if name in named), None)
        for candidates in (_NUMBER, _STATE, _SECONDS, _ID)
    )
    special = {number, state, seconds, identifier}
    marked = {column: _bare(str(column)) for column in frame.columns if str(column).lower().startswith(_OF_PARAMETERS)}
    rest = [column for column in frame.columns if column not in special and column not in marked]
    scores = [column for column in rest if pd.api.types.is_numeric_dtype(frame[column])] if marked else list(metrics)
    parameters = marked or {column: str(column) for column in rest if column not in metrics}
    numbers = _numbers(frame, number)
    return ForeignStudy(
        name=file.stem,
        source="a table of trials",
        trials=tuple(
            ForeignTrial(
                number=place,
                state=_state(row, state, metrics),
                parameters={bare: row[column] for column, bare in parameters.items() if not _is_missing(row[column])},
                metrics={str(name): float(row[name]) for name in scores if name in row and not _is_missing(row[name])},
                seconds=float(row[seconds]) if seconds is not None and _is_number(row[seconds]) else math.nan,
                where=str(row[identifier]) if identifier is not None else f"row {place + 1}",
            )
            for place, (_, row) in zip(numbers, frame.iterrows(), strict=True)
        ),
        deleted=max(numbers) + 1 - len(numbers),
    )


def _numbers(frame: pd.DataFrame, column: Any) -> list[int]:
    """The trials' numbers from 0; the rows' order where no column counts them."""
    if column is None or not pd.api.types.is_integer_dtype(frame[column]) or frame[column].duplicated().any():
        return list(range(len(frame)))
    first = int(frame[column].min())
    return [int(value) - (first if first in (0, 1) else 0) for value in frame[column]]


def _state(row: Any, column: Any, metrics: Sequence[str]) -> str:
    if column is None:  # a trial without a score has failed
        return states.FAILED if any(name in row and _is_missing(row[name]) for name in metrics) else states.COMPLETE
    word = str(row[column]).strip().lower().removeprefix("trialstate.")
    if word not in _ENDED:
        raise ValueError(f"a trial's state is one of {', '.join(_ENDED)}, got {str(row[column])!r}")
    return _ENDED[word]


def _bare(column: str) -> str:
    prefix = next(prefix for prefix in _OF_PARAMETERS if column.lower().startswith(prefix))
    return column[len(prefix) :]


def _is_missing(value: Any) -> bool:
    return bool(pd.isna(value)) if pd.api.types.is_scalar(value) else False


def _is_number(value: Any) -> bool:
    return pd.api.types.is_number(value) and not _is_missing(value)
