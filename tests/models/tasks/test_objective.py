"""An objective knows which scores are better, and the score that stands in for a worse trial."""

import math

import pytest

from models.core.errors import ConfigError
from models.data.sources import load_dataset
from models.data.splits import split_dataset
from models.tasks.baselines import baseline, describe_baseline
from models.tasks.objective import CONSTANT, LINEAR, Objective, check_monitor, read_objective

BASELINES = {CONSTANT: {"val_rmse": 80.0, "val_loss": 1.1, "val_r2": -0.01, "val_accuracy": 0.4}}


@pytest.mark.parametrize(
    ("name", "direction", "worst", "bounds"),
    [
        ("val_accuracy", "maximize", 0.0, (0, 1)),
        ("val_auc", "maximize", 0.0, (0, 1)),
        ("val_rmse", "minimize", 80.0, (0, 80)),
        ("val_loss", "minimize", 1.1, (0, 1.1)),
        ("val_r2", "maximize", -0.01, (-0.01, 1)),
    ],
)
def test_directions_bounds_and_worst_values(name: str, direction: str, worst: float, bounds: tuple) -> None:
    objective = Objective(name)
    assert (objective.direction, objective.worst(BASELINES), objective.bounds(BASELINES)) == (direction, worst, bounds)
    assert objective.bounded == (worst not in BASELINES[CONSTANT].values())
    assert objective.test_name == name.replace("val_", "test_")
    better, equal = worst + 0.001 * objective.sign, worst
    assert objective.better(better, equal)
    assert not objective.better(equal, equal)
    assert not objective.better(equal, better)
    assert min([(equal, 0), (better, 2), (better, 1)], key=lambda trial: objective.place(*trial)) == (better, 1)
    for nothing in (None, math.nan, math.inf, worst - objective.sign):
        assert objective.censored(nothing, BASELINES) == worst
    assert objective.censored(better, BASELINES) == better


def test_each_task_has_its_own_and_a_wrong_one_is_refused() -> None:
    assert read_objective("", "classification") == Objective("val_accuracy")
    assert read_objective("", "regression") == Objective("val_rmse")
    assert read_objective("val_loss", "regression") == Objective("val_loss")
    for written, task, message in (
        ("val_rmse", "classification", "objective of a classification must be one of .*, which is one of a regression"),
        ("val_accuracy", "regression", "got 'val_accuracy', which is one of a classification"),
        ("val_acuracy", "classification", "got 'val_acuracy'; did you mean 'val_accuracy'"),
        ("test_accuracy", "classification", "got 'test_accuracy'; did you mean 'val_accuracy'"),
    ):
        with pytest.raises(ConfigError, match=message):
            read_objective(written, task)
    assert check_monitor("val_auc", "classification") == "val_auc"
    with pytest.raises(ConfigError, match="monitor of a regression must be one of val_loss, val_rmse, val_mae, val_r2"):
        check_monitor("val_accuracy", "regression")


def test_baselines_are_the_constant_and_scikit_learns_linear_model() -> None:
    from sklearn.dummy import DummyClassifier, DummyRegressor
    from sklearn.linear_model import LinearRegression

    from models.data.scaling import fit_scaling

    split = split_dataset(load_dataset("diabetes"), 0.2, 1)
    found, encoding = {name: baseline(name, split) for name in (CONSTANT, LINEAR)}, fit_scaling(split)
    features = {part: encoding.apply(split.inputs[part]) for part in split.inputs}
    for name, model in ((CONSTANT, DummyRegressor()), (LINEAR, LinearRegression())):
        model.fit(features["train"].astype(float), split.labels["train"])
        for part, prefix in (("validation", "val"), ("test", "test")):
            assert found[name][f"{prefix}_r2"] == pytest.approx(model.score(features[part], split.labels[part]))
    assert found[LINEAR]["val_rmse"] < found[CONSTANT]["val_rmse"]
    assert describe_baseline(CONSTANT, "regression", 300) == "the mean of the training part"

    digits = split_dataset(load_dataset("digits"), 0.2, 1, reduction="pca:20")
    found = {name: baseline(name, digits) for name in (CONSTANT, LINEAR)}
    dummy = DummyClassifier().fit(digits.inputs["train"], digits.labels["train"])
    assert found[CONSTANT]["test_accuracy"] == dummy.score(digits.inputs["test"], digits.labels["test"])
    assert found[CONSTANT]["val_auc"] == 0.5
    assert 0.85 < found[LINEAR]["test_accuracy"] < 1
    assert set(found[LINEAR]) == set(found[CONSTANT]) >= {"val_macro_f1", "test_auc", "train_loss"}
    assert describe_baseline(CONSTANT, "classification", 1_293) == "the most frequent class"
    assert describe_baseline(LINEAR, "classification", 1_293) == "logistic regression on the same features"


def test_where_trials_are_cross_validated_a_baseline_is_the_mean_of_its_folds() -> None:
    whole = split_dataset(load_dataset("diabetes"), 0.2, 1, folds=3)
    for name in (CONSTANT, LINEAR):
        found = baseline(name, whole)
        each = [baseline(name, whole.fold(k))["test_rmse"] for k in range(3)]
        assert found["val_rmse"] == pytest.approx(sum(each) / 3)
        assert found["test_rmse"] == baseline(name, split_dataset(load_dataset("diabetes"), 0.2, 1))["test_rmse"]


def test_an_estimate_of_what_has_no_worst_value_asks_for_the_baseline() -> None:
    with pytest.raises(ValueError, match="an estimate of val_rmse, which has no worst value, needs the constant"):
        Objective("val_rmse").worst({})
    assert Objective("val_macro_f1").worst({}) == 0


@pytest.mark.parametrize(
    ("name", "target", "message"),
    [
        ("val_accuracy", 97.0, "targets must be values of val_accuracy, 0 to 1, got 97.0"),
        ("val_accuracy", 0.0, "got 0.0"),
        ("val_rmse", -1.0, "targets must be values of val_rmse, 0 to inf, got -1.0"),
        ("val_r2", 1.5, "-inf to 1, got 1.5"),
        ("val_r2", math.nan, "got nan"),
    ],
)
def test_targets_that_cannot_be_reached_are_refused(name: str, target: float, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Objective(name).check_targets([target])
    Objective(name).check_targets([0.5])
