"""The trials table: one row a plan number that started, its last attempt; and what the study says about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

REQUIRED = ("number", "state", "state_reason", "val_accuracy", "test_accuracy")
COLUMNS = (
    "number",
    "attempt",
    "state",
    "state_reason",
    "seed",
    "config_hash",
    "val_accuracy",
    "val_loss",
    "test_accuracy",
    "test_loss",
    "n_parameters",
    "best_epoch",
    "seconds",
    "weights_sha256",
    "run_id",
)
PARAMS = "params."
_NUMERIC = (
    "attempt",
    "val_accuracy",
    "val_loss",
    "test_accuracy",
    "test_loss",
    "n_parameters",
    "best_epoch",
    "seconds",
)
FOLD = "fold_"
"""Before the number of a fold, from 1, and `_score`, `_epochs` or `_seconds`: columns of cross-validated trials."""
_TEXT = ("state", "state_reason", "seed", "config_hash", "weights_sha256", "run_id", "confirms")


@dataclass(frozen=True)
class Refit:
    """The best configuration of a cross-validated study, trained on all of the training part and tested."""

    number: int
    """Of the trial whose configuration it has."""
    run_id: str
    val_accuracy: float
    test_accuracy: float
    best_epoch: int
    seconds: float


@dataclass(frozen=True)
class TrialTable:
    """Trials and their study. `frame` is as `trials_frame` makes it; what is unknown (from a CSV) is None.

    `folds`: how many score a trial, None where it is scored on a validation part; `refit`: that of the best trial.
    """

    frame: pd.DataFrame
    study: str
    sampler: str
    seed: int | None = None
    data_sha256: str | None = None
    planned_trials: int | None = None
    grid_size: int | None = None
    train_rows: int | None = None
    validation_rows: int | None = None
    test_rows: int | None = None
    plan_hash: str | None = None
    parent_run_id: str | None = None
    stopped_early: bool = False
    folds: int | None = None
    refit: Refit | None = None

    def __post_init__(self) -> None:
        """Check that the columns are there and that every number stands once."""
        missing = [name for name in REQUIRED if name not in self.frame.columns]
        if missing:
            raise ValueError(f"a trials table has the columns {', '.join(REQUIRED)}: missing {', '.join(missing)}")
        twice = self.frame["number"][self.frame["number"].duplicated()]
        if len(twice):
            raise ValueError(f"a number stands once in a trials table: got {twice.iloc[0]} again")

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the hyperparameters, in the table's order."""
        return tuple(c.removeprefix(PARAMS) for c in self.frame.columns if c.startswith(PARAMS))

    @property
    def searched(self) -> tuple[str, ...]:
        """Names of the hyperparameters that differ between trials."""
        return tuple(n for n in self.parameters if self.frame[PARAMS + n].nunique(dropna=False) > 1)

    @property
    def ranked(self) -> pd.DataFrame:
        """The complete trials by validation accuracy, the best first, the earlier one on ties."""
        complete = self.frame[(self.frame["state"] == "complete") & self.frame["val_accuracy"].notna()]
        return complete.sort_values(["val_accuracy", "number"], ascending=[False, True])

    @property
    def tested(self) -> bool:
        """Whether trials have a test accuracy: those of a cross-validated study have none."""
        return not self.folds and not any(str(name).startswith(FOLD) for name in self.frame.columns)

    @property
    def scored_rows(self) -> int | None:
        """The rows that a trial's validation accuracy is measured on."""
        return self.train_rows if self.folds else self.validation_rows

    @property
    def best(self) -> pd.Series | None:
        """The complete trial with the best validation accuracy, the lowest number on ties."""
        return None if self.ranked.empty else self.ranked.iloc[0]

    @property
    def network_run_id(self) -> str | None:
        """The run of the best network: the best trial's, or where trials are cross-validated that of the refit."""
        if self.folds:
            return self.refit.run_id if self.refit is not None else None
        return None if self.best is None else str(self.best["run_id"])

    def prefix(self, numbers: int) -> TrialTable:
        """The same study as it stood when only plan numbers below `numbers` had started."""
        return replace(self, frame=self.frame[self.frame["number"] < numbers])


def trials_frame(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """One row a number, its last attempt, ascending; absent optional columns are added empty.

    A number whose last attempt has no state yet is still running: it is left out, its earlier attempts with it.
    """
    frame = attempts_of(rows)
    last = frame.drop_duplicates("number", keep="last")
    last = last[last["state"] != "running"].reset_index(drop=True)
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
    extra = [c for c in ("confirms",) if c in frame.columns]
    folds = sorted(c for c in frame.columns if str(c).startswith(FOLD))
    frame = frame.reindex(columns=[*COLUMNS, *extra, *folds, *params])
    frame["number"] = _whole_numbers(frame["number"])
    for name in (*_NUMERIC, *folds):
        frame[name] = _numbers(name, frame[name])
    frame["attempt"] = frame["attempt"].fillna(0).astype(int)
    for name in (*_TEXT, *params):
        if name in frame.columns:
            frame[name] = frame[name].map(_text).astype(object)
    for name in params:
        frame[name] = _numbers_if_all(frame[name])
    frame.loc[frame["state"] == "", "state"] = "running"
    return frame.sort_values(["number", "attempt"], kind="stable").reset_index(drop=True)


def read_csv(path: str | Path, sampler: str = "random") -> TrialTable:
    """A trials table from a CSV file with at least the REQUIRED columns. A blank state is refused by the estimates."""
    file = Path(path)
    if not file.is_file():
        raise ValueError(f"--trials is a CSV file of trials: got {str(path)!r}, which is no file")
    try:
        raw = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"--trials is a CSV file of trials: got {str(path)!r}: {error}") from None
    missing = [name for name in REQUIRED if name not in raw.columns]
    if missing:
        raise ValueError(f"a trials table has the columns {', '.join(REQUIRED)}: missing {', '.join(missing)}")
    if not len(raw):
        raise ValueError(f"a trials table has at least one row: got none in {str(path)!r}")
    blank = raw.loc[raw["state"].str.strip() == "", "number"]
    if len(blank):
        raise ValueError(f"state is complete, failed or pruned: got a blank one for number {blank.iloc[0]}")
    records = [{str(k): v for k, v in row.items()} for row in raw.to_dict("records")]
    return TrialTable(trials_frame(records), study=file.stem, sampler=sampler)


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
    numbers = _numbers("number", column)
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
