"""Keras' callbacks work at epoch ends as they do under Model.fit."""

import csv
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from models.core.config import TrialConfig
from models.core.results import TrialResult
from models.training.trial import PreparedData, run_trial


def run(data: PreparedData, *callbacks: keras.callbacks.Callback, **parameters: Any) -> TrialResult:
    config = TrialConfig.from_parameters({"width": 16, "epochs": 3, "keep": "last"} | parameters)
    return run_trial(config, data, 5, lambda _: None, callbacks)


def test_early_stopping_ends_the_trial_and_can_restore_the_best_weights(digits: PreparedData) -> None:
    stop = keras.callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    stopped = run(digits, stop, epochs=40, learning_rate=0.05)
    losses = [epoch.metrics["val_loss"] for epoch in stopped.history]
    assert len(losses) == losses.index(min(losses)) + 3 < 40
    assert stopped.scores["val_loss"] == min(losses)


def test_csv_logger_writes_a_row_an_epoch(digits: PreparedData, tmp_path: Path) -> None:
    result = run(digits, keras.callbacks.CSVLogger(str(tmp_path / "log.csv")))
    with open(tmp_path / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["epoch"]) for row in rows] == [0, 1, 2]
    for row, epoch in zip(rows, result.history, strict=True):
        assert {name: float(row[name]) for name in epoch.metrics} == epoch.metrics


def test_model_checkpoint_saves_the_network_of_that_epoch(digits: PreparedData, tmp_path: Path) -> None:
    run(digits, keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras"), epochs=2)
    network = keras.saving.load_model(tmp_path / "1.keras")
    assert int(network.optimizer.iterations) == -(-int(digits.y["train"].shape[0]) // 32)
    velocities = [variable for variable in network.optimizer.variables if "velocity" in variable.path]
    assert len(velocities) == len(network.trainable_variables)
    assert all(np.any(velocity) for velocity in velocities), "its optimizer can go on from here"
    _, accuracy = network.evaluate(digits.x["validation"], digits.y["validation"], verbose=0)
    assert accuracy == pytest.approx(run(digits, epochs=1).scores["val_accuracy"], abs=1e-6)
    assert (tmp_path / "2.keras").exists()


def test_tensorboard_writes_its_events(digits: PreparedData, tmp_path: Path) -> None:
    run(digits, keras.callbacks.TensorBoard(tmp_path, histogram_freq=1))
    assert list(tmp_path.glob("train/events*"))
    assert list(tmp_path.glob("validation/events*"))


def test_lambda_callback_hears_of_each_epoch_with_its_metrics(digits: PreparedData) -> None:
    heard: list[Any] = []
    result = run(
        digits,
        keras.callbacks.LambdaCallback(
            on_train_begin=lambda _: heard.append("begin"),
            on_epoch_begin=lambda epoch, _: heard.append(epoch),
            on_epoch_end=lambda _, logs: heard.append(logs),
            on_train_end=lambda _: heard.append("end"),
        ),
    )
    one, two, three = (epoch.metrics for epoch in result.history)
    assert heard == ["begin", 0, one, 1, two, 2, three, "end"]


def test_a_learning_rate_schedule_changes_the_rate_that_is_trained_with(digits: PreparedData) -> None:
    halved = keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2 if epoch == 1 else rate)
    plain, scheduled = run(digits), run(digits, halved)
    assert plain.history[0].metrics == scheduled.history[0].metrics
    assert plain.history[1].metrics["loss"] != scheduled.history[1].metrics["loss"]


def test_callbacks_that_only_listen_change_nothing(digits: PreparedData) -> None:
    for settings in ({}, {"optimizer": "rmsprop"}, {"optimizer": "sgd", "momentum": 0.5}, {"optimizer": "nadam"}):
        listened = run(digits, keras.callbacks.LambdaCallback(), **settings)
        assert run(digits, **settings).repeatable() == listened.repeatable()
