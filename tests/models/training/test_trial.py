"""A trial is pure, keeps the weights that its rules name, and fails with a reason when it cannot be trained."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.core.config import TrialConfig
from models.core.names import METRICS_OF_CLASSES
from models.core.results import EpochReport, TrialFailed, TrialResult, TrialStopped
from models.data.splits import split_dataset
from models.training import trial
from models.training.trial import PreparedData, prepare, run_trial

ROOT = Path(__file__).parents[3]


def run(data: PreparedData, seed: int = 5, callbacks: Any = (), **parameters: Any) -> TrialResult:
    config = TrialConfig.from_parameters({"width": 16, "epochs": 3} | parameters)
    return run_trial(config, data, seed, lambda _: None, callbacks)


A = {"width": "16-12", "dropout": "0.25-0.5", "batch_size": 24, "learning_rate": 0.003, "batch_norm": "before"}
B = {"width": "16-12", "dropout": 0.1, "batch_size": 100, "learning_rate": 0.01, "batch_norm": "before", "epochs": 2}
C = {"width": 40, "optimizer": "nadam", "l2": 0.01}

ALONE = """
import json, sys
from models.core.runtime import prepare_process
prepare_process()
from models.core.config import TrialConfig
from models.data.sources import load_dataset
from models.data.splits import split_dataset
from models.training.trial import prepare, run_trial
data = prepare(split_dataset(load_dataset("digits"), 0.1, seed=7))
for parameters in json.loads(sys.argv[1]):
    config = TrialConfig.from_parameters({"width": 16, "epochs": 3} | parameters)
    print(json.dumps(run_trial(config, data, 5, lambda _: None).repeatable()))
"""


def test_a_trial_is_the_same_first_in_another_process_and_after_others_here(digits: PreparedData) -> None:
    run(digits, seed=6, **B)
    run(digits, seed=7, **C)
    here = [run(digits, **parameters).repeatable() for parameters in (C, A)]
    command = [sys.executable, "-W", "error", "-c", ALONE, json.dumps([A, C])]
    alone = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": "77"}, capture_output=True, text=True, check=True
    )
    assert [json.loads(line) for line in alone.stdout.splitlines()] == here[::-1]
    assert alone.stderr == ""


def test_another_seed_gives_other_weights_and_each_purpose_has_its_own(digits: PreparedData) -> None:
    hashes = {run(digits, seed=seed, epochs=1, dropout=rate).weights_sha256 for seed in (1, 2) for rate in (0, 0.1)}
    assert len(hashes) == 4


def test_scores_are_of_the_kept_weights_and_the_earliest_of_equal_epochs_is_kept(digits: PreparedData) -> None:
    settings: dict[str, Any] = {"epochs": 8, "learning_rate": 0.01, "batch_size": 64, "monitor": "val_accuracy"}
    best = run(digits, **settings)
    values = [epoch.metrics["val_accuracy"] for epoch in best.history]
    assert values.count(max(values)) > 1, "the settings must give a tie for this test to mean anything"
    assert best.best_epoch == 1 + values.index(max(values)) < len(values)
    kept = best.history[best.best_epoch - 1].metrics
    assert {"val_accuracy": best.scores["val_accuracy"], "val_loss": best.scores["val_loss"]}.items() <= kept.items()

    last = run(digits, keep="last", **settings)
    assert [epoch.metrics for epoch in last.history] == [epoch.metrics for epoch in best.history]
    assert last.best_epoch == 8
    assert last.scores["val_loss"] == last.history[-1].metrics["val_loss"]

    early = run(digits, keep="last", **settings | {"epochs": best.best_epoch})
    assert early.weights_sha256 == best.weights_sha256 != last.weights_sha256


def test_patience_stops_when_keras_early_stopping_does(digits: PreparedData) -> None:
    settings = {"epochs": 30, "learning_rate": 0.03, "batch_size": 8, "monitor": "val_accuracy"}
    ours = run(digits, patience=3, **settings)
    theirs = run(digits, callbacks=[keras.callbacks.EarlyStopping("val_accuracy", mode="max", patience=3)], **settings)
    assert ours.repeatable() == theirs.repeatable()
    assert len(ours.history) == ours.best_epoch + 3 < 30


def test_metrics_of_each_epoch_include_train_and_test_when_asked(digits: PreparedData) -> None:
    each = run(digits, train_metrics="each", epochs=2, keep="last")
    final = each.history[-1].metrics
    at_the_end_alone = {"val_auc", "test_auc"}
    assert {name: final[name] for name in set(each.scores) - at_the_end_alone} == {
        name: value for name, value in each.scores.items() if name not in at_the_end_alone
    }
    assert set(final) - set(each.scores) == {"loss", "accuracy"}
    last = run(digits, epochs=2, keep="last")
    of_classes = {f"val_{metric}" for metric in METRICS_OF_CLASSES if metric != "auc"}
    assert set(last.history[-1].metrics) == {"loss", "accuracy"} | of_classes
    assert last.scores == each.scores


def test_the_penalty_is_in_the_training_loss_and_not_in_the_others(digits: PreparedData) -> None:
    result = run(digits, l2=0.5, epochs=1, learning_rate=1e-6)
    metrics = result.history[0].metrics
    assert metrics["loss"] > 2 * metrics["val_loss"]
    assert metrics["val_loss"] == result.scores["val_loss"] == pytest.approx(np.log(10), abs=0.5)


def test_a_loss_that_is_not_finite_ends_the_trial_as_diverged(digits: PreparedData) -> None:
    heard: list[EpochReport] = []
    config = TrialConfig.from_parameters(
        {"width": "64-64", "activation": "linear", "optimizer": "sgd", "learning_rate": 1e6, "epochs": 5}
    )
    with pytest.raises(TrialFailed, match="diverged: epoch 1") as caught:
        run_trial(config, digits, 1, heard.append)
    assert caught.value.reason == "diverged"
    assert heard == []


@pytest.mark.parametrize("error", [MemoryError(), tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")])
def test_too_little_memory_ends_the_trial_as_such(
    error: Exception, digits: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(trial, "build_network", refuse)
    with pytest.raises(TrialFailed, match="out of memory"):
        run(digits)


def test_a_network_beyond_the_memory_fails_as_out_of_memory_with_its_size(digits: PreparedData) -> None:
    with pytest.raises(
        TrialFailed, match=r"out of memory.* parameters take 16.0 TB to train, of .*GB that the worker may"
    ):
        run(digits, width="1000000-1000000")


def test_report_can_stop_a_trial_at_an_epochs_end(digits: PreparedData) -> None:
    heard: list[int] = []

    def report(epoch: EpochReport) -> None:
        heard.append(epoch.epoch)
        if epoch.epoch == 2:
            raise TrialStopped("pruned")

    with pytest.raises(TrialStopped) as caught:
        run_trial(TrialConfig.from_parameters({"epochs": 9}), digits, 1, report)
    assert caught.value.reason == "pruned"
    assert heard == [1, 2]


def test_more_rows_a_step_than_there_are_is_one_step_of_all_rows(blobs: Any) -> None:
    data = prepare(split_dataset(blobs(), 0.2, seed=1))
    whole, more = run(data, batch_size=80), run(data, batch_size=2**31 - 1)
    assert int(data.y["train"].shape[0]) == 80
    assert whole.weights_sha256 == more.weights_sha256
