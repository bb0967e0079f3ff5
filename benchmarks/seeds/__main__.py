"""The class-room studies beside what the notebooks that they come from reported.

    python -m benchmarks.seeds --dataset mnist.npz

Every study runs as `python -m search` in the folder --folder, and trains each of its networks with --repeats training
seeds on one split. The same command goes on where it ended, and a larger --repeats adds trials. Prints, as Markdown,
each notebook's numbers beside the mean and standard deviation here, and whether the notebook's test accuracy (where
there is none, its validation accuracy) lies within 3 standard deviations.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow import MlflowClient

from analysis.looks.pareto import Network, pareto_front, smallest_at_least
from analysis.reading.columns import trials_frame
from analysis.reading.cv_results import cv_results
from analysis.reading.mlflow_studies import read_mlflow
from analysis.reading.table import TrialTable
from benchmarks.seeds.reported import CROSS_VALIDATED, REFIT, REPORTED, Reported
from search.study.study_file import load_settings

PROJECT = Path(__file__).parents[2]
# In the order of cost, so that a run that is cut short has finished most studies.
STUDIES = tuple(dict.fromkeys(reported.study for reported in REPORTED))
SEARCH, CONFIRMED, FOLDS, BASELINE = "smallest-95", "smallest-95-confirmed", "width-cv", "baseline"
ALL = (*STUDIES, SEARCH, FOLDS)
_REPEATS_AT_MOST = 50  # the study is made with so many, so that fewer can run first and more later
_GOOD_ENOUGH = 0.95


def main() -> None:
    parser = argparse.ArgumentParser(description="The class-room studies beside what their notebooks reported.")
    parser.add_argument("--dataset", required=True, metavar="NAME|FILE.npz", help="MNIST")
    parser.add_argument("--studies", default=",".join(ALL), help="of " + ", ".join(ALL))
    parser.add_argument("--repeats", type=int, default=5, help=f"of each network, 1 to {_REPEATS_AT_MOST}")
    parser.add_argument("--folder", default=str(Path(tempfile.gettempdir(), "seeds")), help="where everything goes")
    parser.add_argument("--table", action="store_true", help="run nothing: the table of what has been run")
    asked = parser.parse_args()
    folder, names = Path(asked.folder), asked.studies.split(",")
    if set(names) - set(ALL) or not 1 <= asked.repeats <= _REPEATS_AT_MOST:
        parser.error(f"studies must be of {', '.join(ALL)} and repeats 1 to {_REPEATS_AT_MOST}")
    folder.mkdir(parents=True, exist_ok=True)
    if not asked.table:
        dataset = str(Path(asked.dataset).resolve()) if asked.dataset.endswith(".npz") else asked.dataset
        for name in names:
            run_study(folder, name, dataset, asked.repeats)
    if set(names) & set(STUDIES):
        print(table(folder, names))
    for name, tabulate in ((SEARCH, smallest), (BASELINE, parts_table), (FOLDS, folds_table)):
        if name not in names:
            continue
        try:
            trials = read(folder, name)
        except ValueError:
            print(f"{name} has not run")
        else:
            print(tabulate(folder, trials))


def run_study(folder: Path, name: str, dataset: str, repeats: int) -> None:
    """Runs a study with its networks repeated, or a search unchanged, and then the smallest network found repeated."""
    settings = load_settings(name, data={"dataset": dataset})
    if name in STUDIES:
        search(folder, name, repeated(settings.as_written()), repeats)
        return
    search(folder, name, settings.as_written(), None)
    if name == FOLDS:
        return
    found = smallest_at_least(read(folder, name), _GOOD_ENOUGH)
    if found is not None:
        configuration = {key: found.params[key] for key in settings.searched}
        data = settings.as_written()["data"] | {"split_seed": settings.seed}
        again = settings.as_written() | {"sampler": "list", "configurations": [configuration], "seed": 1, "data": data}
        del again["space"]
        search(folder, CONFIRMED, repeated(again), repeats)


def repeated(study: dict[str, Any]) -> dict[str, Any]:
    """The study with all its configurations repeated in turn; the study's `trials` says how many of them run."""
    return study | {"configurations": study["configurations"] * _REPEATS_AT_MOST}


def search(folder: Path, name: str, study: dict[str, Any], repeats: int | None) -> None:
    """Runs the missing trials of `study` as a user would, with `repeats` trials of each configuration."""
    if repeats is not None:
        study = study | {"trials": repeats * len(study["configurations"]) // _REPEATS_AT_MOST}
    (folder / f"{name}.yaml").write_text(json.dumps(study, default=lambda value: value.item()))  # NumPy's numbers
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    environment["PYTHONPATH"] = str(PROJECT)
    began = time.perf_counter()
    command = [sys.executable, "-m", "search", "--study", f"{name}.yaml", "--workers", "2"]
    with (folder / f"{name}.log").open("w") as log:
        ended = subprocess.run(command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT, check=False)
    if ended.returncode:
        raise SystemExit(f"{name} ended with {ended.returncode}: see {folder / f'{name}.log'}")
    print(f"{name}: {study['trials']} trials, {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)


def read(folder: Path, name: str) -> TrialTable:
    """The study's trials table.

    Raises:
        ValueError: the study has not run.
    """
    return read_mlflow(name, f"sqlite:///{folder}/mlflow.db")


def complete(folder: Path, name: str) -> pd.DataFrame:
    """The study's complete trials; an empty table with all columns, where the study has not run."""
    try:
        frame = read(folder, name).frame
    except ValueError:
        frame = trials_frame([])
    return frame[frame["state"] == "complete"]


def trials_of(folder: Path, reported: Reported) -> pd.DataFrame:
    """The complete trials that repeat a reported network."""
    frame = complete(folder, reported.study)
    networks = sum(other.study == reported.study for other in REPORTED)
    return frame[frame["number"] % networks == reported.number]


def table(folder: Path, names: Sequence[str]) -> str:
    """A Markdown table with a row for each reported network, and numbers as notebook / here."""
    lines = [
        "| study | network | notebook | parameters | validation accuracy | test accuracy | within 3 deviations "
        "| epochs | seconds | repeats |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for reported in REPORTED:
        if reported.study not in names:
            continue
        trials = trials_of(folder, reported)
        if not len(trials):
            lines.append(f"| {reported.study} | {reported.network} | {reported.source} | not run |||||||")
            continue
        counts = sorted({int(count) for count in trials["n_parameters"]})
        equal = "" if counts == [reported.parameters] else f" against {reported.parameters:,}"
        lines.append(
            f"| {reported.study} | {reported.network} | {reported.source} | {counts[0]:,}{equal} | "
            f"{_beside(reported.validation, trials['val_accuracy'])} | "
            f"{_beside(reported.test, trials['test_accuracy'])} | {verdict(reported, trials)} | "
            f"{reported.epochs} / {_mean(trials['best_epoch'], 0)} | "
            f"{'-' if reported.seconds is None else round(reported.seconds)} / {_mean(trials['seconds'], 1)} | "
            f"{len(trials)} |"
        )
    return "\n".join([*lines, "", "Notebook / here (mean ± standard deviation over the repeats).", ""])


def _beside(theirs: float | None, ours: pd.Series) -> str:
    return f"{'-' if theirs is None else f'{theirs:.4f}'} / {_spread(ours)}"


def _spread(values: pd.Series) -> str:
    return f"{values.mean():.4f}" + (f" ± {values.std(ddof=1):.4f}" if len(values) > 1 else "")


def _mean(values: pd.Series, digits: int) -> str:
    return f"{values.mean():.{digits}f}"


def verdict(reported: Reported, trials: pd.DataFrame) -> str:
    """Whether the notebook's test accuracy lies within 3 deviations, and its distance in deviations.

    Where a notebook has no test accuracy, its validation accuracy decides.
    """
    theirs, column = reported.test, "test_accuracy"
    if theirs is None:
        theirs, column = reported.validation, "val_accuracy"
    if theirs is None or len(trials) < 3:  # a deviation of two trials says nothing
        return "-"
    away = (theirs - trials[column].mean()) / trials[column].std(ddof=1)
    which = "" if column == "test_accuracy" else " (validation)"
    return f"{'yes' if abs(away) <= 3 else 'no'}, {away:+.1f}{which}"


def smallest(folder: Path, trials: TrialTable) -> str:
    """The search for the smallest network: the Pareto front, the network found, and its scores with fresh seeds."""
    lines = ["| parameters | network | validation accuracy | test accuracy |", "|---|---|---|---|"]
    lines += [
        f"| {network.n_parameters:,} | {_named(network)} | {network.val:.4f} | {network.test:.4f} |"
        for network in pareto_front(trials)
    ]
    found = smallest_at_least(trials, _GOOD_ENOUGH)
    if found is None:
        return "\n".join([*lines, "", f"None has a validation accuracy of {_GOOD_ENOUGH}."])
    again = complete(folder, CONFIRMED)
    return "\n".join(
        [
            *lines,
            "",
            f"Smallest with a validation accuracy of {_GOOD_ENOUGH} or more: {found.n_parameters:,} parameters. Again "
            f"with {len(again)} fresh seeds: validation {_spread(again['val_accuracy'])}, test "
            f"{_spread(again['test_accuracy'])}.",
            "",
        ]
    )


def _named(network: Network) -> str:
    return f"{network.params['width']}, {network.params['activation']}"


def parts_table(folder: Path, trials: TrialTable) -> str:
    """Loss, accuracy and error rate on each part, as means over the repeats."""
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    runs = [client.get_run(run_id).data.metrics for run_id in trials.frame["run_id"]]
    lines = [f"| {BASELINE} | loss | accuracy | error % |", "|---|---|---|---|"]
    for part, prefix in (("training", "train"), ("validation", "val"), ("test", "test")):
        loss, accuracy = (float(np.mean([run[f"{prefix}_{what}"] for run in runs])) for what in ("loss", "accuracy"))
        lines.append(f"| {part} | {loss:.4f} | {accuracy:.4f} | {100 * (1 - accuracy):.2f} |")
    return "\n".join([*lines, ""])


def folds_table(_: Path, trials: TrialTable) -> str:
    """The cross-validated grid and its refit: mean ± deviation over folds, and seconds of a fit, as notebook / here."""
    lines = ["| width | accuracy on the folds | rank | seconds of a fit |", "|---|---|---|---|"]
    ranked = sorted(CROSS_VALIDATED, key=lambda width: -CROSS_VALIDATED[width][0])
    for _, row in cv_results(trials).iterrows():
        mean, deviation, seconds = CROSS_VALIDATED[row["param_width"]]
        lines.append(
            f"| {row['param_width']} | {mean:.4f} ± {deviation:.4f} / {row['mean_test_score']:.4f} ± "
            f"{row['std_test_score']:.4f} | {ranked.index(row['param_width']) + 1} / {row['rank_test_score']} | "
            f"{seconds:.0f} / {row['mean_fit_time']:.0f} |"
        )
    width, test = REFIT
    here = "none yet"
    if trials.refit is not None:
        best = trials.frame.set_index("number").loc[trials.refit.number]
        here = f"width {best['params.width']}, {trials.refit.test:.4f}"
    return "\n".join([*lines, "", f"Refit, tested: notebook width {width}, {test:.4f}; here {here}.", ""])


if __name__ == "__main__":
    main()
