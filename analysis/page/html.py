"""A self-contained HTML page: pictures as data, one style, one script, nothing fetched. It reads without the script."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from PIL import Image

from analysis.figures.matrix import COLUMNS

_FOLDER = Path(__file__).parent
_AN_INCH = 100  # CSS pixels at which a picture of known size is shown


@dataclass(frozen=True)
class Found:
    """What a reader can find on a picture."""

    points: tuple[tuple[float, float], ...]
    """On the picture, from its upper left corner: 0 to 1 to the right, 0 to 1 down."""
    words: str
    trial: int

    def to_json(self) -> dict[str, object]:
        """As the page's script reads it."""
        return {"points": self.points, "words": self.words, "trial": self.trial}


def page(title: str, parts: Iterable[str]) -> str:
    """The whole document."""
    body = "\n".join(parts)
    style, script = ((_FOLDER / name).read_text(encoding="utf-8") for name in ("page.css", "find.js"))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style></head>\n<body>\n{body}\n"
        f"<script>\n{script}</script>\n</body></html>\n"
    )


def heading(text: str, level: int = 2) -> str:
    """A heading."""
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph, with an optional class."""
    name = f' class="{kind}"' if kind else ""
    return f"<p{name}>{escape(text)}</p>"


def code(lines: Iterable[str]) -> str:
    """Lines to be copied as they stand; on a narrow page a long one goes on below itself."""
    return f"<pre>{escape(chr(10).join(lines))}</pre>"


def bullets(items: Iterable[str]) -> str:
    """A list of sentences."""
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"


def picture(name: str, png: bytes, caption: str, found: Sequence[Found] = ()) -> str:
    """A picture with its caption; the bytes stand in the page itself.

    A picture of several columns (its PNG says so) is shown with its columns side by side, or below each other where
    there is no room. What is `found` on the picture can be pointed at, or stepped through with the arrow keys.
    """
    with Image.open(io.BytesIO(png)) as opened:
        width, height = opened.size
        columns = int(opened.info.get(COLUMNS, 1))
        dots = opened.info.get("dpi", (0, 0))[0]
    shown = round(width / dots * _AN_INCH) if dots else width
    data = f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
    words, own = escape(name.replace("_", " ")), f"picture-{escape(name)}"
    if columns == 1:
        drawn = (
            f'<img alt="{words}" width="{width}" height="{height}" src="{data}" style="max-width:min(100%,{shown}px)">'
        )
    else:
        drawn = _columns(own, words, data, width, height, columns, shown)
    more = f'<script type="application/json">{_json([each.to_json() for each in found])}</script>' if found else ""
    kind = "columns" if columns > 1 else "one"
    return (
        f'<figure id="{own}" class="{kind}"><div class="card">{drawn}</div>'
        f"<figcaption>{escape(caption)}</figcaption>{more}</figure>"
    )


def _columns(own: str, words: str, data: str, width: int, height: int, columns: int, shown: int) -> str:
    """One image, referred to by a view of each column: its bytes stand in the page once."""
    wide = width / columns
    image = f'<image id="{own}-image" width="{width}" height="{height}" href="{data}"/>'
    views = (
        f'<svg role="img" aria-label="{words}, {k + 1} of {columns}" viewBox="{k * wide:g} 0 {wide:g} {height}" '
        f'style="max-width:{shown // columns}px">' + (image if k == 0 else f'<use href="#{own}-image"/>') + "</svg>"
        for k in range(columns)
    )
    return f'<div class="views of-{columns}">{"".join(views)}</div>'


def _json(value: object) -> str:
    """JSON within a page: no text in it ends the script."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")


def table(head: Sequence[str], rows: Iterable[Sequence[str]], words: Sequence[int] = ()) -> str:
    """A table; the columns in `words` are text, set to the left. On a narrow page each row is a block."""
    left = ' class="words"'
    top = "".join(f'<th scope="col"{left if k in words else ""}>{escape(cell)}</th>' for k, cell in enumerate(head))
    lines = []
    for row in rows:
        cells = (
            f'<td{left if k in words else ""} data-head="{escape(head[k])}">{escape(cell)}</td>'
            for k, cell in enumerate(row)
        )
        lines.append(f"<tr>{''.join(cells)}</tr>")
    if not any(head):
        return f'<table class="facts"><tbody>{"".join(lines)}</tbody></table>'
    return f"<table><thead><tr>{top}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def search(label: str, example: str) -> str:
    """A field that the page's script uses to show some rows of the folded table; hidden where no script runs."""
    return (
        f'<form class="find" hidden><label>{escape(label)} '
        f'<input type="search" placeholder="{escape(example)}" autocomplete="off" spellcheck="false"></label> '
        "<output></output></form>"
    )


def folded(summary: str, parts: Iterable[str], kind: str = "") -> str:
    """Parts that are shown on request, below their summary."""
    return f'<details class="{kind}"><summary>{escape(summary)}</summary>{"".join(parts)}</details>'
