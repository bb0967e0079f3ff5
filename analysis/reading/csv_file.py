"""A trials table from a CSV file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from analysis.reading.columns import REQUIRED, trials_frame
from analysis.reading.table import TrialTable
from models.core import names


def read_csv(path: str | Path, sampler: str) -> TrialTable:
    """A trials table from a CSV file with at least the REQUIRED columns, drawn as `sampler` says: nothing in it does.

    Numbers count from 0, as this project's own tables do (they have the column config_hash), or from 1.
    """
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
    blank = raw.loc[raw[names.STATE].str.strip() == "", names.NUMBER]
    if len(blank):
        raise ValueError(f"state is complete, failed or pruned: got a blank one for number {blank.iloc[0]}")
    records = [{str(k): v for k, v in row.items()} for row in raw.to_dict("records")]
    frame = trials_frame(records)
    from_one = names.CONFIG_HASH not in raw.columns and int(frame[names.NUMBER].min()) == 1
    return TrialTable(frame, study=file.stem, sampler=sampler, first_number=int(from_one))
