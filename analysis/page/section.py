"""A section of a page: its pictures and sentences, as HTML and as files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from analysis.page import html

_LISTED = "sections.json"


@dataclass(frozen=True)
class Picture:
    """A PNG; `name` is its file's stem, `found` what a reader can point at."""

    name: str
    png: bytes
    caption: str
    found: tuple[html.Found, ...] = ()

    def part(self) -> str:
        """The picture as HTML."""
        return html.picture(self.name, self.png, self.caption, self.found)


@dataclass(frozen=True)
class Table:
    """Rows of cells below their heads."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[int, ...] = ()
    """The columns that are text, set to the left."""


@dataclass(frozen=True)
class Section:
    """A heading with sentences, a table of facts and pictures."""

    title: str
    pictures: tuple[Picture, ...] = ()
    words: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    tables: tuple[Table, ...] = ()

    def parts(self) -> Iterable[str]:
        """The section as HTML."""
        yield html.heading(self.title)
        if self.facts:
            yield html.table(["", ""], self.facts, words=(1,))
        yield from (html.paragraph(sentence) for sentence in self.words)
        for each in self.tables:
            yield from (html.paragraph(each.caption),) * bool(each.caption)
            yield html.table(each.head, each.rows, each.words)
        yield from (each.part() for each in self.pictures)


def section_files(sections: Sequence[Section]) -> dict[str, bytes]:
    """The pictures as files, and one that lists them: what `read_sections` reads."""
    files = {f"{each.name}.png": each.png for section in sections for each in section.pictures}
    listed = [
        {
            "title": section.title,
            "words": section.words,
            "tables": [asdict(each) for each in section.tables],
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
            tables=tuple(
                Table(one["caption"], tuple(one["head"]), tuple(map(tuple, one["rows"])), tuple(one["words"]))
                for one in each.get("tables", ())  # inspections of before there were tables have none
            ),
        )
        for each in json.loads((folder / _LISTED).read_text(encoding="utf-8"))
    ]


def page(title: str, top: Sequence[str], sections: Iterable[Section]) -> str:
    """One HTML page that opens offline; `top` are the sentences below its title."""
    parts = [html.heading(title, 1), *(html.paragraph(sentence) for sentence in top)]
    return html.page(title, [*parts, *(part for section in sections for part in section.parts())])
