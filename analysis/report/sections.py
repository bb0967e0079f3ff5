"""The sections that the pages of a study and of a trial share: the data, learning curves, confusion matrices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.figures import data as figures_data
from analysis.figures.confusion import confusion_picture
from analysis.figures.network import CAPTIONS as NETWORK
from analysis.figures.network import learning_curves
from analysis.figures.style import png
from analysis.looks.images import is_image
from analysis.page.elements import Picture
from analysis.page.section import Section
from models.core.suggestions import listed
from models.data.splits import PARTS, Split

VALIDATION_ROWS = (
    "Single rows are of the validation part: whoever looks at single test rows and then changes something has chosen "
    "by them."
)


def data_section(split: Split, title: str) -> Section:
    """The three parts of the data. Single images are of the training part, so that nobody learns from test images."""
    classes = split.target.class_names
    if not split.n_classes:
        return _numbers_section(split, title)
    if split.columns:  # columns have many units, and gaps: a histogram over all of them means nothing
        drawn = {"class_counts": figures_data.class_counts_figure(split.labels, classes, title)}
    else:
        drawn = figures_data.data_figures(split.inputs, split.labels, classes, title)
    remark = () if is_image(split.input_shape) else ("The inputs are no images: there are none to show.",)
    pictures = tuple(
        Picture(name, png(drawn[name]), words) for name, words in figures_data.CAPTIONS.items() if name in drawn
    )
    return Section("Data", pictures, remark, _facts(split, "classes", f"{split.n_classes}: {listed(classes)}"))


def _numbers_section(split: Split, title: str) -> Section:
    """The data of a regression."""
    targets = split.target.names or ("the number to predict",)
    drawn = figures_data.target_histograms(split.labels, targets, title)
    picture = Picture("target_histograms", png(drawn), figures_data.CAPTIONS["target_histograms"])
    return Section("Data", (picture,), (), _facts(split, "to predict", listed(targets)))


def _facts(split: Split, what: str, said: str) -> tuple[tuple[str, str], ...]:
    if split.columns:
        row = f"{len(split.columns)} columns: {listed(column.name for column in split.columns)}"
    else:
        row = f"{' x '.join(str(size) for size in split.input_shape)} of {split.input_dtype}"
    return (
        ("rows: " + ", ".join(PARTS), ", ".join(f"{split.rows(part):,}" for part in PARTS)),
        ("a row", row),
        (what, said),
        ("SHA-256", split.data_sha256),
    )


def training_picture(
    epochs: Mapping[int, Mapping[str, float]], kept: int, monitor: str, title: str, objective: str = ""
) -> Picture:
    """The learning curves; `epochs` holds the metrics of each epoch, counted from 1."""
    drawn = learning_curves(epochs, title, kept, monitor, objective)
    return Picture("learning_curves", png(drawn), NETWORK["learning_curves"])


def confusion_picture_of(
    matrices: Mapping[str, NDArray[np.int64]], title: str, classes: Sequence[str] | None = None
) -> Picture:
    """Counts and shares of the true class, of the "validation" and the "test" part."""
    names = [str(k) for k in range(len(matrices["test"]))] if classes is None else classes
    caption = "Rows are the truth, columns what the network took it for; colours grow with the square root."
    return Picture("confusion", confusion_picture(matrices, names, title), caption)
