"""The report of a study on disk: figures, numbers as JSON and one HTML page that opens offline."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.page import html
from analysis.page.elements import Element
from analysis.report.contents import Report, StudyReport
from analysis.report.page import report_parts


def write_report(report: Report, folder: Path) -> list[Path]:
    """Write the figures, best_of_n.json and report.html into `folder`, made if need be, and return their paths."""
    return write_files(report, report_parts(report), {"best_of_n.json": report.result.to_json()}, folder)


def write_files(
    report: StudyReport, parts: Sequence[Element], numbers: Mapping[str, Mapping[str, Any]], folder: Path
) -> list[Path]:
    """Write the report's pictures, its `numbers` by the names of their files, and the page of these parts.

    Returns:
        The paths of all files.
    """
    page = html.page(f"Study {report.table.study}", parts)
    pictures = [*report.pictures.values(), *(each for section in report.sections for each in section.pictures)]
    files = {f"{picture.name}.png": picture.png for picture in pictures}
    files |= {name: f"{json.dumps(each, indent=1, allow_nan=False)}\n".encode() for name, each in numbers.items()}
    files["report.html"] = page.encode()
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]
