"""A section of a page: its pictures and sentences, as elements of the page and as files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from analysis.page.elements import Element, Facts, Heading, Paragraph, Picture, Table

_LISTED = "sections.json"


@dataclass(frozen=True)
class Section:
    """A heading with a table of facts, sentences, tables and pictures, shown in this order."""

    title: str
    pictures: tuple[Picture, ...] = ()
    words: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    tables: tuple[Table, ...] = ()

    def parts(self) -> Iterator[Element]:
        """The section as elements of a page."""
        yield Heading(self.title)
        if self.facts:
            yield Facts(self.facts)
        yield from map(Paragraph, self.words)
        yield from self.tables
        yield from self.pictures


def section_files(sections: Sequence[Section]) -> dict[str, bytes]:
    """The pictures as files, and the file that lists them, which `read_sections` reads."""
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
                Table(tuple(one["head"]), tuple(map(tuple, one["rows"])), tuple(one["words"]), one["caption"])
                for one in each.get("tables", ())  # older inspections have no tables
            ),
        )
        for each in json.loads((folder / _LISTED).read_text(encoding="utf-8"))
    ]
