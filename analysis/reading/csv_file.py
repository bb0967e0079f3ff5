"""A trials table from a CSV file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from analysis.reading.columns import DEFAULT, PARAMS, required, trials_frame
from analysis.reading.table import TrialTable
from models.core import names
from models.data.labels import CLASSIFICATION, REGRESSION
from models.tasks.objective import CONSTANT, METRICS_OF, Objective


def read_csv(
    path: str | Path, sampler: str, objective: Objective = DEFAULT, worst: tuple[float, float] | None = None
) -> TrialTable:
    """A trials table from a CSV file with at least the `required` columns.

    `sampler`: how the trials were drawn, which the file does not say. `worst`: the validation and the test score of a
    failed trial, for an objective without a worst value. Numbers count from 0 in this project's own tables (which have
    the column config_hash), and from 0 or 1 in other tables.

    Raises:
        ValueError: there is no such file, a column is missing, there is no row, a state is blank, or a number stands
            twice.
    """
    raw = _read(path, required(objective))
    records = [{str(k): v for k, v in row.items()} for row in raw.to_dict("records")]
    frame = trials_frame(records, objective)
    from_one = names.CONFIG_HASH not in raw.columns and int(frame[names.NUMBER].min()) == 1
    train, validation, test = (_the_one(frame, part + names.ROWS) for part in ("train", "validation", "test"))
    return TrialTable(
        frame,
        study=Path(path).stem,
        sampler=sampler,
        train_rows=train,
        validation_rows=validation,
        test_rows=test,
        first_number=int(from_one),
        objective=objective,
        task=CLASSIFICATION if objective.metric.name in METRICS_OF[CLASSIFICATION] else REGRESSION,
        baselines={} if worst is None else {CONSTANT: {objective.name: worst[0], objective.test_name: worst[1]}},
    )


def _read(path: str | Path, needed: Sequence[str]) -> pd.DataFrame:
    """The file's texts, one row an attempt, checked for rules that a table of numbers cannot be checked for."""
    file = Path(path)
    if not file.is_file():
        raise ValueError(f"--trials is a CSV file of trials: got {str(path)!r}, which is no file")
    try:
        raw = pd.read_csv(file, dtype=str, keep_default_na=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise ValueError(f"--trials is a CSV file of trials: got {str(path)!r}: {error}") from None
    missing = [name for name in needed if name not in raw.columns]
    if missing:
        raise ValueError(f"a trials table has the columns {', '.join(needed)}: missing {', '.join(missing)}")
    if not len(raw):
        raise ValueError(f"a trials table has at least one row: got none in {str(path)!r}")
    blank = raw.loc[raw[names.STATE].str.strip() == "", names.NUMBER]
    if len(blank):
        raise ValueError(f"state is complete, failed or pruned: got a blank one for number {blank.iloc[0]}")
    keys = [names.NUMBER] + [name for name in (names.ATTEMPT,) if name in raw.columns]
    twice = raw.loc[raw.duplicated(keys), names.NUMBER]
    if len(twice):
        raise ValueError(f"a number stands once in a trials table, or once for each attempt: got {twice.iloc[0]} again")
    return raw


def _the_one(frame: pd.DataFrame, name: str) -> int | None:
    """The whole number that a parameter has in every row of this project's own tables; None where rows differ."""
    found = {str(value) for value in frame.get(PARAMS + name, pd.Series(dtype=object))} - {""}
    text = found.pop() if len(found) == 1 else ""
    return int(float(text)) if re.fullmatch(r"[0-9]{1,18}(\.0)?", text) else None
