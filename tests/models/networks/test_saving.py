"""The saved model takes raw inputs, and its predictions have the trial's scores."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from models.core.config import TrialConfig
from models.data.dataset import Dataset
from models.data.sources import load_dataset
from models.data.splits import Split, split_dataset
from models.networks.mlp import parameter_count
from models.networks.saving import remove_left_behind, weights_sha256
from models.training.trial import prepare, run_trial


@pytest.mark.parametrize(
    ("shape", "n_classes", "dtype", "preprocessing"),
    [
        ((4, 5), 2, "uint8", "rescale"),
        ((6,), 3, "uint8", "standardise"),
        ((4, 5), 3, "float64", "standardise"),
        ((3, 2, 2), 10, "float32", "none"),
        ((1,), 2, "int64", "standardise"),
        ((2, 3), 4, "uint16", "rescale"),
    ],
)
def test_its_predictions_on_raw_rows_have_the_logged_accuracy(
    blobs: Callable[..., Dataset], tmp_path: Path, shape: tuple, n_classes: int, dtype: str, preprocessing: str
) -> None:
    split = split_dataset(blobs(400, shape, n_classes, dtype), 0.2, seed=1, preprocessing=preprocessing)
    config = TrialConfig.from_parameters({"width": 8, "epochs": 2, "dropout": 0.1, "batch_norm": "after", "l2": 1e-3})
    result = run_trial(config, prepare(split), 3, lambda _: None)
    path = tmp_path / "model.keras"
    path.write_bytes(result.model)
    model = keras.saving.load_model(path, safe_mode=True)
    assert model.input_shape == (None, *shape)
    assert model.inputs[0].dtype == dtype
    assert weights_sha256(model) == result.weights_sha256
    assert getattr(model, "optimizer", None) is None
    for part, prefix in (("validation", "val"), ("test", "test")):
        predicted = predictions(model, split, part)
        assert np.mean(predicted == split.labels[part]) == result.scores[f"{prefix}_accuracy"]
        counted = np.zeros((n_classes, n_classes), int)
        np.add.at(counted, (split.labels[part], predicted), 1)
        assert (counted == result.confusion[part]).all()


@pytest.mark.parametrize("reduction", ["pca:0.9", "pca:3", "forest:5"])
def test_a_reduction_travels_inside_the_model_and_counts_as_no_parameter(tmp_path: Path, reduction: str) -> None:
    split = split_dataset(load_dataset("digits"), 0.1, seed=7, reduction=reduction)
    data = prepare(split)
    config = TrialConfig.from_parameters({"width": 8, "epochs": 2})
    result = run_trial(config, data, 3, lambda _: None)
    assert (result.n_parameters, result.n_trainable) == parameter_count(config, data.n_features, 10)
    path = tmp_path / "model.keras"
    path.write_bytes(result.model)
    model = keras.saving.load_model(path, safe_mode=True)
    assert model.input_shape == (None, 8, 8)
    assert not model.get_layer("reduction").trainable
    for part, prefix in (("validation", "val"), ("test", "test")):
        assert np.mean(predictions(model, split, part) == split.labels[part]) == result.scores[f"{prefix}_accuracy"]


def predictions(model: keras.Model, split: Split, part: str) -> np.ndarray:
    return np.asarray(model.predict(split.inputs[part], verbose=0)).argmax(axis=1)


def test_its_layers_are_keras_own_and_its_names_do_not_depend_on_earlier_trials(blobs: Callable[..., Dataset]) -> None:
    data = prepare(split_dataset(blobs(), 0.2, seed=1))
    config = TrialConfig.from_parameters({"width": 4, "epochs": 1, "dropout": 0.5})
    models = [run_trial(config, data, 3, lambda _: None).model for _ in range(2)]
    assert len(models[0]) == len(models[1])


def test_what_a_killed_process_left_in_memory_is_removed_by_the_next_one(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    left, living = tmp_path / f"search-model-{gone.pid}-x", tmp_path / f"search-model-{os.getpid()}-y"
    for folder in (left, living, tmp_path / "mine"):
        folder.mkdir()
        (folder / "model.keras").write_bytes(b"half")
    remove_left_behind(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["mine", living.name])
