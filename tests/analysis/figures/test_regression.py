"""Predicted against true: every set of numbers is drawn, and the picture shows what is far off."""

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from analysis.figures.regression import MOST_TARGETS, draw_predictions, draw_target_histograms, feature_map
from models.tasks.regression import Regression


def evidence(true: np.ndarray, predicted: np.ndarray, names: tuple[str, ...] = ()) -> dict[str, Any]:
    kept = Regression(names).evidence(true.reshape(len(true), -1), predicted.reshape(len(true), -1))
    return {"validation": kept, "test": kept}


random = np.random.default_rng(0)
LINE = random.normal(50, 10, 300)
CASES = {
    "noise": (LINE, LINE + random.normal(0, 3, 300)),
    "an outlier": (np.append(LINE, 5000.0), np.append(LINE, 60.0)),
    "one value for all": (LINE, np.full(300, LINE.mean())),
    "all equal": (np.ones(20), np.ones(20)),
    "two rows": (np.array([0.0, 1.0]), np.array([1.0, 0.0])),
    "tiny numbers": (LINE * 1e-12, LINE * 1.1e-12),
    "huge numbers": (LINE * 1e30, LINE * 1.1e30),
}


@pytest.mark.parametrize("case", CASES)
def test_each_part_has_its_predictions_and_residuals(case: str) -> None:
    true, predicted = CASES[case]
    figure = draw_predictions(evidence(true, predicted), "t")
    figure.canvas.draw()
    assert len(figure.axes) == 4
    against, residuals, *_ = figure.axes
    line, points = against.lines
    assert np.array_equal(points.get_xdata(), true)
    assert np.array_equal(points.get_ydata(), predicted)
    assert list(line.get_xdata()) == list(line.get_ydata()) == list(against.get_xlim()) == list(against.get_ylim())
    assert against.get_xlim()[0] <= min(true.min(), predicted.min())
    assert np.array_equal(residuals.lines[-1].get_ydata(), predicted - true)


def test_of_many_targets_the_first_are_drawn_and_it_is_said() -> None:
    names = tuple(f"target {k} with a name that is longer than any place for it" for k in range(6))
    true = random.normal(size=(40, 6))
    figure = draw_predictions(evidence(true, true + 0.1, names), "study trial 3")
    assert len(figure.axes) == 4 * MOST_TARGETS
    assert "the first 4 of 6 targets" in figure.get_suptitle()
    assert "the first 4 of 6" in draw_target_histograms({"train": true, "test": true}, names, "t").get_suptitle()


def test_histograms_are_shares_of_each_part() -> None:
    figure = draw_target_histograms({"train": LINE[:, None], "test": LINE[:50, None]}, ("price",), "t")
    filled, *outlines = figure.axes[0].patches
    for patch in outlines:
        assert patch.get_data().values.sum() == pytest.approx(100)
    assert filled.get_data().edges[0] == LINE.min()


def test_features_are_coloured_by_the_number() -> None:
    drawn = Image.open(io.BytesIO(feature_map(random.normal(size=(30, 2)), np.arange(30.0), "price", "t")))
    assert len(set(map(tuple, np.asarray(drawn.convert("RGB")).reshape(-1, 3)))) > 30
