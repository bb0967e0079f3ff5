"""The figures of a classifier's mistakes show the rows, counts and probabilities that follow from its output."""

import io

import numpy as np
import pytest
from PIL import Image

from analysis.figures.confusion import confusion_difference, confusion_view, difference_panel, view_panel
from analysis.figures.errors import (
    misclassified,
    one_against_rest_figure,
    pair_panels,
    probability_text,
    score_histograms,
    top_probabilities,
)
from analysis.figures.matrix import SIDE
from analysis.figures.style import png
from analysis.looks.images import GAP_COLOUR, Shades
from analysis.looks.predictions import (
    Predictions,
    most_confused,
    pair_rows,
    prediction_shares,
    score_histogram,
    top,
    truth_shares,
    truth_shares_without_diagonal,
)
from models.tasks.classification import one_against_rest

COUNTS = np.array([[90, 0, 10], [4, 46, 0], [0, 0, 0]])


def made_up(rows: int = 400, k: int = 4, seed: int = 1) -> tuple[np.ndarray, Predictions]:
    random = np.random.default_rng(seed)
    truth = random.integers(0, k, rows)
    scores = random.normal(size=(rows, k)) + 1.5 * np.eye(k)[truth]
    probabilities = np.exp(2 * scores) / np.exp(2 * scores).sum(axis=1, keepdims=True)
    images = random.integers(0, 256, (rows, 5, 5)).astype(np.uint8)
    return images, Predictions(probabilities.astype(np.float32), truth)


def tile(axes: object, row: int, column: int, side: int = 5, below: int = 0) -> np.ndarray:
    picture = np.asarray(axes.get_images()[0].get_array())  # type: ignore[attr-defined]
    top_, left = 1 + row * (side + 1 + below), 1 + column * (side + 1)
    return picture[top_ : top_ + side, left : left + side]


def test_predictions_are_counted_and_ranked_by_certainty() -> None:
    _, predictions = made_up()
    p, truth = predictions.probabilities, predictions.truth
    expected = np.zeros((4, 4), int)
    for row in range(400):
        expected[truth[row], p[row].argmax()] += 1
    assert (predictions.confusion == expected).all()
    wrong = predictions.wrong
    assert set(wrong) == set(np.flatnonzero(p.argmax(axis=1) != truth))
    assert (np.diff(p[wrong].max(axis=1)) <= 0).all()
    tied = Predictions(np.array([[0.6, 0.3, 0.1], [0.6, 0.1, 0.3], [1.0, 0.0, 0.0]]), np.array([1, 1, 0]))
    assert tied.wrong.tolist() == [1, 0]


def test_the_pair_and_its_four_groups() -> None:
    _, predictions = made_up()
    a, b = most_confused(predictions.confusion)
    both = predictions.confusion + predictions.confusion.T
    assert both[a, b] == max(both[i, j] for i in range(4) for j in range(i))
    for (truth, predicted), rows in pair_rows(predictions, a, b).items():
        assert len(rows) == predictions.confusion[truth, predicted]
        assert (predictions.truth[rows] == truth).all()
        assert (predictions.predicted[rows] == predicted).all()
        assert (np.diff(predictions.confidence[rows]) <= 0).all()
    assert most_confused(np.eye(3, dtype=int)) == (0, 1)
    with pytest.raises(ValueError, match="a and b must be two of the 4 classes, got 1 and 1"):
        pair_rows(predictions, 1, 1)


def test_shares_of_the_truth_and_of_the_prediction() -> None:
    nan = float("nan")
    by_truth = [[nan, 0, 10], [8, nan, 0], [nan, nan, nan]]
    np.testing.assert_array_almost_equal(truth_shares_without_diagonal(COUNTS), by_truth)
    np.testing.assert_array_almost_equal(truth_shares(COUNTS)[:2], [[90, 0, 10], [8, 92, 0]])
    by_prediction = [[9000 / 94, 0, 100], [400 / 94, 100, 0], [0, 0, 0]]
    np.testing.assert_array_almost_equal(prediction_shares(COUNTS), by_prediction)
    assert np.isnan(prediction_shares(COUNTS.T)[:, 2]).all()


def test_probabilities_must_be_probabilities() -> None:
    with pytest.raises(
        ValueError, match=r"probabilities must be \(rows, n_classes\).* got shape \(2, 2\) for 3 labels"
    ):
        Predictions(np.full((2, 2), 0.5), np.array([0, 1, 1]))
    with pytest.raises(ValueError, match="add to 1 in each row"):
        Predictions(np.full((1, 2), 0.6), np.array([0]))
    with pytest.raises(ValueError, match=r"labels must be in 0 \.\. 1, got 2 to 2"):
        Predictions(np.full((1, 2), 0.5), np.array([2]))


@pytest.mark.parametrize(
    ("view", "texts"),
    [
        ("counts", [["90", "", "10"], ["4", "46", ""], ["", "", ""]]),
        ("truth", [["", "", "10"], ["8.0", "", ""], ["", "", ""]]),
        ("prediction", [["96", "", "100"], ["4.3", "100", ""], ["", "", ""]]),
    ],
)
def test_each_view_of_a_confusion_matrix_writes_its_numbers_and_colours_its_cells(
    view: str, texts: list[list[str]]
) -> None:
    panel = view_panel(COUNTS, view)  # type: ignore[arg-type]
    assert panel.texts == texts
    found = cells(confusion_view(COUNTS, "abc", "t", view), 3)  # type: ignore[arg-type]
    assert np.abs(np.subtract(found, coloured(panel.levels, panel.ramp))).max() <= 3  # of 128 levels


def test_the_difference_of_two_matrices_is_signed_and_centred_at_white() -> None:
    after = np.array([[95, 1, 4], [4, 46, 0], [0, 0, 0]])
    panel = difference_panel(COUNTS, after, ("before", "after"))
    assert panel.texts == [["+5", "+1", "\u22126"], ["", "", ""], ["", "", ""]]
    assert panel.levels[0, 2] == 0.0
    assert panel.levels[0, 0] > 0.5 > panel.levels[0, 2]
    assert (panel.levels[1:] == 0.5).all()
    assert panel.heading == "after (0.9400) less before (0.9067), n = 150"
    picture = confusion_difference(COUNTS, after, "abc", "t")
    found = cells(picture, 3)
    assert np.abs(np.subtract(found, coloured(panel.levels, panel.ramp))).max() <= 3
    assert min(found[4]) > 240
    assert found[0][0] > found[0][2]
    assert found[2][2] > found[2][0]
    same = difference_panel(COUNTS, COUNTS, ("a", "b"))
    assert {text for row in same.texts for text in row} == {""}
    with pytest.raises(ValueError, match="must be of the same rows"):
        confusion_difference(COUNTS, COUNTS + 1, "abc", "t")


def cells(png: bytes, k: int) -> list[list[int]]:
    """The colour of every cell, row by row, read beside its number."""
    picture = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    top_, left, cell = 96, 110, SIDE // k
    return [picture[top_ + cell * i + 8, left + cell * j + 8].tolist() for i in range(k) for j in range(k)]


def coloured(levels: np.ndarray, ramp: np.ndarray) -> list[list[int]]:
    return [[225] * 3 if np.isnan(x) else ramp[int(x * 255)].tolist() for x in levels.ravel()]


@pytest.mark.parametrize("k", [2, 26, 60])
def test_numbers_of_26_classes_are_written(k: int) -> None:
    counts = np.full((k, k), 1234)
    picture = np.asarray(
        Image.open(io.BytesIO(confusion_view(counts, [f"class {c}" for c in range(k)], "t"))).convert("RGB")
    )
    first = picture[98 : 96 + (picture.shape[0] - 196) // k - 2, 112 : 110 + (picture.shape[1] - 188) // k - 2]
    assert (len(np.unique(first.reshape(-1, 3), axis=0)) > 3) == (k <= 26)


def test_misclassified_images_are_shown_surest_first_with_their_words() -> None:
    images, predictions = made_up()
    names = ["a", "b", "c", "a long name"]
    figure = misclassified(images, predictions, names, "trial 3", most=10)
    axes = figure.axes[0]
    below = (len(axes.get_images()[0].get_array()) - 1) // 2 - 6
    shades = Shades.of(images)
    for place, row in enumerate(predictions.wrong[:10]):
        assert (tile(axes, place // 8, place % 8, below=below) == shades.drawn(images[[row]])[0]).all()
        truth, guess = (names[c] for c in (predictions.truth[row], predictions.predicted[row]))
        assert axes.texts[place].get_text() == f"{truth}\n\u2192 {guess}\n{predictions.confidence[row]:.3f}"
    wrong = len(predictions.wrong)
    assert figure.get_suptitle() == f"trial 3: {wrong} of 400 images misclassified, the 10 surest"
    perfect = Predictions(np.eye(4)[predictions.truth], predictions.truth)
    assert misclassified(images, perfect, names, "t").get_suptitle() == "t: 0 of 400 images misclassified"
    assert png(misclassified(images, perfect, names, "t"))


def test_the_panels_of_a_pair_show_truth_in_rows_and_prediction_in_columns() -> None:
    images, predictions = made_up()
    figure = pair_panels(images, predictions, (1, 3), "abcd", "t", each=25)
    shades = Shades.of(images)
    words = []
    for axes, rows in zip(figure.axes, pair_rows(predictions, 1, 3).values(), strict=True):
        for place, row in enumerate(rows[:25]):
            assert (tile(axes, place // 5, place % 5) == shades.drawn(images[[row]])[0]).all()
        for place in range(len(rows), 25):
            assert (tile(axes, place // 5, place % 5) == GAP_COLOUR).all()
        words.append(axes.get_title(loc="left"))
    pairs = [(1, 1), (1, 3), (3, 1), (3, 3)]
    assert words == [f"true {'abcd'[a]}, predicted {'abcd'[b]}: {predictions.confusion[a, b]}" for a, b in pairs]
    assert png(pair_panels(images, predictions, (3, 1), "abcd", "t"))


@pytest.mark.parametrize("with_images", [True, False])
def test_the_highest_probabilities_of_chosen_rows(with_images: bool) -> None:
    images, predictions = made_up()
    rows = [*predictions.wrong[:2].tolist(), 7]
    inputs = images if with_images else images.reshape(len(images), -1)
    figure = top_probabilities(predictions, rows, "abcd", "t", inputs, k=3)
    bars = [axes for axes in figure.axes if axes.patches]
    assert len(figure.axes) == 3 + 3 * with_images
    for axes, row in zip(bars, rows, strict=True):
        classes, probabilities = top(predictions.probabilities[row], 3)
        assert classes.tolist() == np.argsort(-predictions.probabilities[row])[:3].tolist()
        assert [bar.get_width() for bar in axes.patches] == probabilities.tolist()
        named = ["abcd"[c] + f"  {probability_text(p)}" for c, p in zip(classes, probabilities, strict=True)]
        assert [text.get_text() for text in axes.texts] == named
        dark = [sum(bar.get_facecolor()[:3]) < 1 for bar in axes.patches]
        assert dark == (classes == predictions.truth[row]).tolist()
        assert ("misclassified" in axes.get_title(loc="left")) == (row in predictions.wrong)
    if with_images:
        shown = [axes for axes in figure.axes if axes.get_images()]
        for axes, row in zip(shown, rows, strict=True):
            assert (tile(axes, 0, 0) == Shades.of(images).drawn(images[[row]])[0]).all()
    assert png(top_probabilities(predictions, rows[:1], "abcd", "t", inputs, k=9))
    assert [probability_text(p) for p in (1.0, 0.9996, 0.9994, 0.0)] == ["1.000", "> 0.999", "0.999", "0.000"]


def test_counts_and_rates_of_each_class_against_the_rest() -> None:
    _, predictions = made_up()
    names = ["a", "b", "c", "d"]
    figure = one_against_rest_figure(predictions.confusion, names, "t")
    words, marks = figure.axes
    texts = [text.get_text() for text in words.texts]
    columns = [texts[i : i + 5] for i in range(0, len(texts), 5)]
    rows = one_against_rest(predictions.confusion)
    assert [column[0] for column in columns] == ["class", "TP", "FN", "FP", "TN", "recall", "precision", "FP rate"]
    assert columns[0][1:] == names
    for column, name in zip(
        columns[1:5], ("true_positives", "false_negatives", "false_positives", "true_negatives"), strict=True
    ):
        assert column[1:] == [str(getattr(row, name)) for row in rows]
    recall, precision = marks.get_lines()[:2]
    assert recall.get_xdata().tolist() == [row.recall for row in rows]
    assert precision.get_xdata().tolist() == [row.precision for row in rows]
    assert png(one_against_rest_figure(np.full((26, 26), 7), [f"class {k}" for k in range(26)], "t"))
    assert png(one_against_rest_figure(np.zeros((2, 2), int), "ab", "nothing"))
    with pytest.raises(ValueError, match="names must be as many as classes, 4, got 3"):
        one_against_rest_figure(predictions.confusion, "abc", "t")


def test_score_histograms_count_every_row_once_on_a_logarithmic_axis() -> None:
    _, predictions = made_up()
    found = score_histogram(predictions, 2, bins=10)
    scores, own = predictions.probabilities[:, 2], predictions.truth == 2
    for i in range(10):
        low, high = i / 10, (i + 1) / 10 if i < 9 else 1.1
        assert found.own[i] == np.sum(own & (scores >= low) & (scores < high))
        assert found.rest[i] == np.sum(~own & (scores >= low) & (scores < high))
    axes = score_histograms(predictions, 2, "abcd", "t").axes[0]
    drawn = score_histogram(predictions, 2)
    assert axes.get_yscale() == "log"
    assert {"1", "10", "100"} <= {label.get_text() for label in axes.get_yticklabels()}
    assert (axes.patches[1].get_data().values == drawn.rest).all()
    assert (axes.patches[2].get_data().values == drawn.own).all()
    assert f"class c (n = {own.sum()})" in [text.get_text() for text in axes.get_legend().get_texts()]
    assert png(score_histograms(Predictions(np.eye(2), np.array([0, 1])), 0, "ab", "t"))
    with pytest.raises(ValueError, match="k must be one of the 4 classes, got 4"):
        score_histogram(predictions, 4)
