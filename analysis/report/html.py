"""A self-contained HTML page: pictures as data, no script, nothing fetched."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1b1b1b; background: #fff;
       max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .3rem; } h2 { font-size: 1.2rem; margin-top: 2.2rem; }
.headline { font-size: 1.15rem; border-left: 4px solid #1f6fb2; padding: .3rem 0 .3rem 1rem; }
.quote { font-size: .95rem; background: #f3f6fa; padding: .5rem .8rem; }
table { border-collapse: collapse; font-size: .9rem; margin: .8rem 0; display: block;
        overflow-x: auto; }
th, td { border-bottom: 1px solid #d5d5d5; padding: .25rem .8rem .25rem 0; text-align: right;
         vertical-align: top; white-space: nowrap; }
th { white-space: normal; } th.words { text-align: left; }
th:first-child, td:first-child { text-align: left; } th { border-bottom: 2px solid #888; }
td.words { text-align: left; max-width: 24rem; white-space: normal; overflow-wrap: anywhere; }
pre { font-size: .85rem; overflow-x: auto; }
figure { margin: 1rem 0; } img { max-width: 100%; height: auto; }
figcaption, .small { font-size: .88rem; color: #444; }
"""


def page(title: str, parts: Iterable[str]) -> str:
    """The whole document."""
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def heading(text: str, level: int = 2) -> str:
    """A heading."""
    return f"<h{level}>{escape(text)}</h{level}>"


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph, with an optional class."""
    name = f' class="{kind}"' if kind else ""
    return f"<p{name}>{escape(text)}</p>"


def preformatted(text: str) -> str:
    """Text whose columns stand below each other."""
    return f"<pre>{escape(text)}</pre>"


def bullets(items: Iterable[str]) -> str:
    """A list of sentences."""
    return "<ul>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>"


def picture(name: str, png: bytes, caption: str) -> str:
    """A picture with its caption; the bytes stand in the page itself."""
    data = base64.b64encode(png).decode("ascii")
    return (
        f'<figure><img alt="{escape(name)}" src="data:image/png;base64,{data}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]], words: Sequence[int] = ()) -> str:
    """A table; the columns in `words` are text, set to the left."""
    left = ' class="words"'
    top = "".join(f"<th{left if k in words else ''}>{escape(cell)}</th>" for k, cell in enumerate(head))
    lines = []
    for row in rows:
        cells = (
            f'<td class="words">{escape(cell)}</td>' if k in words else f"<td>{escape(cell)}</td>"
            for k, cell in enumerate(row)
        )
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><thead><tr>{top}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
