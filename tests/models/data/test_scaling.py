"""Scaling never blows up rounding errors, makes different rows equal, or passes on infinite values."""

from pathlib import Path

import keras
import numpy as np
import pytest

from models.core.config import TrialConfig
from models.core.errors import ConfigError
from models.core.rounding import is_constant
from models.data.dataset import Dataset
from models.data.scaling import Scaling, fit_scaling
from models.data.served import answers_of
from models.data.splits import split_dataset
from models.tasks.metrics import confusion_of
from models.training.trial import prepare, run_trial

LABELS = np.arange(300) % 3


def made(extra: np.ndarray, dtype: str = "float64") -> Dataset:
    """Two features that separate three classes, and the features `extra` (300, k)."""
    good = np.random.default_rng(1).normal(size=(300, 2)) + 4 * np.stack([LABELS == 1, LABELS == 2], axis=1)
    x = np.column_stack([good if dtype == "float64" else good * 100, extra]).astype(dtype)
    return Dataset("made", "made up", x[:240], LABELS[:240], x[240:], LABELS[240:])


def accuracy(data: Dataset, preprocessing: str = "standardise", reduction: str = "none") -> float:
    split = split_dataset(data, 0.2, 1, preprocessing, reduction)
    config = TrialConfig.from_parameters({"width": 16, "epochs": 20, "learning_rate": 0.01})
    return run_trial(config, prepare(split), 3, lambda _: None).scores["test_accuracy"]


@pytest.mark.parametrize("value", [0.1, 14.62, 1 / 3, 1e300, -1e-300, 0.0])
@pytest.mark.parametrize("reduction", ["none", "pca:2", "forest:2"])
def test_a_column_that_is_the_same_in_every_row_changes_nothing(value: float, reduction: str) -> None:
    extra = np.full((300, 2), value)
    extra[:, 1] = np.where(LABELS == 1, value, np.nextafter(value, 9.0))  # as if computed by two formulas
    split = split_dataset(made(extra), 0.2, 1, "standardise")
    scaling = fit_scaling(split)
    assert isinstance(scaling, Scaling)
    assert (scaling.scale[2:] == (1 if value < 1e30 else 1 / value)).all()
    if abs(value) < 1e30:
        assert accuracy(made(extra), reduction=reduction) > 0.9


def test_deviations_within_the_rounding_of_a_mean_are_none_and_others_are() -> None:
    for value in (0.1, 14.62, 1 / 3, 1e9 + 0.1):
        for rows in (50, 10_001):
            column = np.full((rows, 1), value)
            assert is_constant(column.std(axis=0), np.abs(column).max(axis=0), rows).all()
            column[0] *= 1 + 1e-6
            assert not is_constant(column.std(axis=0), np.abs(column).max(axis=0), rows).any()


@pytest.mark.parametrize(
    ("start", "dtype"), [(1.6e9, "float64"), (1.6e12, "int64"), (1.6e9, "int32"), (1e15, "float64"), (2e9, "uint32")]
)
def test_what_is_large_and_differs_little_is_centred_in_training_and_in_the_model_alike(
    start: float, dtype: str, tmp_path: Path
) -> None:
    seconds = (start + 300 * LABELS + np.random.default_rng(2).integers(0, 100, 300))[:, None]
    x = np.column_stack([seconds, seconds]).astype(dtype)
    data = Dataset("seconds", "made up", x[:240], LABELS[:240], x[240:], LABELS[240:])
    split = split_dataset(data, 0.2, 1, "standardise")
    config = TrialConfig.from_parameters({"width": 16, "epochs": 20, "learning_rate": 0.01})
    result = run_trial(config, prepare(split), 3, lambda _: None)
    assert result.scores["test_accuracy"] > 0.95
    (tmp_path / "model.keras").write_bytes(result.model)
    model = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert model.inputs[0].dtype == dtype
    answers = answers_of(model, data.x_test)
    assert (confusion_of(data.y_test, answers) == result.confusion["test"]).all()
    for preprocessing in ("rescale", "none"):
        with pytest.raises(
            ConfigError, match=rf"{preprocessing} would make .* feature 0 equal, .* standardise takes its"
        ):
            split_dataset(data, 0.2, 1, preprocessing)


def test_what_float32_cannot_hold_is_scaled_in_float64_or_refused() -> None:
    large = np.random.default_rng(2).uniform(1, 2, (300, 1)) * 1e39
    assert accuracy(made(large)) > 0.9
    with pytest.raises(ConfigError, match=r"finite in float32 once they are scaled \(none\), got up to .*e\+39"):
        split_dataset(made(large), 0.2, 1, "none")
    late = np.ones((300, 1))
    late[:150] += np.random.default_rng(3).normal(size=(150, 1))
    late[299] = 1e200
    with pytest.raises(ConfigError, match="in the test part, feature 2"):
        split_dataset(made(late), 0.2, 1, "standardise")
    with pytest.raises(ConfigError, match=r"squares float64 can hold, got feature 2 up to 1\.98898e\+200"):
        split_dataset(made(large * 1e161), 0.2, 1, "standardise")


def test_a_training_part_of_constants_alone_has_no_variance_for_pca() -> None:
    x = np.full((60, 3), 0.1)
    x[::2, 1] = np.nextafter(0.1, 1)
    data = Dataset("flat", "made up", x, np.arange(60) % 2, x, np.arange(60) % 2)
    with pytest.raises(ConfigError, match="'pca:1' needs training rows that differ, got 48 equal ones"):
        split_dataset(data, 0.2, 1, "standardise", "pca:1")
