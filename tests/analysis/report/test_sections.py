"""Sections of pictures: each network and data set has its pictures, and sections come back from their files."""

from pathlib import Path

import numpy as np
import pytest

from analysis.page.elements import Picture
from analysis.page.section import Section, read_sections, section_files
from analysis.report.network_sections import Versus, errors_section, inside_section, network_section, predictions_of
from analysis.report.sections import data_section
from models.data.dataset import Dataset
from models.data.sources import load_dataset
from models.data.splits import Split, split_dataset
from models.networks.layers import Layer
from models.networks.logged_network import Inspection

EPOCHS = {1: {"loss": 1.0, "accuracy": 0.5, "val_loss": 0.9, "val_accuracy": 0.6}}
LAYERS = (Layer("flatten", "Flatten", (64,), 0, 0), Layer("output", "Dense, softmax", (10,), 650, 0))


@pytest.fixture(scope="module")
def images() -> Split:
    return split_dataset(load_dataset("digits"), 0.2, seed=1)


@pytest.fixture(scope="module")
def table() -> Split:
    """Three classes of six features that are no image."""
    labels = np.arange(240) % 3
    inputs = np.random.default_rng(0).normal(size=(240, 6)) + labels[:, None]
    return split_dataset(Dataset("table", "made up", inputs, labels, inputs, labels), 0.25, seed=1)


def made_up(split: Split, *widths: int, **further: np.ndarray) -> Inspection:
    """A network that is right four times in five, with hidden layers of these widths."""
    random = np.random.default_rng(4)
    probabilities = {}
    for part in ("validation", "test"):
        truth = split.labels[part]
        guess = np.where(random.random(len(truth)) < 0.8, truth, random.integers(split.n_classes, size=len(truth)))
        scores = random.random((len(truth), split.n_classes))
        scores[np.arange(len(truth)), guess] += 1
        probabilities[part] = (scores / scores.sum(axis=1, keepdims=True)).astype(np.float32)
    sample = np.arange(0, split.rows("validation"), 2)
    hidden = tuple(random.random((len(sample), width)).astype(np.float32) for width in widths)
    return Inspection(probabilities, sample, hidden, LAYERS, **further)


def names(section: Section) -> list[str]:
    return [each.name for each in section.pictures]


def test_errors_of_images_are_shown_with_the_images(images: Split) -> None:
    predictions = predictions_of(made_up(images), images)
    section = errors_section(predictions, images, "validation", (3, 5), None, "t")
    assert names(section) == [
        "confusion", "confusion_by_truth", "confusion_by_prediction", "one_against_rest", "misclassified", "pair",
        "scores_3", "scores_5", "top_probabilities",
    ]  # fmt: skip
    shares = [np.mean(each.predicted == each.truth) for each in predictions.values()]
    said = f"Validation accuracy {shares[0]:.4f} (287 rows), test accuracy {shares[1]:.4f} (360 rows)."
    assert section.words[0] == said
    assert len(section.words) == 2


def test_the_pair_is_the_one_most_often_confused_unless_it_is_asked_for(table: Split) -> None:
    predictions = predictions_of(made_up(table), table)
    confusion = predictions["test"].confusion
    both = {(a, b): confusion[a, b] + confusion[b, a] for a, b in ((0, 1), (0, 2), (1, 2))}
    a, b = max(both, key=lambda each: both[each])
    section = errors_section(predictions, table, "test", None, None, "t")
    assert names(section) == [
        "confusion", "confusion_by_truth", "confusion_by_prediction", "one_against_rest",
        f"scores_{a}", f"scores_{b}", "top_probabilities",
    ]  # fmt: skip
    assert len(section.words) == 1  # of the test part there is no warning about the test part


def test_another_trials_errors_are_subtracted_on_the_test_part(table: Split) -> None:
    predictions = predictions_of(made_up(table), table)
    versus = Versus("other", np.diag(np.bincount(table.labels["test"])))
    assert names(errors_section(predictions, table, "validation", None, versus, "t"))[-1] == "confusion_difference"


def test_layers_of_one_and_two_nodes_are_drawn_and_wider_last_ones_placed_in_a_plane(images: Split) -> None:
    def inside(*widths: int) -> list[str]:
        return names(inside_section(made_up(images, *widths), images, "validation", "t"))

    assert inside(1) == ["activation_boxes_1"]
    assert inside(12, 2) == ["activation_scatter_2"]
    assert inside(2, 12) == ["activation_scatter_1", "feature_map"]


def test_dead_features_are_said_and_not_drawn(images: Split) -> None:
    found = made_up(images, 12)
    found.hidden[0][:] = 0
    section = inside_section(found, images, "validation", "t")
    assert not section.pictures
    assert "gives the same values to nearly all rows" in section.words[0]


def test_a_forests_pixels_are_drawn_where_the_inputs_are_images(images: Split, table: Split) -> None:
    ranked = {"importances": np.full(64, 1 / 64), "chosen": np.arange(5)}
    assert "forest_importances" in names(inside_section(made_up(images, 2, **ranked), images, "validation", "t"))
    ranked = {"importances": np.full(6, 1 / 6), "chosen": np.arange(5)}
    assert "forest_importances" not in names(inside_section(made_up(table, 2, **ranked), table, "test", "t"))


def test_the_data_section_counts_rows_and_shows_images_only_where_there_are_some(images: Split, table: Split) -> None:
    shown = data_section(images, "digits")
    facts = dict(shown.facts)
    assert facts["rows: train, validation, test"] == "1,150, 287, 360"
    assert facts["a row"] == "8 x 8 of uint8"
    assert "mean_images" in names(shown)
    plain = data_section(table, "table")
    assert plain.words == ("The inputs are no images: there are none to show.",)
    assert names(plain) == ["class_counts", "mean_histograms", "value_histograms"]


def test_sections_come_back_from_their_files(tmp_path: Path) -> None:
    sections = [
        network_section(LAYERS, EPOCHS, 1, "val_loss", "t"),
        Section("Errors", (Picture("a", b"\x89PNG", "<of> a"),), ("One.", "Two.")),
    ]
    for name, content in section_files(sections).items():
        (tmp_path / name).write_bytes(content)
    assert read_sections(tmp_path) == sections
    assert sections[0].tables[0].rows[-1][-1] == "650"
