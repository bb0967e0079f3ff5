"""Cross-validated trials: a table like scikit-learn's cv_results_, and the refit of the best of them."""

from __future__ import annotations

import json
import math

import numpy as np
import pandas as pd

from analysis.looks.groups import label
from analysis.reading.table import FOLD, PARAMS, TrialTable
from analysis.report import html
from analysis.report.sentences import tested_accuracy


def cv_results(table: TrialTable) -> pd.DataFrame:
    """A row a trial, in the order of the searched parameters, in the columns of GridSearchCV.cv_results_.

    `split0_test_score` is the accuracy on the first fold; the standard deviations are those of the folds themselves,
    divided by their number (scikit-learn's and NumPy's, not the sample's). Equal means share the best of their ranks; a
    trial that failed has no scores and the last rank. Times are in seconds, of a fold's training with its scoring.

    Raises:
        ValueError: the trials are not cross-validated.
    """
    if not table.folds:
        raise ValueError(f"a table of folds needs cross-validated trials: got {table.study}, which has no folds")
    names = list(table.searched)
    frame = table.frame.sort_values([PARAMS + name for name in names] or ["number"], kind="stable")
    scores, seconds = _of_folds(frame, table.folds, "score"), _of_folds(frame, table.folds, "seconds")
    means = pd.Series(scores.mean(axis=1))
    parameters = [{name: row[PARAMS + name] for name in names} for _, row in frame.iterrows()]
    return pd.DataFrame(
        {
            "trial": frame["number"].to_numpy(),
            "mean_fit_time": seconds.mean(axis=1),
            "std_fit_time": seconds.std(axis=1),
            **{f"param_{name}": frame[PARAMS + name].to_numpy() for name in names},
            "params": [json.dumps(one, default=_plain) for one in parameters],
            **{f"split{k}_test_score": scores[:, k] for k in range(table.folds)},
            "mean_test_score": means,
            "std_test_score": scores.std(axis=1),
            "rank_test_score": means.rank(method="min", ascending=False, na_option="bottom").astype(int),
        }
    )


def refit_words(table: TrialTable) -> str:
    """What the refit of the best trial reached, or that there is none yet."""
    refit = table.refit
    if refit is None:
        return "not there: the study is not complete, or the refit failed (its run says why)"
    rows = "" if table.train_rows is None else f" on all {table.train_rows:,} training rows"
    return (
        f"trial {refit.number} trained once{rows}: test accuracy {tested_accuracy(table, refit.test_accuracy)}, "
        f"validation accuracy {refit.val_accuracy:.4f}, kept epoch {refit.best_epoch} (run {refit.run_id})"
    )


def section(table: TrialTable) -> list[str]:
    """The report's part on them."""
    found = cv_results(table)
    names = [name for name in found.columns if name.startswith("param_")]
    splits = [name for name in found.columns if name.startswith("split")]
    folds = [name.removesuffix("_test_score") for name in splits]
    head = [*(name.removeprefix("param_") for name in names), "rank", "mean", "std", *folds, "fit time, s", "std"]
    rows = [
        [
            *(label(row[name]) for name in names),
            str(row["rank_test_score"]),
            *(_shown(row[name]) for name in ("mean_test_score", "std_test_score", *splits)),
            *(_shown(row[name], 2) for name in ("mean_fit_time", "std_fit_time")),
        ]
        for _, row in found.iterrows()
    ]
    words = (
        f"Accuracy on each of {table.folds} folds, scored by a network that was trained on the others. std is that of "
        "the folds themselves (divided by their number, as NumPy's and scikit-learn's). The numbers are in "
        "cv_results.csv, in the columns of scikit-learn's cv_results_."
    )
    return [
        html.heading("Cross-validation"),
        html.paragraph(f"Refit: {refit_words(table)}."),
        html.table(head, rows),
        html.paragraph(words, "small"),
    ]


def _of_folds(frame: pd.DataFrame, folds: int, what: str) -> np.ndarray:
    """(trials, folds), NaN where a trial has no such value."""
    columns = [f"{FOLD}{k}_{what}" for k in range(1, folds + 1)]
    return frame.reindex(columns=columns).to_numpy(dtype=float)


def _plain(value: object) -> object:
    return value.item() if isinstance(value, np.generic) else str(value)


def _shown(value: float, digits: int = 4) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"
