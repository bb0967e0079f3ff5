"""Inspection of a logged model: its probabilities have the trial's scores, its hidden layers give the outputs."""

import pickle
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest

from models.core.config import TrialConfig
from models.core.results import TrialResult
from models.core.runtime import without_harmless_warnings
from models.data.dataset import Dataset
from models.data.scaling import fit_scaling
from models.data.sources import load_dataset
from models.data.splits import Split, split_dataset
from models.networks.logged_network import Inspection, inspect_model
from models.training.trial import prepare, run_trial

Looked = tuple[Split, TrialResult, Path, Inspection]


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> Looked:
    """A small network on digits with batch normalisation and dropout, and its inspection."""
    split = split_dataset(load_dataset("digits"), 0.2, seed=7)
    config = TrialConfig.from_parameters(
        {"width": "12-2", "epochs": 3, "dropout": 0.2, "batch_norm": "after", "learning_rate": 0.01}
    )
    result = run_trial(config, prepare(split), 3, lambda _: None)
    file = tmp_path_factory.mktemp("model") / "model.keras"
    file.write_bytes(result.model)
    return split, result, file, inspect_model(file, split, "validation", 50, 5)


def test_the_probabilities_have_the_accuracy_and_the_confusions_that_were_scored(looked: Looked) -> None:
    split, result, _, found = looked
    for part, name in (("validation", "val"), ("test", "test")):
        probabilities = found.probabilities[part]
        assert probabilities.shape == (split.rows(part), 10)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
        predicted = probabilities.argmax(axis=1)
        assert (predicted == split.labels[part]).mean() == result.scores[f"{name}_accuracy"]
        counted = np.zeros((10, 10), int)
        np.add.at(counted, (split.labels[part], predicted), 1)
        assert (counted == result.confusion[part]).all()


def test_hidden_activations_are_those_of_the_activation_functions(looked: Looked) -> None:
    split, _, file, found = looked
    assert [each.shape for each in found.hidden] == [(50, 12), (50, 2)]
    kernel, bias = keras.saving.load_model(file).get_layer("hidden_1").get_weights()
    scaled = fit_scaling(split).apply(split.inputs["validation"][found.sample])
    np.testing.assert_allclose(found.hidden[0], np.maximum(scaled @ kernel + bias, 0), rtol=1e-4, atol=1e-5)


def test_the_sample_is_bounded_ascending_and_drawn_from_the_seed(looked: Looked) -> None:
    split, _, file, found = looked
    assert len(set(found.sample.tolist())) == 50
    assert (np.diff(found.sample) > 0).all()
    again, other = (inspect_model(file, split, "validation", 50, seed) for seed in (5, 6))
    assert (again.sample == found.sample).all()
    np.testing.assert_array_equal(again.hidden[1], found.hidden[1])
    assert (other.sample != found.sample).any()


def test_the_layers_say_their_kind_shape_and_parameters(looked: Looked) -> None:
    _, result, _, found = looked
    assert found.importances is None
    assert [layer.kind for layer in found.layers] == [
        "Flatten", "Rescaling", "Dense", "Activation, relu", "BatchNormalization", "Dropout",
        "Dense", "Activation, relu", "BatchNormalization", "Dropout", "Dense, softmax",
    ]  # fmt: skip
    assert [layer.output_shape for layer in found.layers if layer.kind.startswith("Dense")] == [(12,), (2,), (10,)]
    assert sum(layer.parameters for layer in found.layers) == result.n_parameters
    assert sum(layer.parameters - layer.non_trainable for layer in found.layers) == result.n_trainable


def test_of_a_forest_it_has_the_ranking_that_chose_the_networks_inputs(tmp_path: Path) -> None:
    split = split_dataset(load_dataset("digits"), 0.2, seed=7, reduction="forest:9")
    data = prepare(split)
    result = run_trial(TrialConfig.from_parameters({"width": 4, "epochs": 1}), data, 3, lambda _: None)
    (tmp_path / "model.keras").write_bytes(result.model)
    found = inspect_model(tmp_path / "model.keras", split, "test", 10**6, 5)
    reduction = data.preprocessing.reduction
    assert reduction is not None
    np.testing.assert_array_equal(found.importances, reduction.importances)
    np.testing.assert_array_equal(found.chosen, reduction.chosen)
    predicted = found.probabilities["test"].argmax(axis=1)
    assert (predicted == split.labels["test"]).mean() == result.scores["test_accuracy"]
    assert [each.shape for each in found.hidden] == [(360, 4)]


def test_an_inspection_goes_from_one_process_to_another(looked: Looked) -> None:
    again = pickle.loads(pickle.dumps(looked[-1]))
    np.testing.assert_array_equal(again.probabilities["test"], looked[-1].probabilities["test"])
    assert again.layers == looked[-1].layers


def test_a_model_of_other_data_and_one_that_brings_code_are_refused(
    looked: Looked, blobs: Callable[..., Dataset], tmp_path: Path
) -> None:
    _, _, file, _ = looked
    with pytest.raises(ValueError, match=r"must map the data's \(6,\) -> \(3,\), got \(8, 8\) -> \(10,\)"):
        inspect_model(file, split_dataset(blobs(), 0.2, seed=1), "test", 5, 0)
    layers = [keras.layers.Input((8, 8)), keras.layers.Lambda(lambda x: x), keras.layers.Flatten()]
    harmful = tmp_path / "harmful.keras"
    with without_harmless_warnings():
        keras.Sequential([*layers, keras.layers.Dense(10)]).save(harmful)
    with pytest.raises(ValueError, match=r"(?s)[Ll]ambda.*safe"):
        inspect_model(harmful, looked[0], "test", 5, 0)
