"""Sections and elements of a page as HTML."""

import io
import json
import re

import numpy as np
from PIL import Image

from analysis.figures.style import png_of
from analysis.page import html
from analysis.page.section import Picture, Section, Table, page


def picture(columns: int = 1) -> bytes:
    return png_of(np.full((20, 60, 4), 255, np.uint8), columns, 200)


def test_a_page_escapes_words_and_keeps_cells() -> None:
    listed = Table("Rows & more", ("layer", "size"), (("<in>", "1"),), words=(0,))
    section = Section("<b>", (Picture("a", picture(), "<of> a"),), ("a < b",), (("x", "1"),), (listed,))
    text = page("T & t", ["top"], [section])
    for words in (
        "T &amp; t",
        "<h2>&lt;b&gt;</h2>",
        "a &lt; b",
        "&lt;of&gt; a",
        "Rows &amp; more",
        "&lt;in&gt;",
        "top",
    ):
        assert words in text
    assert '<td data-head="size">1</td>' in text
    assert "<b>" not in text.replace("<body>", "")


def test_what_is_found_on_a_picture_cannot_end_its_script() -> None:
    text = html.picture("a", picture(), "c", [html.Found(((0.5, 0.5),), "</script><b>", 3)])
    data = re.search(r'<script type="application/json">(.*)</script>', text)
    assert data is not None
    assert json.loads(data[1]) == [{"points": [[0.5, 0.5]], "words": "</script><b>", "trial": 3}]
    assert text.count("</script>") == 1


def test_columns_of_a_picture_are_views_of_one_image() -> None:
    text = html.picture("a", picture(3), "c")
    assert re.findall(r'viewBox="([^"]*)"', text) == ["0 0 20 20", "20 0 20 20", "40 0 20 20"]
    assert text.count("base64") == 1
    assert "<svg" not in html.picture("a", picture(1), "c")


def test_a_picture_is_shown_at_half_its_pixels() -> None:
    assert "max-width:min(100%,30px)" in html.picture("a", picture(), "c")
    without = io.BytesIO()
    Image.new("RGB", (60, 20)).save(without, "png")
    assert "max-width:min(100%,60px)" in html.picture("a", without.getvalue(), "c")
