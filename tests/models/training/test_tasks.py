"""Every task trains on the whole-epoch graph as under Keras, and the logged model's answers have the trial's scores."""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import root_mean_squared_error

from models.core.config import TrialConfig
from models.core.errors import ConfigError
from models.core.results import OUT_OF_FOLD, FoldsResult, TrialResult
from models.data.dataset import Dataset
from models.data.sources import Source, load_dataset
from models.data.splits import Split, split_dataset
from models.networks.mlp import build_network
from models.networks.serving import DESCRIPTION, code_file, description, is_plain
from models.training.cross_validation import run_of, train
from models.training.epoch_graph import Trainer
from models.training.fused_optimizers import make_optimizer
from models.training.resident import TrainingRows
from models.training.trial import prepare
from tests.models.made_up import images, penguins


def run(split: Split, seed: int = 5, **parameters: Any) -> TrialResult:
    config = TrialConfig.from_parameters({"width": 16, "epochs": 8, "learning_rate": 0.01} | parameters)
    result = train(run_of(config), prepare(split), seed, lambda _: None)
    assert isinstance(result, TrialResult)
    return result


def served(result: TrialResult, split: Split, folder: Path) -> Any:
    """The logged model as MLflow loads it, by the function whose name MLflow demands in the model's code file."""
    name, source = code_file()
    (folder / f"{name}.py").write_text(source)
    (folder / "model.keras").write_bytes(result.model)
    (folder / DESCRIPTION).write_text(description(split))
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module._load_pyfunc(str(folder))


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "nadam"])
@pytest.mark.parametrize(("outputs", "weighted"), [(1, False), (3, True), (0, True)])
def test_an_epoch_is_keras_own_for_numbers_and_weights(outputs: int, weighted: bool, optimizer: str) -> None:
    config = TrialConfig.from_parameters({"width": "8-6", "batch_size": 16, "l2": 0.01, "optimizer": optimizer})
    random = np.random.default_rng(3)
    x = random.normal(size=(155, 5)).astype("float32")
    y: Any = random.normal(size=(155, outputs)).astype("float32") if outputs else random.integers(0, 4, 155)
    y = y if outputs else y.astype("int32")
    weights = random.uniform(0, 3, 155).astype("float32") if weighted else None

    def network() -> keras.Model:
        return build_network(config, 5, outputs or 4, seed=1, output="linear" if outputs else "softmax")

    ours, theirs = network(), network()
    losses = ("squares", "mean_squared_error") if outputs else ("cross-entropy", "sparse_categorical_crossentropy")
    rows = TrainingRows(tf.constant(x), tf.constant(y), None if weights is None else tf.constant(weights))
    trainer = Trainer(ours, make_optimizer(config), config, rows, seed=2, loss=losses[0])
    metrics, order = trainer.run_epoch(1), trainer.batches.order(1)
    theirs.compile(make_optimizer(config), losses[1])
    fitted = theirs.fit(
        x[order], y[order], batch_size=16, shuffle=False, verbose=0,
        sample_weight=None if weights is None else weights[order],
    )  # fmt: skip
    for own, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(own, other, rtol=2e-3, atol=2e-4)
    assert metrics["loss"] == pytest.approx(fitted.history["loss"][0], rel=1e-3)
    assert ("accuracy" in metrics) == (outputs == 0)


def test_a_regression_is_scored_in_the_users_units_and_beats_the_mean() -> None:
    split = split_dataset(load_dataset("diabetes"), 0.2, 1)
    result = run(split, epochs=20)
    assert set(result.history[0].metrics) == {"loss", "val_loss", "val_rmse", "val_mae", "val_r2"}
    expected = {f"{part}_{name}" for part in ("train", "val", "test") for name in ("loss", "rmse", "mae", "r2")}
    assert set(result.scores) == expected
    assert 40 < result.scores["test_rmse"] < 70
    kept = result.history[result.best_epoch - 1].metrics
    assert kept["val_rmse"] == result.scores["val_rmse"]
    assert result.repeatable() == run(split, epochs=20).repeatable()
    assert TrialResult.from_json(result.to_json(), result.model) == result
    (target,) = result.evidence["test"]["targets"]
    assert (target["name"], len(target["true"]), len(target["worst"])) == ("progression", split.rows("test"), 10)
    residuals = np.subtract(target["predicted"], target["true"])
    assert target["residual_quantiles"][3] == [0.5, pytest.approx(np.median(residuals))]
    assert abs(target["worst"][0]["predicted"] - target["worst"][0]["true"]) == np.abs(residuals).max()
    assert result.confusion == result.per_class == {}


@pytest.mark.parametrize("monitor", ["val_macro_f1", "val_auc", "val_balanced_accuracy"])
def test_any_metric_can_decide_which_epoch_is_kept(monitor: str) -> None:
    result = run(split_dataset(load_dataset("wine"), 0.2, 1), monitor=monitor, learning_rate=0.002)
    values = [epoch.metrics[monitor] for epoch in result.history]
    assert result.best_epoch == 1 + values.index(max(values))
    assert result.scores[monitor] == max(values)


def test_an_objective_is_measured_each_epoch_and_a_metric_of_another_task_is_refused() -> None:
    wine = load_dataset("wine")
    assert "val_auc" not in run(split_dataset(wine, 0.2, 1)).history[0].metrics
    assert "val_auc" in run(split_dataset(wine, 0.2, 1, objective="val_auc")).history[0].metrics
    with pytest.raises(ConfigError, match=r"monitor of a classification must be one of .*got 'val_rmse'"):
        run(split_dataset(wine, 0.2, 1), monitor="val_rmse")


def test_balanced_classes_find_the_rare_one_more_often() -> None:
    random = np.random.default_rng(1)
    labels = (np.arange(1200) % 20 == 0).astype(int)
    x = random.normal(size=(1200, 2)) + labels[:, None]
    data = Dataset("rare", "made up", x[:900], labels[:900], x[900:], labels[900:])
    plain, balanced = (
        run(split_dataset(data, 0.2, 1, "standardise", class_weight=how)) for how in ("none", "balanced")
    )
    assert balanced.scores["test_balanced_accuracy"] > plain.scores["test_balanced_accuracy"] + 0.1


@pytest.mark.parametrize("name", ["diabetes", "wine"])
def test_folds_of_each_task_score_each_row_once(name: str) -> None:
    split = split_dataset(load_dataset(name), 0.2, 1, folds=3)
    config = TrialConfig.from_parameters({"width": 8, "epochs": 3, "learning_rate": 0.01})
    result = train(run_of(config), prepare(split), 5, lambda _: None)
    assert isinstance(result, FoldsResult)
    chosen_by = "rmse" if name == "diabetes" else "accuracy"
    scores = [result.scores[f"fold_{k}_score"] for k in (1, 2, 3)]
    assert result.scores[f"val_{chosen_by}"] == np.mean(scores)
    assert result.scores[f"val_{chosen_by}_std"] == np.std(scores)
    evidence = result.evidence[OUT_OF_FOLD]
    if name == "wine":
        assert np.sum(evidence["confusion"]) == split.rows("train")
    else:
        assert evidence["targets"][0]["true"] == split.labels["train"][:, 0].tolist()
    assert FoldsResult.from_json(result.to_json()) == result


def test_the_model_of_a_table_takes_raw_rows_and_answers_in_the_users_labels(tmp_path: Path) -> None:
    frame = penguins()
    frame.to_csv(tmp_path / "p.csv", index=False)
    said = {"dataset": str(tmp_path / "p.csv"), "target": "species", "leave_out": "number,seen,nest"}
    split = split_dataset(load_dataset(Source.read(said)), 0.2, 1)
    result = run(split)
    assert not is_plain(split)
    assert [row["class"] for row in result.evidence["test"]["per_class"]] == [0, 1, 2]
    model, test = served(result, split, tmp_path), load_dataset(Source.read(said | {"test": said["dataset"]}))
    answers = model.predict(frame)
    species = ["adelie", "chinstrap", "gentoo"]
    assert list(answers.columns) == ["prediction", *(f"probability of {name}" for name in species)]
    np.testing.assert_allclose(answers.iloc[:, 1:].sum(axis=1), 1, rtol=1e-5)
    found = dict(zip(map(bytes, test.x_train), answers["prediction"], strict=True))
    predicted = [found[bytes(row)] for row in split.inputs["test"]]
    right = np.mean([name == species[k] for name, k in zip(predicted, split.labels["test"], strict=True)])
    assert right == result.scores["test_accuracy"]
    whole = frame.head(4).assign(bill=[40, 41, 42, 43], island=["Atlantis", None, "Dream", "Biscoe"], extra=1)
    assert list(model.predict(whole).index) == [0, 1, 2, 3]
    assert set(model.predict(whole)["prediction"]) <= set(species)
    assert "pickle" not in code_file()[1]
    assert json.loads((tmp_path / DESCRIPTION).read_text())["classes"] == species


def test_the_model_of_a_regression_reproduces_the_logged_metric_to_the_last_bit(tmp_path: Path) -> None:
    import pandas as pd

    split = split_dataset(load_dataset("diabetes"), 0.2, 1)
    for parameters in ({}, {"activation": "silu", "batch_norm": "before"}, {"width": "40-20", "activation": "tanh"}):
        result = run(split, **parameters)
        rows = pd.DataFrame(split.inputs["test"], columns=[column.name for column in split.columns])
        answers = served(result, split, tmp_path).predict(rows.astype({"age": int}))
        assert list(answers.columns) == ["progression"]
        errors = answers.to_numpy() - split.labels["test"]
        assert float(np.sqrt((errors**2).mean(axis=0)).mean()) == result.scores["test_rmse"]
        assert root_mean_squared_error(split.labels["test"], answers) == pytest.approx(result.scores["test_rmse"])


def test_the_keras_file_of_arrays_alone_answers_in_the_users_units(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=(300, 2, 3))
    y = np.stack([2000 + x[:, 0, 0], 1e6 * x[:, 1, 2]], axis=1)
    data = Dataset("two", "made up", x[:200], y[:200], x[200:], y[200:])
    split = split_dataset(data, 0.2, 1, "standardise")
    result = run(split, epochs=20)
    (tmp_path / "model.keras").write_bytes(result.model)
    model = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    answers = model.predict(data.x_test, verbose=0)
    assert answers.shape == (100, 2)
    errors = np.sqrt(((answers - data.y_test) ** 2).mean(axis=0))
    assert errors.mean() == pytest.approx(result.scores["test_rmse"], rel=1e-6)
    assert errors[0] < 0.5
    assert result.scores["test_r2"] > 0.9


def test_the_model_of_images_takes_raw_images_and_says_the_folders_names(tmp_path: Path) -> None:
    split = split_dataset(load_dataset(str(images(tmp_path / "pictures", per_class=60))), 0.2, 1)
    result = run(split, epochs=20)
    answers = served(result, split, tmp_path).predict(split.inputs["test"])
    expected = [split.target.classes[k] for k in split.labels["test"]]
    assert (answers["prediction"] == expected).mean() == result.scores["test_accuracy"] == 1
