"""A self-contained HTML page: pictures as data, one style, one script, nothing fetched. It reads without the script."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from analysis.page.elements import Element, Paragraph
from analysis.page.section import Section

_FOLDER = Path(__file__).parent


def sections_page(title: str, top: Iterable[str], sections: Iterable[Section]) -> str:
    """A page of sections; the sentences of `top` stand below its title."""
    return page(title, [*map(Paragraph, top), *(part for section in sections for part in section.parts())])


def page(title: str, parts: Iterable[Element]) -> str:
    """The whole document: page.html with the title, the parts, page.css and find.js. All texts are escaped."""
    style, script = (Markup((_FOLDER / name).read_text(encoding="utf-8")) for name in ("page.css", "find.js"))
    return _templates().get_template("page.html").render(title=title, parts=parts, style=style, script=script)


@cache
def _templates() -> Environment:
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters["element"] = _element
    made.policies["json.dumps_kwargs"] = {"default": asdict, "separators": (",", ":")}
    return made


def _element(each: Element) -> Markup:
    """The element as HTML, by the macro of its class's name."""
    macros = _templates().get_template("elements.html").module
    return Markup(getattr(macros, type(each).__name__.lower())(each))
