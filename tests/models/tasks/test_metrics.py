"""Metrics agree with scikit-learn's, also where classes have no rows."""

import numpy as np
import pytest
from sklearn import metrics as theirs

from models.data.labels import CLASSIFICATION, REGRESSION, Target
from models.tasks import metrics
from models.tasks.task import task_of


def made(rows: int, k: int, seed: int, ties: bool = False) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth, outputs = random.integers(0, k, rows), random.random((rows, k))
    outputs[np.arange(rows), truth] += 0.3
    outputs /= outputs.sum(axis=1, keepdims=True)
    return truth, outputs.round(1) if ties else outputs.astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("k", [2, 5])
def test_those_of_classes_are_scikit_learns(k: int, seed: int) -> None:
    truth, outputs = made(200, k, seed)
    predicted, confusion = outputs.argmax(axis=1), metrics.confusion_of(truth, outputs)
    assert (confusion == theirs.confusion_matrix(truth, predicted, labels=range(k))).all()
    assert metrics.accuracy(confusion) == theirs.accuracy_score(truth, predicted)
    assert metrics.balanced_accuracy(confusion) == pytest.approx(theirs.balanced_accuracy_score(truth, predicted))
    assert metrics.macro_f1(confusion) == pytest.approx(theirs.f1_score(truth, predicted, average="macro"))


@pytest.mark.parametrize("ties", [False, True])
def test_the_area_is_scikit_learns_with_ties_too(ties: bool) -> None:
    truth, outputs = made(300, 2, 1, ties)
    assert metrics.auc(truth, outputs) == pytest.approx(theirs.roc_auc_score(truth, outputs[:, 1]))
    truth, outputs = made(300, 4, 2, ties)
    each = [theirs.roc_auc_score(truth == k, outputs[:, k]) for k in range(4)]
    assert metrics.auc(truth, outputs) == pytest.approx(np.mean(each))


def test_a_class_without_rows_is_left_out() -> None:
    truth, outputs = made(60, 3, 1)
    truth[truth == 2] = 0
    predicted, confusion = outputs.argmax(axis=1), metrics.confusion_of(truth, outputs)
    recalls = [np.mean(predicted[truth == k] == k) for k in (0, 1)]
    assert metrics.balanced_accuracy(confusion) == pytest.approx(np.mean(recalls))
    assert metrics.macro_f1(confusion) == pytest.approx(theirs.f1_score(truth, predicted, average="macro"))
    areas = [theirs.roc_auc_score(truth == k, outputs[:, k]) for k in (0, 1)]
    assert metrics.auc(truth, outputs) == pytest.approx(np.mean(areas))
    assert metrics.auc(np.zeros(5, int), outputs[:5, :2]) == 0.5


@pytest.mark.parametrize("targets", [1, 3])
def test_those_of_numbers_are_scikit_learns(targets: int) -> None:
    random = np.random.default_rng(targets)
    truth = random.normal(1000, 50, (80, targets))
    predicted = truth + random.normal(0, 9, truth.shape)
    assert metrics.rmse(truth, predicted) == pytest.approx(theirs.root_mean_squared_error(truth, predicted))
    assert metrics.mae(truth, predicted) == pytest.approx(theirs.mean_absolute_error(truth, predicted))
    assert metrics.r2(truth, predicted) == pytest.approx(theirs.r2_score(truth, predicted))
    assert metrics.r2(truth * 0, truth * 0) == 1
    assert metrics.r2(truth * 0, predicted) == 0


@pytest.mark.parametrize("target", [Target(CLASSIFICATION, ("a", "b", "c")), Target(REGRESSION, names=("x", "y"))])
def test_every_metric_of_a_task_is_measured_and_lies_between_its_bounds(target: Target) -> None:
    task, random = task_of(target), np.random.default_rng(4)
    outputs = random.random((90, target.n_outputs))
    truth = random.integers(0, 3, 90) if target.classes else outputs + random.normal(size=outputs.shape)
    scores = task.scores(truth, outputs, 1.5, task.metrics)
    assert tuple(scores) == task.metrics
    for name, score in scores.items():
        assert metrics.METRICS[name].low <= score <= metrics.METRICS[name].high, name


def test_a_metric_knows_its_direction_and_bounds_under_any_prefix() -> None:
    assert metrics.metric_of("val_macro_f1").direction == "maximize"
    assert metrics.metric_of("test_rmse").direction == metrics.metric_of("loss").direction == "minimize"
    assert (metrics.metric_of("auc").low, metrics.metric_of("train_auc").high) == (0, 1)
    assert (metrics.metric_of("val_r2").low, metrics.metric_of("val_mae").high) == (-np.inf, np.inf)
