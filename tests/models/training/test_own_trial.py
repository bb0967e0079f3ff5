"""A trial of the user's own network keeps every promise of a trial, by one graph and by Model.fit."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from models.core.results import EpochReport, TrialFailed, TrialResult, TrialStopped
from models.networks.user_function import FitSettings
from models.training.own_trial import run_own_trial
from models.training.resident import PreparedData
from tests.models import own_networks as own

ROOT = Path(__file__).parents[3]


def run(
    build: Any, data: PreparedData, callbacks: Any = (), report: Any = lambda _: None, **settings: Any
) -> TrialResult:
    seed = settings.pop("seed", 5)
    config = own.config({"epochs": 2, "batch_size": 32} | settings)
    return run_own_trial(own.Network(build, FitSettings(callbacks=tuple(callbacks))), config, data, seed, report)[0]


BUILDS = (own.residual, own.cnn, own.own_step, own.Noisy)

ALONE = """
import json
from models.core.runtime import prepare_process
prepare_process()
from models.data.sources import load_dataset
from models.data.splits import split_dataset
from models.training.resident import prepare
from tests.models.training.test_own_trial import BUILDS, run
data = prepare(split_dataset(load_dataset("digits"), 0.1, seed=7))
print(json.dumps([run(build, data).repeatable() for build in BUILDS]))
"""


def test_a_trial_is_the_same_in_another_process_and_after_others_here(digits: PreparedData) -> None:
    keras.utils.set_random_seed(99)
    run(own.residual, digits, seed=6, optimizer="rmsprop")
    here = [run(build, digits).repeatable() for build in BUILDS[::-1]][::-1]
    alone = subprocess.run(
        [sys.executable, "-c", ALONE], cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": "77"}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert json.loads(alone.stdout) == here
    assert here != [run(build, digits, seed=6).repeatable() for build in BUILDS]


@pytest.mark.parametrize("build", [own.residual, own.own_step], ids=["one graph", "Model.fit"])
def test_callbacks_that_look_for_the_direction_of_the_accuracy_find_it(build: Any, digits: PreparedData) -> None:
    heard = [
        keras.callbacks.EarlyStopping("val_accuracy", patience=0, min_delta=1.0),
        keras.callbacks.ReduceLROnPlateau("val_accuracy"),
    ]
    assert len(run(build, digits, heard, epochs=5).history) == 2


def test_the_way_it_was_trained_is_said(digits: PreparedData) -> None:
    assert run(own.residual, digits).trained_by == "one graph"
    assert run(own.own_step, digits).trained_by == "Model.fit: the model has a train_step of its own"

    class Untraceable(own.Noisy):
        def call(self, x: Any, training: bool = False) -> Any:
            if training and "while" in getattr(tf.compat.v1.get_default_graph(), "name", ""):
                raise TypeError("no loops here")
            return self.answers(self.hidden(layers.Reshape((64,))(x)))

    assert run(Untraceable, digits).trained_by.startswith("Model.fit: one graph cannot hold the model: TypeError: ")


@pytest.mark.parametrize("build", [own.residual, own.own_step])
def test_patience_best_weights_and_callbacks_are_those_of_a_trial(build: Any, digits: PreparedData) -> None:
    settings: dict[str, Any] = {"epochs": 30, "learning_rate": 0.03, "batch_size": 64, "monitor": "val_accuracy"}
    ours = run(build, digits, patience=2, **settings)
    stop = keras.callbacks.EarlyStopping("val_accuracy", mode="max", patience=2)
    assert run(build, digits, [stop], **settings).repeatable() == ours.repeatable()
    assert len(ours.history) == ours.best_epoch + 2 < 30
    kept = ours.history[ours.best_epoch - 1].metrics
    assert {name: ours.scores[name] for name in ("val_loss", "val_accuracy")}.items() <= kept.items()
    last = run(build, digits, keep="last", **settings | {"epochs": ours.best_epoch})
    assert last.weights_sha256 == ours.weights_sha256


def test_a_compiled_model_trains_by_its_own_and_another_by_the_studys(digits: PreparedData) -> None:
    def compiled(optimizer: Any = "sgd", loss: Any = "categorical_crossentropy", **settings: Any) -> Callable[[], Any]:
        def build() -> keras.Model:
            model = own.residual()
            made = optimizer if isinstance(optimizer, str) else optimizer()
            model.compile(made, loss, metrics=["accuracy"], **settings)
            return model

        return build

    one_hot, sparse = (run(compiled(loss=f"{kind}categorical_crossentropy"), digits) for kind in ("", "sparse_"))
    assert one_hot.scores == pytest.approx(sparse.scores, rel=1e-3)
    study = run(own.residual, digits, optimizer="sgd", learning_rate=0.01)
    assert study.repeatable() == sparse.repeatable()
    faster = run(compiled(lambda: keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy"), digits)
    assert faster.scores["val_loss"] < sparse.scores["val_loss"]


def test_a_loss_that_is_not_finite_too_little_memory_and_a_stop_end_it(digits: PreparedData) -> None:
    for build in (own.cnn, own.own_step):
        with pytest.raises(TrialFailed, match="diverged: epoch 1"):
            run(build, digits, optimizer="sgd", learning_rate=1e38)

    def greedy() -> keras.Model:
        raise MemoryError

    with pytest.raises(TrialFailed, match="out of memory"):
        run(greedy, digits)

    def stop(epoch: EpochReport) -> None:
        raise TrialStopped("pruned")

    with pytest.raises(TrialStopped):
        run(own.residual, digits, report=stop)


def test_random_states_and_keras_settings_are_given_back(digits: PreparedData) -> None:
    def build() -> keras.Model:
        keras.config.set_dtype_policy("mixed_bfloat16")
        return own.residual()

    np.random.seed(3)
    expected = np.random.RandomState(3).random()
    assert run(build, digits).scores["val_accuracy"] > 0.1
    assert np.random.random() == expected
    assert keras.config.dtype_policy().name == "float32"
