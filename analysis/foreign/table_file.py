"""A table of trials that another program wrote, a row a trial, as CSV or Parquet with column names of any program."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
"""The states as Optuna, KerasTuner, Ray Tune, W&B and MLflow write them, in lower case."""


def read_table_file(path: str, metrics: Sequence[str]) -> ForeignStudy:
    """The trials of a file; `metrics` are the columns that are named as scores.

    Hyperparameters are the columns with a prefix such as `params.` or `config/`. Where no column has such a prefix,
    hyperparameters are all columns that are no number, state, time, identifier or score.

    Raises:
        ValueError: there is no such file, the file is no table, or the word of a state is not known.
    """
    frame = _read(path)
    for name in metrics:
        if name not in frame.columns:
            known = [str(column) for column in frame.columns]
            raise ValueError(
                f"a score is a column of {path!r}, one of {listed(known)}, got {name!r}{did_you_mean(name, known)}"
            )
    columns = _Columns.of(frame, metrics)
    numbers = _numbers(frame, columns.number)
    rows = zip(numbers, frame.iterrows(), strict=True)
    return ForeignStudy(
        name=Path(path).stem,
        source="a table of trials",
        trials=tuple(columns.trial(number, row, metrics) for number, (_, row) in rows),
        deleted=max(numbers) + 1 - len(numbers),
    )


def _read(path: str) -> pd.DataFrame:
    """The file as a table with at least one row."""
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
    return frame


@dataclass(frozen=True)
class _Columns:
    """Which columns of a table hold what; None where no column does."""

    number: Any
    state: Any
    seconds: Any
    identifier: Any
    parameters: Mapping[Any, str]
    """Column -> the hyperparameter's name without the column's prefix."""
    scores: Sequence[Any]

    @classmethod
    def of(cls, frame: pd.DataFrame, metrics: Sequence[str]) -> _Columns:
        named = {str(column).lower(): column for column in frame.columns}
        number, state, seconds, identifier = (
            next((named[name] for name in candidates if name in named), None)
            for candidates in (_NUMBER, _STATE, _SECONDS, _ID)
        )
        special = (number, state, seconds, identifier)
        marked = {
            column: _bare(str(column)) for column in frame.columns if str(column).lower().startswith(_OF_PARAMETERS)
        }
        rest = [column for column in frame.columns if column not in special and column not in marked]
        parameters = marked or {column: str(column) for column in rest if column not in metrics}
        numbers = [column for column in rest if pd.api.types.is_numeric_dtype(frame[column])]
        return cls(number, state, seconds, identifier, parameters, numbers if marked else list(metrics))

    def trial(self, number: int, row: Any, metrics: Sequence[str]) -> ForeignTrial:
        """The trial that a row describes."""
        seconds: Any = math.nan if self.seconds is None else row[self.seconds]
        return ForeignTrial(
            number=number,
            state=_state(row, self.state, metrics),
            parameters={bare: row[column] for column, bare in self.parameters.items() if not _is_missing(row[column])},
            metrics={str(name): float(row[name]) for name in self.scores if not _is_missing(row[name])},
            seconds=float(seconds) if _is_number(seconds) else math.nan,
            where=str(row[self.identifier]) if self.identifier is not None else f"row {number + 1}",
        )


def _numbers(frame: pd.DataFrame, column: Any) -> list[int]:
    """The trials' numbers from 0; where no column has such numbers, the rows are counted."""
    if column is None or not pd.api.types.is_integer_dtype(frame[column]) or frame[column].duplicated().any():
        return list(range(len(frame)))
    first = int(frame[column].min())
    return [int(value) - (first if first in (0, 1) else 0) for value in frame[column]]


def _state(row: Any, column: Any, metrics: Sequence[str]) -> str:
    if column is None:  # without states, a trial without a score has failed
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
