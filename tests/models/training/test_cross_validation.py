"""Cross-validation: each training row scored once, by a network that has not seen it; no model, no test row."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.core.config import TrialConfig
from models.core.errors import ConfigError
from models.core.results import OUT_OF_FOLD, EpochReport, FoldsResult, TrialFailed
from models.core.seeds import derive_seed
from models.data.dataset import Dataset
from models.data.scaling import fit_scaling
from models.data.sources import load_dataset
from models.data.splits import Split, split_dataset
from models.data.stratified import stratified_folds
from models.training.cross_validation import run_folds, run_of, train
from models.training.resident import PreparedFolds, prepare
from models.training.trial import run_trial

CONFIG = TrialConfig.from_parameters({"width": 12, "epochs": 4, "patience": 2, "batch_size": 64, "learning_rate": 0.01})
DIGITS = split_dataset(load_dataset("digits"), 0.1, seed=7, folds=3)


def scored(split: Split, config: TrialConfig = CONFIG, seed: int = 5) -> FoldsResult:
    data = prepare(split)
    assert isinstance(data, PreparedFolds)
    return run_folds(run_of(config), data, seed, lambda _: None)


@pytest.mark.parametrize("count", [2, 3, 7])
def test_each_row_is_in_one_fold_and_sizes_and_classes_differ_by_one_row_at_most(count: int) -> None:
    labels = np.random.default_rng(count).permutation(np.repeat(np.arange(4), [50, 7, 23, 101]))
    folds = stratified_folds(labels, count, seed=3)
    cells = np.array([np.bincount(labels[folds == k], minlength=4) for k in range(count)])
    assert np.ptp(cells, axis=0).max() <= 1
    assert np.ptp(cells.sum(axis=1)) <= 1
    assert cells.sum() == len(labels)
    assert (folds == stratified_folds(labels, count, seed=3)).all()
    assert (folds != stratified_folds(labels, count, seed=4)).any()


def test_folds_part_the_training_rows_and_the_validation_part_is_what_it_is_without_them() -> None:
    plain = split_dataset(load_dataset("digits"), 0.1, seed=7)
    assert (plain.folds, DIGITS.folds) == (0, 3)
    for part in plain.inputs:
        assert (plain.inputs[part] == DIGITS.inputs[part]).all()
    folds = [DIGITS.fold(number) for number in range(3)]
    assert sum(fold.rows("test") for fold in folds) == plain.rows("train")
    for fold in folds:
        assert fold.rows("train") + fold.rows("test") == plain.rows("train")
        assert (fold.inputs["validation"] == plain.inputs["validation"]).all()
        rows = np.concatenate([fold.inputs["train"], fold.inputs["test"]]).reshape(plain.rows("train"), -1)
        assert sorted(map(bytes, rows)) == sorted(map(bytes, plain.inputs["train"]))


def test_scaling_is_fitted_on_the_folds_own_training_rows(blobs: Callable[..., Dataset]) -> None:
    split = split_dataset(blobs(), 0.2, seed=1, preprocessing="standardise", folds=3)
    assert split.fold_of is not None
    split.inputs["train"][split.fold_of == 1] += 1e6
    means = [-scaling.offset / scaling.scale for scaling in (fit_scaling(split.fold(number)) for number in range(3))]
    assert means[1].max() < 1e3 < 1e5 < min(means[0].min(), means[2].min())


def test_a_fold_is_an_ordinary_trial_that_is_tested_on_it_and_the_score_is_numpys_mean() -> None:
    heard: list[EpochReport] = []
    data = prepare(DIGITS)
    assert isinstance(data, PreparedFolds)
    result = train(run_of(CONFIG), data, 5, heard.append)
    assert isinstance(result, FoldsResult)
    alone = [
        run_trial(CONFIG, data.fold(number - 1), derive_seed(5, "fold", number), lambda _: None) for number in (1, 2, 3)
    ]
    accuracies = [one.scores["test_accuracy"] for one in alone]
    assert [result.scores[f"fold_{number}_score"] for number in (1, 2, 3)] == accuracies
    assert result.scores["val_accuracy"] == np.mean(accuracies)
    assert result.scores["val_accuracy_std"] == np.std(accuracies)
    assert "test_accuracy" not in result.metrics
    matrix = result.confusion[OUT_OF_FOLD]
    assert (matrix == sum(one.confusion["test"] for one in alone)).all()
    assert (matrix.sum(axis=1) == np.bincount(DIGITS.labels["train"])).all()
    assert tuple(heard) == result.history
    places = [(name, each.epoch) for each in result.history for name in each.metrics]
    assert len(places) == len(set(places))
    for number, one in enumerate(alone, start=1):
        ours = [each.metrics for each in result.history if f"fold_{number}_loss" in each.metrics]
        assert ours == [{f"fold_{number}_{name}": v for name, v in each.metrics.items()} for each in one.history]
    assert FoldsResult.from_json(result.to_json()) == result
    assert scored(DIGITS).repeatable() == result.repeatable()
    assert scored(DIGITS, seed=6).weights_sha256 != result.weights_sha256


def test_what_a_fold_and_the_test_part_hold_changes_nothing_of_the_network_that_scores_the_fold() -> None:
    assert DIGITS.fold_of is not None
    inputs = {part: values.copy() for part, values in DIGITS.inputs.items()}
    inputs["test"][:] = 0
    inputs["train"][DIGITS.fold_of == 1] = 16 - inputs["train"][DIGITS.fold_of == 1]
    first, other = scored(DIGITS), scored(replace(DIGITS, inputs=inputs))

    def of_fold(result: FoldsResult, number: int) -> list[dict[str, Any]]:
        return [each.metrics for each in result.history if f"fold_{number}_loss" in each.metrics]

    assert of_fold(first, 2) == of_fold(other, 2)
    assert first.scores["fold_2_score"] > other.scores["fold_2_score"]
    assert of_fold(first, 1) != of_fold(other, 1)


def test_a_fold_that_cannot_be_trained_fails_the_trial_and_is_named() -> None:
    with pytest.raises(TrialFailed, match="diverged: fold 1: epoch 1") as failure:
        scored(DIGITS, replace(CONFIG, optimizer="sgd", learning_rate=1e30))
    assert failure.value.reason == "diverged"


def test_more_folds_than_rows_of_a_class_are_refused(blobs: Callable[..., Dataset]) -> None:
    with pytest.raises(ConfigError, match=r"folds must be at most the rows of the smallest class, 26 of 80 .* got 27"):
        split_dataset(blobs(), 0.2, seed=1, folds=27)
