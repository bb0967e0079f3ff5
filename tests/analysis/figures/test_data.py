"""The figures of a data set draw its numbers: counts, means, the nearest and farthest images, histograms."""

import io

import numpy as np
import pytest
from PIL import Image

from analysis.figures.data import (
    CAPTIONS,
    class_counts_figure,
    class_examples,
    data_figures,
    mean_histograms_figure,
    mean_images,
    target_histograms,
    typical_images,
    value_histograms_figure,
)
from analysis.figures.style import png
from analysis.looks.classes import class_counts, class_means, examples, mean_histograms, typicality, value_histograms
from analysis.looks.images import GAP_COLOUR, Shades
from tests.analysis.made_up import made_up_images

NAMES = ["zero", "one", "two"]


def tile(picture: np.ndarray, row: int, column: int, height: int, width: int) -> np.ndarray:
    """The tile at a place of a mosaic with gaps of one pixel."""
    top, left = 1 + row * (height + 1), 1 + column * (width + 1)
    return picture[top : top + height, left : left + width]


def shown(axes: object) -> np.ndarray:
    return np.asarray(axes.get_images()[0].get_array())  # type: ignore[attr-defined]


def test_counts_examples_and_means_are_what_numpy_gives() -> None:
    images, labels = made_up_images()
    assert class_counts({"train": labels[:7]}, 4)["train"].tolist() == [3, 2, 2, 0]
    means = class_means(images, labels, 4)
    assert means.shape == (4, 6, 5)
    for k in range(3):
        assert means[k] == pytest.approx(images[labels == k].mean(axis=0))
    assert np.isnan(means[3]).all()
    drawn = examples(labels, 4, 5, seed=1)
    assert [set(labels[rows]) for rows in drawn] == [{0}, {1}, {2}, set()]
    assert [len(set(rows)) for rows in drawn] == [5, 5, 5, 0]
    again, other = examples(labels, 4, 5, seed=1), examples(labels, 4, 5, seed=2)
    assert all((a == b).all() for a, b in zip(drawn, again, strict=True))
    assert any((a != b).any() for a, b in zip(drawn, other, strict=True))


def test_typical_rows_are_by_distance_not_by_the_mean_of_signed_differences() -> None:
    """As much ink as the mean, but in the wrong place: the farthest image, and the nearest one by signed means."""
    images, labels = made_up_images()
    images = images.astype(float)
    own = np.flatnonzero(labels == 0)
    odd = own[7]
    images[odd] = np.roll(np.delete(images[own], 7, axis=0).mean(axis=0), 3, axis=0)
    found = typicality(images, labels, 3, each=4)
    distances = [np.linalg.norm(images[row] - found.means[labels[row]]) for row in range(len(images))]
    assert found.distances == pytest.approx(distances)
    for k in range(3):
        rows = np.flatnonzero(labels == k)
        ordered = rows[np.argsort(found.distances[rows])]
        assert found.nearest[k].tolist() == ordered[:4].tolist()
        assert found.farthest[k].tolist() == ordered[::-1][:4].tolist()
    assert found.farthest[0][0] == odd
    signed = np.abs((images[own] - found.means[0]).mean(axis=(1, 2)))
    assert own[signed.argmin()] == odd


@pytest.mark.parametrize("kind", ["uint8", "int16", "float32"])
def test_histograms_hold_every_value_once(kind: str) -> None:
    random = np.random.default_rng(2)
    values = random.integers(-20 if kind == "int16" else 0, 200, (5000, 3)).astype(kind)
    for histogram in (value_histograms({"train": values})["train"], mean_histograms({"train": values})["train"]):
        assert histogram.shares.sum() == pytest.approx(1.0)
    histogram = value_histograms({"train": values, "test": values[:10] // 2})["train"]
    assert histogram.counts.sum() == values.size
    expected = [
        ((values >= low) & (values < high)).sum()
        for low, high in zip(histogram.edges[:-1], [*histogram.edges[1:-1], np.inf], strict=True)
    ]
    assert histogram.counts.tolist() == expected


def test_the_counts_figure_draws_the_counts() -> None:
    labels = {"train": np.array([0, 0, 1, 2, 2, 2]), "test": np.array([2, 2])}
    figure = class_counts_figure(labels, NAMES, "made up")
    train, test = figure.axes
    assert [bar.get_width() for bar in train.patches] == [2, 1, 3]
    assert [bar.get_width() for bar in test.patches] == [0, 0, 2]
    assert [text.get_text() for text in train.texts] == [" 2 (33.3%)", " 1 (16.7%)", " 3 (50.0%)"]
    assert [label.get_text() for label in train.get_yticklabels()] == NAMES
    assert test.get_title(loc="left") == "test: 2"


@pytest.mark.parametrize("channels", [(), (1,), (3,)])
def test_pictures_of_classes_show_the_right_images(channels: tuple[int, ...]) -> None:
    images, labels = made_up_images(shape=(6, 5, *channels))
    shades = Shades.of(images)

    axes = class_examples(images, labels, NAMES, "t", each=4, seed=5).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == NAMES
    for k, rows in enumerate(examples(labels, 3, 4, seed=5)):
        for place, row in enumerate(rows):
            assert (tile(shown(axes), k, place, 6, 5) == shades.drawn(images[[row]])[0]).all()

    axes = mean_images(images, labels, NAMES, "t").axes[0]
    means = shades.drawn(class_means(images, labels, 3))
    for k, text in enumerate(axes.texts):
        assert (tile(shown(axes), 0, k, 6, 5) == means[k]).all()
        assert text.get_text() == f"{NAMES[k]}\nn = 20"

    panels = typical_images(images, labels, NAMES, "t", each=2).axes
    found = typicality(images, labels, 3, 2)
    for k in range(3):
        assert (tile(shown(panels[0]), k, 0, 6, 5) == means[k]).all()
        for axes, rows in ((panels[1], found.nearest), (panels[2], found.farthest)):
            for place in range(2):
                assert (tile(shown(axes), k, place, 6, 5) == shades.drawn(images[rows[k]])[place]).all()


def test_a_class_with_too_few_images_leaves_its_places_empty() -> None:
    images, labels = made_up_images(7)
    axes = class_examples(images, labels, [*NAMES, "none"], "t", each=3).axes[0]
    picture = shown(axes)
    for k, count in enumerate([3, 2, 2, 0]):
        empty = [(tile(picture, k, place, 6, 5) == GAP_COLOUR).all() for place in range(3)]
        assert empty == [False] * count + [True] * (3 - count)
    assert (tile(shown(mean_images(images, labels, [*NAMES, "none"], "t").axes[0]), 0, 3, 6, 5) == GAP_COLOUR).all()


def test_histogram_figures_draw_shares_and_turn_logarithmic_where_needed() -> None:
    images, _ = made_up_images(300)
    figure = mean_histograms_figure({"train": images, "test": images[:30]}, "t")
    axes = figure.axes[0]
    expected = mean_histograms({"train": images, "test": images[:30]})
    steps = [patch.get_data() for patch in axes.patches]
    assert steps[0].values == pytest.approx(100 * expected["train"].shares)
    assert steps[2].values == pytest.approx(100 * expected["test"].shares)
    assert (steps[0].edges == expected["train"].edges).all()
    assert axes.get_yscale() == "linear"
    mostly_black = np.where(np.random.default_rng(1).random((300, 6, 5)) < 0.01, images, 0)
    axes = value_histograms_figure({"train": mostly_black}, "t").axes[0]
    assert axes.get_yscale() == "log"
    assert axes.patches[0].get_data().values[0] == pytest.approx(
        100 * value_histograms({"train": mostly_black})["train"].shares[0]
    )


def test_all_figures_of_images_and_of_features() -> None:
    images, labels = made_up_images()
    parts = {"train": labels[:40], "validation": labels[40:50], "test": labels[50:]}
    inputs = {"train": images[:40], "validation": images[40:50], "test": images[50:]}
    figures = data_figures(inputs, parts, NAMES, "made up")
    assert set(figures) == set(CAPTIONS) - {"target_histograms"}
    for figure in figures.values():
        assert Image.open(io.BytesIO(png(figure))).format == "PNG"
    flat = {part: values.reshape(len(values), -1) / 7 for part, values in inputs.items()}
    assert set(data_figures(flat, parts, NAMES, "features")) == {"class_counts", "mean_histograms", "value_histograms"}


def test_wrong_labels_are_refused() -> None:
    images, labels = made_up_images()
    with pytest.raises(ValueError, match=r"labels must be in 0 \.\. 1, got 0 to 2"):
        class_means(images, labels, 2)
    with pytest.raises(ValueError, match="labels must be a whole number a row, got float64"):
        class_counts({"train": labels / 2}, 3)


def test_histograms_of_numbers_to_predict_are_shares_of_each_part_and_say_what_they_leave_out() -> None:
    random = np.random.default_rng(0)
    train = np.column_stack([np.append(random.normal(50, 10, 300), 9000.0), *random.normal(size=(5, 301))])
    figure = target_histograms({"train": train, "test": train[:80]}, [f"target {k}" for k in range(6)], "t")
    assert figure.get_suptitle() == "t: numbers to predict, the first 4 of 6"
    assert [axes.get_title(loc="left") for axes in figure.axes][:2] == ["target 0 (1 row beyond the axis)", "target 1"]
    for axes in figure.axes:
        _filled, *outlines = axes.patches
        assert [patch.get_data().values.sum() for patch in outlines] == pytest.approx([100, 100])
        assert axes.get_xlim()[1] < 200
