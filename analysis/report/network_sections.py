"""A trained network, its mistakes and its hidden layers, as sections of pictures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.figures import confusion as figures_confusion
from analysis.figures import errors as figures_errors
from analysis.figures import inside as figures_inside
from analysis.figures import network as figures_network
from analysis.figures.style import png
from analysis.looks.embedding import can_embed, embed
from analysis.looks.images import is_image
from analysis.looks.predictions import Predictions, most_confused
from analysis.page.elements import Picture, Table
from analysis.page.section import Section
from analysis.report.sections import VALIDATION_ROWS, confusion_picture_of, training_picture
from models.data.splits import Split
from models.networks.layers import Layer
from models.networks.logged_network import Inspection

HESITANT = 8  # rows whose likeliest classes are shown


@dataclass(frozen=True)
class Versus:
    """Another trial on the same data."""

    title: str
    confusion: NDArray[np.int64]
    """(n_classes, n_classes), rows the truth: of the test part, which all trials on one data set share."""


def predictions_of(found: Inspection, split: Split) -> dict[str, Predictions]:
    """For "validation" and "test": the network's probabilities beside the truth."""
    return {part: Predictions(found.probabilities[part], split.labels[part]) for part in found.probabilities}


def network_section(
    layers: tuple[Layer, ...],
    epochs: Mapping[int, Mapping[str, float]],
    kept: int,
    monitor: str,
    title: str,
    objective: str = "",
) -> Section:
    """The layers from the raw inputs on, and the learning curves.

    `epochs` holds the metrics of each epoch, counted from 1; the weights of the epoch `kept` are the network's, chosen
    by `monitor`.
    """
    drawn = figures_network.layers_figure(layers, title)
    layered = Picture("layers", png(drawn), figures_network.CAPTIONS["layers"])
    pictures = (layered, training_picture(epochs, kept, monitor, title, objective))
    head = ("layer", "type", "output shape", "parameters")
    listed = Table(head, figures_network.layers_rows(layers), words=(1,))
    return Section("Network", pictures, (figures_network.totals_sentence(layers),), tables=(listed,))


def errors_section(
    predictions: Mapping[str, Predictions],
    split: Split,
    part: str,
    pair: tuple[int, int] | None,
    versus: Versus | None,
    title: str,
) -> Section:
    """The network's mistakes: confusion matrices of both parts, and of `part` single rows and two classes side by side.

    `pair`: the two classes; None: the two that are taken for each other most often.
    """
    own = predictions[part]
    a, b = most_confused(own.confusion) if pair is None else pair
    accuracies = ", ".join(
        f"{name} accuracy {np.mean(each.predicted == each.truth):.4f} ({len(each.truth):,} rows)"
        for name, each in predictions.items()
    )
    words = [f"{accuracies[0].upper()}{accuracies[1:]}."]
    if part == "validation":
        words.append(VALIDATION_ROWS)
    matrices = {name: each.confusion for name, each in predictions.items()}
    pictures = [confusion_picture_of(matrices, title, split.target.class_names)]
    pictures += _of_part(own, split, part, a, b, f"{title}, {part}")
    if versus is not None:
        names = split.target.class_names
        both = (versus.title, title)
        drawn = figures_confusion.confusion_difference(
            versus.confusion, predictions["test"].confusion, names, "test part: what differs", both
        )
        pictures.append(Picture("confusion_difference", drawn, figures_confusion.CAPTIONS["difference"]))
    return Section("Errors", tuple(pictures), tuple(words))


def _of_part(own: Predictions, split: Split, part: str, a: int, b: int, title: str) -> Iterator[Picture]:
    """The pictures of one part: rates of each class, single images, and the classes a and b."""
    names, inputs, images = split.target.class_names, split.inputs[part], is_image(split.input_shape)
    captions = figures_confusion.CAPTIONS | figures_errors.CAPTIONS
    for view in ("truth", "prediction"):
        matrix = figures_confusion.confusion_view(own.confusion, names, title, view)
        yield Picture(f"confusion_by_{view}", matrix, captions[view])
    drawn = figures_errors.one_against_rest_figure(own.confusion, names, title)
    yield Picture("one_against_rest", png(drawn), captions["one_against_rest"])
    if images:
        drawn = figures_errors.misclassified(inputs, own, names, title)
        yield Picture("misclassified", png(drawn), captions["misclassified"])
        drawn = figures_errors.pair_panels(inputs, own, (a, b), names, title)
        yield Picture("pair", png(drawn), captions["pair_panels"])
    for k in (a, b):
        drawn = figures_errors.score_histograms(own, k, names, title)
        yield Picture(f"scores_{k}", png(drawn), captions["score_histogram"])
    hesitant = np.argsort(own.confidence, kind="stable")[:HESITANT].tolist()
    drawn = figures_errors.top_probabilities(own, hesitant, names, title, inputs if images else None)
    caption = f"What the network was least sure of. {captions['top_probabilities']}"
    yield Picture("top_probabilities", png(drawn), caption)


def inside_section(found: Inspection, split: Split, part: str, title: str) -> Section:
    """The hidden layers' activations for the sampled rows of `part`."""
    names, captions = split.target.class_names, figures_inside.CAPTIONS
    truth = split.labels[part][found.sample]
    predicted = found.probabilities[part][found.sample].argmax(axis=1)
    pictures = []
    for number, activations in enumerate(found.hidden, start=1):
        where = f"{title}, hidden layer {number}" if len(found.hidden) > 1 else title
        if activations.shape[1] == 1:
            drawn = figures_inside.activation_boxes(activations, predicted, truth, names, where)
            pictures.append(Picture(f"activation_boxes_{number}", png(drawn), captions["activation_boxes"]))
        if activations.shape[1] == 2:
            drawn = figures_inside.activation_scatter(activations, predicted, truth, names, where)
            pictures.append(Picture(f"activation_scatter_{number}", png(drawn), captions["activation_scatter"]))
    words = [f"Of {len(found.sample):,} rows of the {part} part, drawn at random."]
    if found.hidden and can_embed(found.hidden[-1]):
        points = embed(found.hidden[-1])
        drawn = figures_inside.feature_map(points, predicted, truth, names, title)
        pictures.append(Picture("feature_map", png(drawn), captions["feature_map"]))
    elif not pictures:
        words = [
            "The last hidden layer gives the same values to nearly all rows: there is nothing to place in a plane."
        ]
    example = split.inputs["train"][0]
    grey = is_image(split.input_shape) and np.squeeze(example).ndim == 2
    if found.importances is not None and found.chosen is not None and grey:
        drawn = figures_inside.forest_importances(found.importances, found.chosen, example, title)
        pictures.append(Picture("forest_importances", png(drawn), captions["forest_importances"]))
    return Section("Inside", tuple(pictures), tuple(words))
