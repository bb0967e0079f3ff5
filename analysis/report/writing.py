"""The report of a study on disk: figures, best_of_n.json and one HTML page that opens offline."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from analysis.reading.pool import Use
from analysis.reading.table import TrialTable
from analysis.report.contents import make_report
from analysis.report.page import report_page
from analysis.report.section import Section


def write_report(
    table: TrialTable,
    folder: Path,
    at: Sequence[int] | None = None,
    *,
    use: Use = "prefix",
    targets: Sequence[float] | None = None,
    asked: Sequence[float] | None = None,
    assume_tail: bool = False,
    versus: TrialTable | None = None,
    confirm: TrialTable | None = None,
    sections: Sequence[Section] = (),
) -> list[Path]:
    """Write the figures, best_of_n.json and report.html into `folder`, and return their paths.

    Everything is computed before the folder is made: bad input leaves nothing behind. `targets` are the scores to reach
    that the study named before it had data, `asked` those named now. `assume_tail` adds the interval that rests on an
    assumption. `versus` adds a comparison with another study, `confirm` the second look at the best trials, `sections`
    what stands at its end.
    """
    report = make_report(
        table,
        at,
        use=use,
        targets=targets,
        asked=asked,
        assume_tail=assume_tail,
        versus=versus,
        confirm=confirm,
        sections=sections,
    )
    page = report_page(report)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    pictures = {name: png for name, (png, _) in report.pictures.items()}
    pictures |= {each.name: each.png for section in sections for each in section.pictures}
    for name, png in pictures.items():
        path = folder / f"{name}.png"
        path.write_bytes(png)
        written.append(path)
    numbers = folder / "best_of_n.json"
    numbers.write_text(json.dumps(report.result.to_json(), indent=1, allow_nan=False) + "\n")
    page_file = folder / "report.html"
    page_file.write_text(page, encoding="utf-8")
    return [*written, numbers, page_file]
