"""What a page is made of, as data: the macro of each element's name in elements.html writes the element as HTML."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image

from analysis.figures.matrix import COLUMNS

_AN_INCH = 100  # CSS pixels at which a picture of known size is shown


@dataclass(frozen=True)
class Heading:
    """The heading of a section."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; `kind` is a class of page.css: "headline", "quote", "small", or none."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Bullets:
    """A list of sentences."""

    items: Sequence[str]


@dataclass(frozen=True)
class Code:
    """Lines to be copied as they stand; on a narrow page a long line is broken."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Facts:
    """Pairs of what is told and its value, a row each; on a narrow page the value stands below."""

    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Table:
    """Rows of cells below their heads; on a narrow page each row is a block."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    words: Sequence[int] = ()
    """The columns that are text, set to the left."""
    caption: str = ""
    """A sentence above the table."""


@dataclass(frozen=True)
class Found:
    """A place on a picture that a reader can point at."""

    points: tuple[tuple[float, float], ...]
    """From the picture's upper left corner: 0 to 1 to the right, 0 to 1 down."""
    words: str
    trial: int


@dataclass(frozen=True)
class Measures:
    """A picture's size in pixels, its columns, and the width in CSS pixels at which the picture is shown."""

    width: int
    height: int
    columns: int
    shown: int


@dataclass(frozen=True)
class Picture:
    """A PNG with its caption; its bytes stand in the page itself.

    `name` is the stem of the picture's file. A picture of several columns (its PNG says so) is shown with its columns
    side by side, or below each other where there is no room. The script of the page lets a reader point at what is
    `found` on the picture, or step through it with the arrow keys.
    """

    name: str
    png: bytes
    caption: str
    found: tuple[Found, ...] = ()

    @property
    def measures(self) -> Measures:
        """Read from the PNG."""
        with Image.open(io.BytesIO(self.png)) as opened:
            width, height = opened.size
            columns = int(opened.info.get(COLUMNS, 1))
            dots = opened.info.get("dpi", (0, 0))[0]
        return Measures(width, height, columns, round(width / dots * _AN_INCH) if dots else width)

    @property
    def address(self) -> str:
        """The bytes as a data URL."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode('ascii')}"


@dataclass(frozen=True)
class Search:
    """A field that shows some rows of the folded table of trials; hidden where the page's script does not run."""

    label: str
    example: str


@dataclass(frozen=True)
class Folded:
    """Parts that are shown on request, below their summary; `kind` is their class."""

    summary: str
    parts: Sequence[Element]
    kind: str


Element = Heading | Paragraph | Bullets | Code | Facts | Table | Picture | Search | Folded
