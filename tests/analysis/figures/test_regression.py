"""Predicted against true: every set of numbers is drawn, parts can be compared, and large residuals are seen."""

import io
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image

from analysis.figures.confusion import confusion_picture
from analysis.figures.regression import (
    MOST_TARGETS,
    predictions_panels,
    predictions_picture,
    residual_quantiles_figure,
)
from models.tasks.regression import Regression


def kept_of(true: np.ndarray, predicted: np.ndarray, names: tuple[str, ...] = ()) -> dict[str, Any]:
    return Regression(names).evidence(true.reshape(len(true), -1), predicted.reshape(len(true), -1))


random = np.random.default_rng(0)
LINE = random.normal(50, 10, 300)
CASES = {
    "noise": (LINE, LINE + random.normal(0, 3, 300)),
    "an outlier": (np.append(LINE, 5000.0), np.append(LINE + random.normal(0, 3, 300), 60.0)),
    "one value for all": (LINE, np.full(300, LINE.mean())),
    "all equal": (np.ones(20), np.ones(20)),
    "one row": (np.array([5.0]), np.array([7.0])),
    "tiny numbers": (LINE * 1e-302, LINE * 1.1e-302),
    "huge numbers": (LINE * 1e302, LINE * 1.1e302),
    "far from zero": (LINE * 1e-6 + 1e9, LINE * 1.1e-6 + 1e9),
}


@pytest.mark.parametrize("case", CASES)
def test_each_part_has_its_predictions_and_residuals(case: str) -> None:
    true, predicted = CASES[case]
    evidence = {"validation": kept_of(true, predicted), "test": kept_of(true[::-1], predicted[::-1])}
    (row,), count = predictions_panels(evidence)
    against, residuals, *other = row
    assert (count, len(other)) == (1, 2)
    assert np.array_equal(against.x, true)
    assert np.array_equal(against.y, predicted)
    assert np.array_equal(residuals.x, predicted)
    assert np.array_equal(residuals.y, predicted - true)
    assert against.across == against.up
    assert (against.across, residuals.across, residuals.up) == (other[0].across, other[1].across, other[1].up)
    assert residuals.up[0] <= 0 <= residuals.up[1]
    assert Image.open(io.BytesIO(predictions_picture(evidence, "t"))).size[0] > 1300


def test_a_row_far_out_is_at_the_border_and_the_others_have_the_room() -> None:
    true, predicted = CASES["an outlier"]
    (row,), _ = predictions_panels({"test": kept_of(true, predicted)})
    assert [panel.beyond.sum() for panel in row] == [1, 1]
    assert row[0].across[1] < 200


def test_the_quantiles_are_those_of_all_rows() -> None:
    true = random.normal(size=5000)
    predicted = true + random.normal(size=5000)
    (row,), _ = predictions_panels({"out_of_fold": kept_of(true, predicted, ("price",))})
    low, high = np.quantile(predicted - true, (0.05, 0.95))
    assert row[0].heading == "out of fold: price"
    assert row[1].heading == f"90% of residuals: {low:.3g} to {high:.3g}".replace("-", "\u2212")
    assert [line.start[1] for line in row[1].lines] == pytest.approx([0.0, low, high])


def test_of_many_targets_the_first_are_drawn_and_it_is_said() -> None:
    names = tuple(f"target {k} with a name that is longer than any place for it" for k in range(6))
    true = random.normal(size=(40, 6))
    panels, count = predictions_panels({"validation": kept_of(true, true + 0.1, names)})
    assert (len(panels), count) == (MOST_TARGETS, 6)
    assert panels[3][0].heading == "validation: target 3 with a name th\u2026"
    figure = residual_quantiles_figure({"validation": kept_of(true, true + 0.1, names)}, "t")
    assert figure.subfigs[0].texts[0].get_text() == "t: residuals, the first 4 of 6 targets"


def test_residual_quantiles_stand_as_boxes_and_as_numbers() -> None:
    true, predicted = CASES["an outlier"]
    kept = kept_of(true, predicted, ("price",))
    figure = residual_quantiles_figure({"study trial 3": kept, "study trial 7": kept}, "test part")
    figure.canvas.draw()
    boxes, words = figure.axes
    assert [label.get_text() for label in boxes.get_yticklabels()] == ["study trial 3", "study trial 7"]
    assert boxes.get_title(loc="left") == "price"
    low, high = boxes.get_xlim()
    assert -100 < low <= 0 <= high < 100
    said = [text.get_text() for text in words.texts]
    largest = max(predicted - true)
    assert said.count(f"\u22124,940 to {largest:.3g}") == 2


def test_the_picture_of_every_trial_costs_about_what_a_confusion_matrix_does() -> None:
    true = random.normal(size=3000)
    evidence = {part: kept_of(true, true + random.normal(size=3000)) for part in ("validation", "test")}
    matrices = {part: random.integers(0, 50, (10, 10)) for part in evidence}
    labels = [str(k) for k in range(10)]

    def cost(draw: Any) -> float:
        draw()
        started = time.process_time()
        for _ in range(3):
            draw()
        return time.process_time() - started

    assert cost(lambda: predictions_picture(evidence, "t")) < 3 * cost(lambda: confusion_picture(matrices, labels, "t"))
