"""The same trials as a user would write them with other tools: `python -m benchmarks.peers SIDE JOB.json`.

JOB holds dataset, validation, split_seed, epochs, and trials (a list of batch_size, width, learning_rate, activation,
dropout). Every trial prints a JSON line: the seconds of the whole trial, of its first and of its last epoch, and the
validation accuracy after each epoch (for a regression, the loss of standardised targets).
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.draws import SPACE
from models.data.scaling import count_inputs, fit_scaling, fit_targets
from models.data.sources import load_dataset
from models.data.splits import Split, split_dataset

Fit = Callable[[Any, dict[str, Any], list[Any]], Any]


def main(side: str, job: dict[str, Any]) -> None:
    split = split_dataset(load_dataset(job["dataset"]), job["validation"], job["split_seed"])
    began = time.perf_counter()
    {"keras": plain_keras, "kerastuner": keras_tuner, "optuna-mlflow": optuna_and_mlflow}[side](split, job)
    print(json.dumps({"side": side, "all_seconds": time.perf_counter() - began}), flush=True)


def plain_keras(split: Split, job: dict[str, Any]) -> None:
    """The class-room loop: build, compile, fit with validation each epoch, on as many threads as Keras likes."""
    fit = fitting(split, job)
    for trial in job["trials"]:
        measured(lambda clock, trial=trial: fit(network(split, trial), trial, [clock]))


def keras_tuner(split: Split, job: dict[str, Any]) -> None:
    """KerasTuner's RandomSearch, made to draw the trials of the job."""
    import keras_tuner as kt

    waiting, fit = list(job["trials"]), fitting(split, job)

    class Tuner(kt.RandomSearch):  # type: ignore[misc]
        def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
            values = trial.hyperparameters.values
            search = super().run_trial
            return measured(lambda clock: fit(_Fits(search, trial), values, [clock]))

    def build(hp: Any) -> Any:
        return network(split, {name: hp.Choice(name, choices) for name, choices in SPACE.items()})

    with tempfile.TemporaryDirectory() as folder:
        tuner = Tuner(
            build,
            "val_accuracy",
            max_trials=len(waiting),
            seed=1,
            directory=folder,
            project_name="peer",
            overwrite=True,
        )
        tuner.oracle.populate_space = lambda _: {"status": "RUNNING", "values": dict(waiting.pop(0))}
        tuner.search(verbose=0)


class _Fits:
    """Stands in for a model whose `fit` is the tuner's own building and fitting of the network."""

    def __init__(self, search: Callable[..., Any], trial: Any) -> None:
        self._search, self._trial = search, trial

    def fit(self, *args: Any, **kwargs: Any) -> Any:
        return self._search(self._trial, *args, **kwargs)


def optuna_and_mlflow(split: Split, job: dict[str, Any]) -> None:
    """Optuna's study.optimize with one MLflow run a trial, metrics each epoch and the model logged, all by default."""
    import keras
    import mlflow
    import optuna

    fit = fitting(split, job)

    class LogEpochs(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            for name, value in (logs or {}).items():
                mlflow.log_metric(name, value, step=epoch)

    def objective(trial: Any) -> float:
        def run(clock: Any) -> Any:
            with mlflow.start_run(nested=True):
                values = {
                    name: trial.suggest_categorical(name, sorted({one[name] for one in job["trials"]}))
                    for name in job["trials"][0]
                }
                mlflow.log_params(values)
                model = network(split, values)
                history = fit(model, values, [clock, LogEpochs()])
                mlflow.log_metric("test_accuracy", model.evaluate(*part(split, "test"), verbose=0)[1])
                mlflow.keras.log_model(model, name="model")
                return history

        return float(max(measured(run).history["val_accuracy"]))

    with tempfile.TemporaryDirectory() as folder:
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
        mlflow.set_experiment(experiment_id=mlflow.create_experiment("peer", artifact_location=f"{folder}/artifacts"))
        storage = f"sqlite:///{folder}/optuna.db"
        study = optuna.create_study(storage=storage, direction="maximize", sampler=optuna.samplers.RandomSampler(1))
        for trial in job["trials"]:
            study.enqueue_trial(trial)
        with mlflow.start_run():
            study.optimize(objective, n_trials=len(job["trials"]))


def network(split: Split, values: dict[str, Any]) -> Any:
    import keras

    model = keras.Sequential(
        [
            keras.layers.Input((count_inputs(split),)),
            keras.layers.Dense(values["width"], activation=values["activation"]),
            keras.layers.Dropout(values["dropout"]),
            keras.layers.Dense(split.target.n_outputs, activation="softmax" if split.n_classes else "linear"),
        ]
    )
    loss, metrics = ("categorical_crossentropy", ["accuracy"]) if split.n_classes else ("mean_squared_error", None)
    model.compile(keras.optimizers.Adam(values["learning_rate"]), loss, metrics=metrics)
    return model


def features_of(split: Split, name: str) -> np.ndarray:
    """(rows, features): images divided by their largest value, a table's columns encoded and standardised."""
    if split.columns:
        return fit_scaling(split).apply(split.inputs[name])
    inputs = split.inputs[name].reshape(split.rows(name), split.n_inputs)
    return np.asarray(inputs / split.inputs["train"].max(), np.float32)


def part(split: Split, name: str) -> tuple[np.ndarray, np.ndarray]:
    targets = fit_targets(split)
    truth = np.eye(split.n_classes)[split.labels[name]] if targets is None else targets.apply(split.labels[name])
    return features_of(split, name), truth


def fitting(split: Split, job: dict[str, Any]) -> Fit:
    (x, y), validation = part(split, "train"), part(split, "validation")

    def fit(model: Any, values: dict[str, Any], callbacks: list[Any]) -> Any:
        return model.fit(
            x, y, batch_size=values["batch_size"], epochs=job["epochs"], validation_data=validation,
            callbacks=callbacks, verbose=0,
        )  # fmt: skip

    return fit


def measured(run: Callable[[Any], Any]) -> Any:
    """Runs one trial with a callback that notes times and scores, and prints the trial's line."""
    import keras

    class Clock(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            self.times, self.scores = [time.perf_counter()], []

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.times.append(time.perf_counter())
            self.scores.append(logs.get("val_accuracy", logs["val_loss"]))

        def __deepcopy__(self, memo: Any) -> Any:
            return self  # KerasTuner trains with copies

    clock, began = Clock(), time.perf_counter()
    result = run(clock)
    epochs = np.diff(clock.times).tolist()
    line = {"seconds": time.perf_counter() - began, "first": epochs[0], "last": epochs[-1], "at": time.time()}
    print(json.dumps(line | {"scores": clock.scores}), flush=True)
    return result


if __name__ == "__main__":
    main(sys.argv[1], json.loads(Path(sys.argv[2]).read_text()))
