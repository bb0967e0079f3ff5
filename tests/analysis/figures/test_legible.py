"""No word of a figure is cut at its border, with two classes or 26 of long names."""

from collections.abc import Iterator

import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis.figures.data import (
    class_counts_figure,
    class_examples,
    mean_images,
    target_histograms,
    typical_images,
)
from analysis.figures.errors import (
    misclassified,
    one_against_rest_figure,
    pair_panels,
    score_histograms,
    top_probabilities,
)
from analysis.figures.inside import number_map
from analysis.figures.network import layers_figure, learning_curves
from analysis.figures.regression import residual_quantiles_figure
from analysis.looks.predictions import Predictions
from models.networks.layers import Layer
from models.tasks.regression import Regression

_SLACK = 0.015  # inches: a glyph's box is a little larger than its ink


def drawn(n_classes: int, names: list[str]) -> Iterator[Figure]:
    random = np.random.default_rng(n_classes)
    labels = random.integers(0, n_classes, 400)
    images = random.integers(0, 256, (400, 7, 9)).astype(np.uint8)
    scores = random.random((400, n_classes)) + np.eye(n_classes)[labels]
    predictions = Predictions(scores / scores.sum(axis=1, keepdims=True), labels)
    title = "a study of many trials, trial 123, validation"
    yield class_counts_figure({"train": labels, "validation": labels[:50], "test": labels[50:]}, names, title)
    for draw in (class_examples, mean_images, typical_images):
        yield draw(images, labels, names, title)
    yield misclassified(images, predictions, names, title)
    yield pair_panels(images, predictions, (0, 1), names, title)
    yield top_probabilities(predictions, range(5), names, title, images)
    yield one_against_rest_figure(predictions.confusion, names, title)
    yield score_histograms(predictions, 1, names, title)


@pytest.mark.parametrize(("n_classes", "name"), [(2, "{}"), (26, "Mammoths, mostly {}")])
def test_no_word_is_cut(n_classes: int, name: str) -> None:
    for figure in drawn(n_classes, [name.format(k) for k in range(n_classes)]):
        assert whole(figure)


def test_no_word_of_a_network_is_cut() -> None:
    layers = [Layer("a", "A layer of some long name, relu", (1024, 1024, 3), 12_345_678) for _ in range(3)]
    assert whole(layers_figure(layers, "a study of many trials, trial 123"))
    history = {e: {"loss": 1 / e, "accuracy": 1 - 0.1 / e, "val_loss": 1.0, "val_accuracy": 0.9} for e in range(1, 40)}
    assert whole(learning_curves(history, "a study of many trials, trial 123", kept=7))


def test_no_word_of_numbers_to_predict_is_cut() -> None:
    random = np.random.default_rng(0)
    names = tuple(f"the temperature of the outer wall number {k}, in kelvin" for k in range(5))
    true = random.normal(size=(60, 5)) * [1e-9, 1, 1e3, 1e5, 1e9]
    kept = Regression(names).evidence(true, true + random.normal(size=(60, 5)) * [1e-10, 1, 10, 1e5, 1e9])
    title = "a study of many trials, trial 123, validation"
    assert whole(residual_quantiles_figure({f"{title} {k}": kept for k in range(2)}, title))
    assert whole(target_histograms({"train": true, "validation": true, "test": true}, names, title))
    assert whole(number_map(true[:, :2], true[:, 4], names[0], title))


def whole(figure: Figure) -> bool:
    """Whether all that is drawn lies within the figure."""
    figure.draw_without_rendering()
    box = figure.get_tightbbox()
    width, height = figure.get_size_inches()
    return box.x0 > -_SLACK and box.y0 > -_SLACK and box.x1 < width + _SLACK and box.y1 < height + _SLACK
