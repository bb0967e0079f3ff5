"""A cross-validated grid of widths: this project against scikit-learn's GridSearchCV with scikeras.

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.cross_validation --dataset mnist.npz

Both sides train the same networks on the same folds, use the same rows for early stopping (patience 2, the last weights
kept), refit the best width on all folds together, and test the refit. Our side is the whole command, `python -m
search`, with two workers and everything tracked. The other side is the whole script, with --jobs jobs and nothing
tracked. The seeds of the sides differ, so accuracies agree up to chance. Prints a table and, last, one JSON line.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import compile_packages, last_line, machine, timed
from models.core.seeds import derive_seed
from models.data.sources import load_dataset
from models.data.splits import Split, split_dataset

SEED, FOLDS, VALIDATION = 0, 3, 5000
GOAL = 5.0


def main() -> None:
    parser = argparse.ArgumentParser(description="Cross-validation beside scikit-learn's.")
    parser.add_argument("--dataset", required=True, metavar="FILE.npz", help="MNIST, or the like")
    parser.add_argument("--widths", default="100,350,600,850")
    parser.add_argument("--epochs", type=int, default=30, help="at most, of both sides")
    parser.add_argument("--jobs", default="2", help="n_jobs of GridSearchCV; several by commas are run in turn")
    asked = parser.parse_args()
    compile_packages()
    widths = [int(width) for width in asked.widths.split(",")]
    report: dict[str, Any] = {"machine": machine(), "widths": widths, "epochs": asked.epochs}
    print(json.dumps(report["machine"]), flush=True)
    dataset = str(Path(asked.dataset).resolve())
    report["ours"] = ours(dataset, widths, asked.epochs)
    print(json.dumps(report["ours"]), flush=True)
    report["theirs"] = {}
    for jobs in asked.jobs.split(","):
        report["theirs"][jobs] = theirs(dataset, widths, asked.epochs, int(jobs))
        print(json.dumps(report["theirs"][jobs]), flush=True)
    report["load_at_end"] = os.getloadavg()
    print_table(report)
    print(json.dumps(report))


def ours(dataset: str, widths: list[int], epochs: int) -> dict[str, Any]:
    """Times and results of the whole command in a fresh folder."""
    study = {
        "data": {"dataset": dataset, "validation": VALIDATION, "folds": FOLDS},
        "sampler": "grid",
        "seed": SEED,
        "space": {"width": widths},
        "training": {
            "activation": "relu", "optimizer": "rmsprop", "learning_rate": 0.001, "batch_size": 32, "epochs": epochs,
            "patience": 2, "keep": "last",
        },
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "widths.yaml").write_text(json.dumps(study))
        ended = timed([sys.executable, "-m", "search", "--study", "widths.yaml", "--workers", "2"], folder)
        read = [sys.executable, "-m", "benchmarks.cross_validation", "read", "widths"]
        found = last_line(timed(read, folder))
    return {"seconds": ended["seconds"], "cpu_seconds": ended["cpu_seconds"], **found}


def read_study(study: str) -> dict[str, Any]:
    """The results of a study of ours, named as GridSearchCV names them."""
    from analysis.reading.cv_results import cv_results
    from analysis.reading.mlflow_studies import read_mlflow

    table = read_mlflow(study)
    found = cv_results(table)
    assert table.refit is not None
    best = found.loc[found["rank_test_score"].idxmin(), "param_width"]
    columns = {name: found[name].tolist() for name in ("mean_test_score", "std_test_score", "mean_fit_time")}
    epochs = table.frame.set_index("number").loc[found["trial"], [f"fold_{k}_epochs" for k in range(1, FOLDS + 1)]]
    return columns | {
        "mean_test_epochs": epochs.mean(axis=1).tolist(),
        "best": int(best),
        "refit_test_accuracy": table.refit.test,
        "refit_seconds": table.refit.seconds,
    }


def theirs(dataset: str, widths: list[int], epochs: int, jobs: int) -> dict[str, Any]:
    """Times and results of the whole script in a fresh process."""
    job = {"dataset": dataset, "widths": widths, "epochs": epochs, "jobs": jobs}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "job.json").write_text(json.dumps(job))
        ended = timed([sys.executable, "-m", "benchmarks.cross_validation", "grid-search", "job.json"], folder)
    found = last_line(ended)
    return {"seconds": ended["seconds"], "cpu_seconds": ended["cpu_seconds"], **found}


def grid_search(job: dict[str, Any]) -> dict[str, Any]:
    """What a user would write: GridSearchCV over a KerasClassifier."""
    from sklearn.model_selection import GridSearchCV

    seed = derive_seed(SEED, "validation")
    split = split_dataset(load_dataset(job["dataset"]), VALIDATION, seed, folds=FOLDS)
    parts = {part: (_features(split, part), split.labels[part]) for part in split.labels}
    folds = [(np.flatnonzero(split.fold_of != k), np.flatnonzero(split.fold_of == k)) for k in range(FOLDS)]
    scoring = {"score": "accuracy", "epochs": lambda fitted, x, y: len(fitted.history_["loss"])}
    search = GridSearchCV(
        _classifier(split, job), {"width": job["widths"]}, cv=folds, n_jobs=job["jobs"], scoring=scoring,
        refit="score", error_score="raise",
    )  # fmt: skip
    search.fit(*parts["train"], validation_data=parts["validation"])
    found = search.cv_results_
    columns = ("mean_test_score", "std_test_score", "mean_fit_time", "mean_test_epochs")
    return {name: found[name].tolist() for name in columns} | {
        "best": search.best_params_["width"],
        "refit_test_accuracy": float(search.score(*parts["test"])),
        "refit_seconds": search.refit_time_,
    }


def _classifier(split: Split, job: dict[str, Any]) -> Any:
    """A network of one hidden layer as scikit-learn's classifier, stopped early."""
    import keras
    from scikeras.wrappers import KerasClassifier

    def build(width: int) -> Any:
        layers = [
            keras.layers.Input((split.n_inputs,)),
            keras.layers.Dense(width, activation="relu"),
            keras.layers.Dense(split.n_classes, activation="softmax"),
        ]
        model = keras.Sequential(layers)
        optimizer = keras.optimizers.RMSprop(0.001)
        model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    # The constructor takes early stopping, because scikeras 0.13 silently drops callbacks that are given to `fit`.
    stopping = {"callbacks": keras.callbacks.EarlyStopping, "callbacks__patience": 2}
    return KerasClassifier(build, width=job["widths"][0], epochs=job["epochs"], batch_size=32, verbose=0, **stopping)


def _features(split: Split, part: str) -> np.ndarray:
    flat = split.inputs[part].reshape(split.rows(part), split.n_inputs)
    return (flat / 255).astype("float32")


def print_table(report: dict[str, Any]) -> None:
    sides = {"this search": report["ours"]}
    sides |= {f"GridSearchCV, n_jobs={jobs}": found for jobs, found in report["theirs"].items()}
    print(
        f"\n{'':<28}" + "".join(f"{width:>9}" for width in report["widths"]) + f"{'best':>7}{'test':>9}{'seconds':>9}"
    )
    for name, found in sides.items():
        means = "".join(f"{mean:>9.4f}" for mean in found["mean_test_score"])
        print(f"{name:<28}{means}{found['best']:>7}{found['refit_test_accuracy']:>9.4f}{found['seconds']:>9.1f}")
        print(f"{'  epochs a fit':<28}" + "".join(f"{epochs:>9.1f}" for epochs in found["mean_test_epochs"]))
        print(f"{'  seconds a fit':<28}" + "".join(f"{seconds:>9.1f}" for seconds in found["mean_fit_time"]))
    for jobs, found in report["theirs"].items():
        ratio = found["seconds"] / report["ours"]["seconds"]
        print(f"this search takes 1/{ratio:.1f} of the time of n_jobs={jobs} (goal: 1/{GOAL:g} or less)")


if __name__ == "__main__":
    if sys.argv[1:2] == ["grid-search"]:
        print(json.dumps(grid_search(json.loads(Path(sys.argv[2]).read_text()))))
    elif sys.argv[1:2] == ["read"]:
        print(json.dumps(read_study(sys.argv[2])))
    else:
        main()
