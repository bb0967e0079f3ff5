"""Numbers beside what was predicted: the worst rows are among them, and what is far out does not take the room."""

import numpy as np
import pytest

from analysis.looks.residuals import residuals_of, target_histograms, window
from models.tasks.regression import Regression

random = np.random.default_rng(0)


def test_the_worst_rows_are_drawn_even_where_most_rows_are_left_out() -> None:
    true = random.normal(size=(5000, 2))
    predicted = true.copy()
    predicted[2503] += [40.0, -50.0]
    kept = Regression(("left", "right")).evidence(true, predicted)
    assert 2503 not in kept["targets"][0]["rows"]
    left, right = residuals_of(kept)
    assert (left.name, right.name) == ("left", "right")
    assert len(left.true) == len(left.predicted) > 1000
    assert left.residuals.max() == pytest.approx(40)
    assert right.residuals.min() == pytest.approx(-50)
    assert right.quantiles[0.0] == pytest.approx(-50)
    assert (right.quantiles[0.5], right.quantiles[1.0]) == (0.0, 0.0)


def test_a_worst_row_that_is_kept_already_is_not_drawn_twice() -> None:
    true = random.normal(size=(30, 1))
    (only,) = residuals_of(Regression(()).evidence(true, true + 1))
    assert only.name == "prediction"
    assert sorted(only.true) == sorted(true[:, 0])


@pytest.mark.parametrize("numbers", [random.normal(50, 10, 500), random.gamma(3, 1, 500), np.arange(7.0)])
def test_an_axis_shows_all_numbers_where_none_is_far_out(numbers: np.ndarray) -> None:
    low, high = window([numbers[:3], numbers[3:]])
    span = float(np.ptp(numbers))
    assert numbers.min() - 0.05 * span < low < numbers.min()
    assert numbers.max() < high < numbers.max() + 0.05 * span


def test_one_number_far_out_does_not_take_the_others_room() -> None:
    numbers = random.normal(size=500)
    low, high = window([np.append(numbers, 5000.0)])
    assert low < numbers.min()
    assert numbers.max() < high < 10
    assert window([numbers], through=300.0)[1] > 300


@pytest.mark.parametrize(
    "numbers", [np.zeros(3), np.full(4, 7e-9), np.array([1e308, -1e308]), np.array([5e-324]), np.array([]),
                np.array([np.inf, 2.0])],
)  # fmt: skip
def test_an_axis_has_finite_ends_apart_whatever_the_numbers(numbers: np.ndarray) -> None:
    low, high = window([numbers])
    assert np.isfinite([low, high]).all()
    assert low < high
    assert all(low <= number <= high for number in numbers[np.isfinite(numbers)])


def test_histograms_count_what_they_leave_out() -> None:
    train = np.append(random.normal(size=400), [900.0, -900.0])
    found, beyond = target_histograms({"train": train, "test": train[:100]})
    assert beyond == 2
    assert found["train"].counts.sum() == 400
    assert (found["train"].edges == found["test"].edges).all()
    stars = random.integers(1, 6, 300).astype(float)
    found, beyond = target_histograms({"train": stars})
    assert beyond == 0
    assert found["train"].counts.tolist() == np.bincount(stars.astype(int), minlength=6)[1:].tolist()
