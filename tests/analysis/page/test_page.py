"""A page as HTML: every element of it, and texts that look like HTML themselves."""

import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import get_args

import numpy as np
from PIL import Image

from analysis.figures.style import png_of
from analysis.page import elements
from analysis.page.elements import Element, Found, Picture
from analysis.page.html import page, sections_page
from analysis.page.section import Section

HOSTILE = '</script><script>alert("\'&")</script>{{ 7 * 7 }}'


def png(columns: int = 1) -> bytes:
    return png_of(np.full((20, 60, 4), 255, np.uint8), columns, 200)


def every_element(text: str) -> list[Element]:
    """One of each class, with the text wherever an element has room for one."""
    picture = Picture(text, png(), text, (Found(((0.5, 0.25),), text, 3),))
    return [
        elements.Heading(text),
        elements.Paragraph(text, text),
        elements.Bullets([text]),
        elements.Code([text]),
        elements.Facts([(text, text)]),
        elements.Table([text, text], [(text, text)], words=(0,), caption=text),
        picture,
        replace(picture, png=png(3)),
        elements.Search(text, text),
        elements.Folded(text, [elements.Paragraph(text)], text),
    ]


class Parsed(HTMLParser):
    """The tags and the texts of a page, without its own style and script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.texts: list[str] = []
        self.feed(text.partition("<body>")[2].rpartition("<script>")[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [value or "" for _, value in attrs]

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def test_every_class_of_element_has_its_macro_and_keeps_its_text() -> None:
    plain = every_element("plain")
    assert {type(each) for each in plain} == set(get_args(Element))
    for each in plain:
        assert "plain" in page("title", [each]).partition("<body>")[2], type(each)


def test_texts_that_look_like_html_change_no_tag_and_come_back_whole() -> None:
    hostile, plain = (Parsed(page(text, every_element(text))) for text in (HOSTILE, "plain"))
    assert hostile.tags == plain.tags
    assert hostile.texts.count(HOSTILE) == plain.texts.count("plain") > 10
    assert (
        sum(HOSTILE in value for value in hostile.attributes) == sum("plain" in each for each in plain.attributes) > 8
    )


def test_the_places_on_a_picture_are_data_that_cannot_end_their_script() -> None:
    text = page("t", [Picture("a", png(), "c", (Found(((0.5, 0.5),), HOSTILE, 3),))])
    data = re.search(r'<script type="application/json">(.*)</script>', text)
    assert data is not None
    assert json.loads(data[1]) == [{"points": [[0.5, 0.5]], "words": HOSTILE, "trial": 3}]


def test_a_table_has_its_heads_at_each_cell_and_its_words_set_to_the_left() -> None:
    text = page("t", [elements.Table(["layer", "size"], [("<in>", "1")], words=(0,), caption="Rows & more")])
    for part in (
        "<p>Rows &amp; more</p>",
        '<th scope="col" class="words">layer</th>',
        '<td class="words" data-head="layer">&lt;in&gt;</td>',
        '<td data-head="size">1</td>',
    ):
        assert part in text


def test_columns_of_a_picture_are_views_of_one_image() -> None:
    text = page("t", [Picture("a", png(3), "c")])
    assert re.findall(r'viewBox="([^"]*)"', text) == ["0 0 20 20", "20 0 20 20", "40 0 20 20"]
    assert text.count("base64") == 1
    assert "<svg" not in page("t", [Picture("a", png(1), "c")])


def test_a_picture_is_shown_at_half_its_pixels() -> None:
    assert Picture("a", png(), "c").measures.shown == 30
    without = io.BytesIO()
    Image.new("RGB", (60, 20)).save(without, "png")
    assert "max-width:min(100%,60px)" in page("t", [Picture("a", without.getvalue(), "c")])


def test_a_section_shows_facts_sentences_tables_and_pictures_in_this_order() -> None:
    listed = elements.Table(("layer",), (("in",),), caption="Layers:")
    section = Section("Network", (Picture("a", png(), "c"),), ("A sentence.",), (("x", "1"),), (listed,))
    assert [type(part) for part in section.parts()] == [
        elements.Heading, elements.Facts, elements.Paragraph, elements.Table, Picture,
    ]  # fmt: skip
    text = sections_page("Trial 3", ["On top."], [section])
    assert re.findall(r"<(?:h1|h2|p)>(.*?)</", text) == ["Trial 3", "On top.", "Network", "A sentence.", "Layers:"]
