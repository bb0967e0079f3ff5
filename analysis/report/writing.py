"""The report of a study on disk: figures, best_of_n.json and one HTML page that opens offline."""

from __future__ import annotations

import json
from pathlib import Path

from analysis.report.contents import Report
from analysis.report.page import report_page


def write_report(report: Report, folder: Path) -> list[Path]:
    """Write the figures, best_of_n.json and report.html into `folder`, made if need be, and return their paths."""
    page = report_page(report)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    pictures = [*report.pictures.values(), *(each for section in report.sections for each in section.pictures)]
    for picture in pictures:
        path = folder / f"{picture.name}.png"
        path.write_bytes(picture.png)
        written.append(path)
    numbers = folder / "best_of_n.json"
    numbers.write_text(json.dumps(report.result.to_json(), indent=1, allow_nan=False) + "\n")
    page_file = folder / "report.html"
    page_file.write_text(page, encoding="utf-8")
    return [*written, numbers, page_file]
