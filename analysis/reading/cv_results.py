"""Cross-validated trials as a table like scikit-learn's cv_results_."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from analysis.reading.columns import FOLD, PARAMS
from analysis.reading.table import TrialTable
from models.core import names


def cv_results(table: TrialTable) -> pd.DataFrame:
    """One row a trial, in the order of the searched parameters, with the columns of GridSearchCV.cv_results_.

    `split0_test_score` is the objective on the first fold. Standard deviations over folds divide by the number of
    folds, like scikit-learn's. Equal means share the best of their ranks. A failed trial has no scores and the last
    rank. Times are seconds of a fold's training and scoring.

    Raises:
        ValueError: the trials are not cross-validated.
    """
    if not table.folds:
        raise ValueError(f"a table of folds needs cross-validated trials: got {table.study}, which has no folds")
    searched = list(table.searched)
    frame = table.frame.sort_values([PARAMS + name for name in searched] or [names.NUMBER], kind="stable")
    scores, seconds = _of_folds(frame, table.folds, "score"), _of_folds(frame, table.folds, names.SECONDS)
    means = pd.Series(scores.mean(axis=1))
    ranks = means.rank(method="min", ascending=table.objective.sign < 0, na_option="bottom").astype(int)
    parameters = [{name: row[PARAMS + name] for name in searched} for _, row in frame.iterrows()]
    return pd.DataFrame(
        {
            "trial": frame[names.NUMBER].to_numpy(),
            "mean_fit_time": seconds.mean(axis=1),
            "std_fit_time": seconds.std(axis=1),
            **{f"param_{name}": frame[PARAMS + name].to_numpy() for name in searched},
            "params": [json.dumps(one, default=_plain) for one in parameters],
            **{f"split{k}_test_score": scores[:, k] for k in range(table.folds)},
            "mean_test_score": means,
            "std_test_score": scores.std(axis=1),
            "rank_test_score": ranks,
        }
    )


def _of_folds(frame: pd.DataFrame, folds: int, what: str) -> np.ndarray:
    """The column `what` of each fold, (trials, folds); NaN where a trial has no such value."""
    columns = [f"{FOLD}{k}_{what}" for k in range(1, folds + 1)]
    return frame.reindex(columns=columns).to_numpy(dtype=float)


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else str(value)
