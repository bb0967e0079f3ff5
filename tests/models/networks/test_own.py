"""A network of the user's own gets the inputs it asks for, is refused where it does not fit, and takes raw inputs."""

import io
import zipfile
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from models.core.errors import ConfigError
from models.data.dataset import Dataset
from models.data.sources import Source, load_dataset
from models.data.splits import split_dataset
from models.networks.saving import weights_sha256
from models.training.own_trial import interface_of, run_own_trial
from models.training.resident import PreparedData, prepare
from tests.models import own_networks as own
from tests.models.made_up import penguins


def run(build: Any, data: PreparedData) -> Any:
    config = own.config({"epochs": 3, "batch_size": 32, "learning_rate": 0.01})
    return run_own_trial(own.Network(build), config, data, 5, lambda _: None)[0]


def loaded(result: Any, folder: Path, custom: Any = None) -> keras.Model:
    (folder / "model.keras").write_bytes(result.model)
    return keras.saving.load_model(folder / "model.keras", custom, safe_mode=True)


def softmax(n: int = 10) -> keras.layers.Layer:
    return layers.Dense(n, activation="softmax")


def without_input() -> keras.Model:
    return keras.Sequential([layers.Conv2D(4, 3), layers.Flatten(), softmax()])


def own_shaped() -> keras.Model:
    return keras.Sequential([keras.Input((8, 8)), layers.LSTM(6), softmax()])


def logits() -> keras.Model:
    model = keras.Sequential([layers.Flatten(), layers.Dense(10)])
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model


@pytest.mark.parametrize("build", [own.residual, own.cnn, own.own_step, own.Noisy, without_input, own_shaped, logits])
def test_the_saved_model_takes_raw_inputs_and_answers_as_it_was_scored(build: Any, tmp_path: Path) -> None:
    split = split_dataset(load_dataset("digits"), 0.1, seed=7)
    result = run(build, prepare(split))
    model = loaded(result, tmp_path, {"Noisy": own.Noisy} if build is own.Noisy else None)
    assert (model.input_shape, model.compiled) == ((None, 8, 8), False)
    assert weights_sha256(model) == result.weights_sha256
    answers = model.predict(split.inputs["test"], verbose=0)
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)
    truth = split.labels["test"]
    assert np.mean(answers.argmax(axis=1) == truth) == result.scores["test_accuracy"]
    assert -np.log(answers[np.arange(len(truth)), truth]).mean() == pytest.approx(result.scores["test_loss"], rel=1e-4)
    with zipfile.ZipFile(tmp_path / "model.keras") as file:
        stored: list[str] = []
        h5py.File(io.BytesIO(file.read("model.weights.h5"))).visit(stored.append)
    assert [name for name in stored if "optimizer" in name or "metrics" in name] == []


def test_whole_numbers_reach_an_embedding_as_they_are(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 50, (400, 12))
    data = Dataset("words", "made up", x[:300], x[:300, 0] % 10, x[300:], x[300:, 0] % 10)
    split = split_dataset(data, 0.2, 1, "none")
    result = run(own.sequence, prepare(split))
    answers = loaded(result, tmp_path).predict(x[300:], verbose=0).argmax(axis=1)
    assert np.mean(answers == data.y_test) == result.scores["test_accuracy"]


def test_numbers_are_answered_in_the_users_units(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(300, 2, 3))
    y = np.stack([2000 + x[:, 0, 0], 1e6 * x[:, 1, 2]], axis=1)
    split = split_dataset(Dataset("two", "made up", x[:200], y[:200], x[200:], y[200:]), 0.2, 1, "standardise")
    result = run(lambda: keras.Sequential([layers.Flatten(), layers.Dense(2)]), prepare(split))
    answers = loaded(result, tmp_path).predict(x[200:], verbose=0)
    errors = np.sqrt(((answers - y[200:]) ** 2).mean(axis=0))
    assert errors.mean() == pytest.approx(result.scores["test_rmse"], rel=1e-5)


def test_inputs_named_as_columns_are_fed_their_features(tmp_path: Path) -> None:
    penguins().to_csv(tmp_path / "p.csv", index=False)
    said = {"dataset": str(tmp_path / "p.csv"), "target": "species", "leave_out": "number,seen,nest"}
    split = split_dataset(load_dataset(Source.read(said)), 0.2, 1)
    data = prepare(split)
    assert isinstance(data, PreparedData)
    interface = interface_of(data)
    columns = interface.columns
    assert interface.shape == (data.n_features,) == (max(stop for _, stop in columns.values()),)
    widths = {name: stop - start for name, (start, stop) in columns.items()}
    assert set(widths) == {"bill", "mass", "island", "dives"}

    def build(names: tuple[str, ...] = ("island", "bill")) -> keras.Model:
        inputs = {name: keras.Input((widths.get(name, 1),), name=name) for name in names}
        return keras.Model(inputs, softmax(3)(layers.Concatenate()(list(inputs.values()))))

    result = run(build, data)
    encoded = data.preprocessing.features.apply(split.inputs["test"])
    answers = loaded(result, tmp_path).predict(encoded, verbose=0).argmax(axis=1)
    assert np.mean(answers == split.labels["test"]) == result.scores["test_accuracy"]
    with pytest.raises(ConfigError, match="named as a column, one of bill, mass, island, dives, got beak"):
        run(lambda: build(("bill", "beak")), data)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: None, "a network's function must return a keras.Model, got None"),
        (
            lambda: keras.Sequential([keras.Input((7,)), softmax()]),
            "shape of the data's rows, one of (8, 8), (64,), (8, 8, 1), got (7,)",
        ),
        (lambda: keras.Sequential([keras.Input((64,)), softmax(5)]), "10 probabilities, shape (10,), got shape (5,)"),
        (lambda: keras.Sequential([keras.Input((64,)), layers.Dense(10)]), "must answer with probabilities"),
        (
            lambda: keras.Sequential(
                [keras.Input((8, 8, 1)), layers.Lambda(lambda x: tf.nn.fractional_max_pool(x, [1, 1.4, 1.4, 1])[0])]
            ),
            "(deterministic: false in the study lets others run), got tf.nn.fractional_max_pool",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(build: Any, said: str, digits: PreparedData) -> None:
    with pytest.raises(ConfigError) as caught:
        run(build, digits)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
