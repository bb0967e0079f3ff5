"""Sections of pictures about data and one trained network, for the pages of a study and of a trial."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from analysis.figures import data as figures_data
from analysis.figures.confusion import confusion_picture
from analysis.figures.network import CAPTIONS as NETWORK
from analysis.figures.network import learning_curves
from analysis.looks.images import is_image
from analysis.report import html
from models.data.splits import PARTS, Split

_LISTED = "sections.json"


@dataclass(frozen=True)
class Picture:
    """A PNG; `name` is its file's stem."""

    name: str
    png: bytes
    caption: str


@dataclass(frozen=True)
class Section:
    """A heading with sentences, a table of facts and pictures."""

    title: str
    pictures: tuple[Picture, ...] = ()
    words: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    listing: str = ""
    """Text whose columns stand below each other."""

    def parts(self) -> Iterable[str]:
        """The section as HTML."""
        yield html.heading(self.title)
        if self.facts:
            yield html.table(["", ""], self.facts, words=(1,))
        yield from (html.paragraph(sentence) for sentence in self.words)
        if self.listing:
            yield html.preformatted(self.listing)
        yield from (html.picture(each.name, each.png, each.caption) for each in self.pictures)


def class_names(n_classes: int) -> list[str]:
    """What figures call the classes 0 .. n_classes - 1."""
    return [str(k) for k in range(n_classes)]


def data_section(split: Split, title: str) -> Section:
    """What the three parts hold. Single images are of the training part: test images are not to be learnt from."""
    drawn = figures_data.data_figures(split.inputs, split.labels, class_names(split.n_classes), title)
    shape = " x ".join(str(size) for size in split.input_shape)
    facts = [
        ("rows: " + ", ".join(PARTS), ", ".join(f"{split.rows(part):,}" for part in PARTS)),
        ("a row", f"{shape} of {split.input_dtype}"),
        ("classes", str(split.n_classes)),
        ("SHA-256", split.data_sha256),
    ]
    remark = () if is_image(split.input_shape) else ("The inputs are no images: there are none to show.",)
    pictures = tuple(
        Picture(name, drawn[name], words) for name, words in figures_data.CAPTIONS.items() if name in drawn
    )
    return Section("Data", pictures, remark, tuple(facts))


def training_picture(epochs: Mapping[int, Mapping[str, float]], kept: int, monitor: str, title: str) -> Picture:
    """The learning curves: `epochs` from 1, each with its metrics."""
    return Picture("learning_curves", learning_curves(epochs, title, kept, monitor), NETWORK["learning_curves"])


def confusion_picture_of(matrices: Mapping[str, NDArray[np.int64]], title: str) -> Picture:
    """Counts and shares of the true class, of the "validation" and the "test" part."""
    names = class_names(len(matrices["test"]))
    caption = "Rows are the truth, columns what the network took it for; colours grow with the square root."
    return Picture("confusion", confusion_picture(matrices, names, title), caption)


def section_files(sections: Sequence[Section]) -> dict[str, bytes]:
    """The pictures as files, and one that lists them: what `read_sections` reads."""
    files = {f"{each.name}.png": each.png for section in sections for each in section.pictures}
    listed = [
        {
            "title": section.title,
            "words": section.words,
            "listing": section.listing,
            "pictures": {each.name: each.caption for each in section.pictures},
        }
        for section in sections
    ]
    return files | {_LISTED: json.dumps(listed, indent=1).encode()}


def read_sections(folder: Path) -> list[Section]:
    """The sections that `section_files` wrote into a folder, without their facts."""
    return [
        Section(
            title=each["title"],
            pictures=tuple(
                Picture(name, (folder / f"{name}.png").read_bytes(), caption)
                for name, caption in each["pictures"].items()
            ),
            words=tuple(each["words"]),
            listing=each["listing"],
        )
        for each in json.loads((folder / _LISTED).read_text(encoding="utf-8"))
    ]


def page(title: str, top: Sequence[str], sections: Iterable[Section]) -> str:
    """One HTML page that opens offline; `top` are the sentences below its title."""
    parts = [html.heading(title, 1), *(html.paragraph(sentence) for sentence in top)]
    return html.page(title, [*parts, *(part for section in sections for part in section.parts())])
