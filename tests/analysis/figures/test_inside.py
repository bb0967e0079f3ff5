"""The figures of hidden layers and of a forest's pixels show the values of the arrays."""

import io

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from PIL import Image

from analysis.figures.inside import (
    activation_boxes,
    activation_scatter,
    class_colours,
    feature_map,
    forest_importances,
    number_map,
)
from analysis.figures.style import png

NAMES = ["zero", "one", "two"]


@pytest.fixture
def predicted() -> np.ndarray:
    return np.random.default_rng(1).integers(2, size=90)  # class 2 is never predicted


@pytest.fixture
def truth() -> np.ndarray:
    return np.random.default_rng(7).integers(3, size=90)


def test_each_box_stands_at_the_median_and_quartiles_of_its_class(predicted: np.ndarray, truth: np.ndarray) -> None:
    values = np.random.default_rng(2).normal(size=(90, 1)) + predicted[:, None]
    panels = activation_boxes(values, predicted, truth, NAMES, "t").axes
    for axes, classes in zip(panels, (predicted, truth), strict=True):
        medians = [line.get_ydata()[0] for line in axes.lines if line.get_linewidth() == 1.6]
        counts = np.bincount(classes, minlength=3)
        for k in np.flatnonzero(counts):
            own = values[classes == k, 0]
            assert medians[k] == np.median(own)
            corners = axes.patches[k].get_path().vertices[:, 1]
            assert (corners.min(), corners.max()) == pytest.approx(tuple(np.percentile(own, [25, 75])))
        labels = [tick.get_text() for tick in axes.get_xticklabels()]
        assert labels == [f"{name}\n({count})" for name, count in zip(NAMES, counts, strict=True)]
    assert np.isnan([line.get_ydata()[0] for line in panels[0].lines if line.get_linewidth() == 1.6][2])


def test_the_scatters_have_a_point_a_row_in_the_colour_of_its_class(predicted: np.ndarray, truth: np.ndarray) -> None:
    values = np.random.default_rng(2).normal(size=(90, 2))
    panels = activation_scatter(values, predicted, truth, NAMES, "t").axes
    colours = [list(colour[:3]) for colour in class_colours(3)]
    for axes, classes in zip(panels, (predicted, truth), strict=True):
        (points,) = axes.collections
        drawn = sorted(zip(points.get_offsets().data.tolist(), points.get_facecolors()[:, :3].tolist(), strict=True))
        assert drawn == sorted((value.tolist(), colours[k]) for value, k in zip(values, classes, strict=True))


def test_the_feature_map_colours_the_truth_and_rings_what_was_taken_for_another_class(truth: np.ndarray) -> None:
    predicted = truth.copy()
    predicted[[3, 8]] = (truth[[3, 8]] + 1) % 3
    points = np.random.default_rng(2).normal(size=(90, 2))
    (axes,) = feature_map(points, predicted, truth, NAMES, "t").axes
    every, wrong = axes.collections
    drawn = sorted(zip(every.get_offsets().data.tolist(), every.get_facecolors()[:, :3].tolist(), strict=True))
    colours = [list(to_rgba(colour)[:3]) for colour in class_colours(3)]
    assert drawn == sorted((value.tolist(), colours[k]) for value, k in zip(points, truth, strict=True))
    assert sorted(wrong.get_offsets().data.tolist()) == sorted(points[[3, 8]].tolist())
    assert {text.get_text() for text in axes.texts} == set(NAMES)
    for k, text in enumerate(axes.texts):
        assert list(text.get_position()) in points[truth == k].tolist()


@pytest.mark.parametrize("k", [2, 10, 20, 37, 100])
def test_every_class_has_a_colour_of_its_own(k: int) -> None:
    assert len(set(class_colours(k))) == k
    classes = np.arange(200) % k
    points = np.random.default_rng(0).normal(size=(200, 2))
    names = [str(c) for c in range(k)]
    drawn = png(feature_map(points, classes, classes, names, "t"))
    assert np.asarray(Image.open(io.BytesIO(drawn)).convert("RGB")).std() > 5


def test_the_heat_map_holds_the_importances_and_the_squares_the_chosen_pixels() -> None:
    importances = np.random.default_rng(3).random(12)
    image = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    chosen = np.array([11, 0, 6])
    left, right, _ = forest_importances(importances, chosen, image, "t").axes
    np.testing.assert_array_equal(left.images[0].get_array(), importances.reshape(3, 4))
    np.testing.assert_array_equal(right.images[0].get_array(), image[:, :, 0])
    corners = [(patch.get_x() + 0.5, patch.get_y() + 0.5) for patch in right.patches]
    assert corners == [(3, 2), (0, 0), (2, 1)]
    with pytest.raises(ValueError, match=r"one a pixel of an image, got \(11,\)"):
        forest_importances(importances[:11], chosen, image, "t")


def test_wrong_shapes_and_classes_are_refused(predicted: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"must have 1 values and a class, got arrays of \(90, 2\) and \(90,\)"):
        activation_boxes(np.zeros((90, 2)), predicted, predicted, NAMES, "t")
    with pytest.raises(ValueError, match=r"classes must be 0 .. 0, got 0 .. 1"):
        activation_scatter(np.zeros((90, 2)), predicted, predicted, ["one"], "t")


def test_features_are_coloured_by_the_number_and_one_far_out_leaves_the_others_their_colours() -> None:
    points = np.random.default_rng(0).normal(size=(60, 2))
    truth = np.append(np.arange(59.0), 1e6)
    figure = number_map(points, truth, "price", "t")
    drawn = figure.axes[0].collections[0]
    assert np.array_equal(drawn.get_array(), truth)
    assert drawn.norm.vmax < 60
    assert figure.axes[1].get_ylabel() == "price"
    with pytest.raises(ValueError, match="a row must have 2 values and a number"):
        number_map(points[:5], truth, "price", "t")
