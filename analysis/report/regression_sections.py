"""What a regression predicts and where it is far off, as sections: from the evidence that every trial keeps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from analysis.figures.regression import CAPTIONS, MOST_TARGETS, Evidence, feature_map, predictions_picture
from analysis.looks.embedding import can_embed, embed
from analysis.report.section import Picture, Section
from models.core import names
from models.core.rounding import plain_score
from models.data.served import BOOLEAN, CATEGORY, Column
from models.data.splits import Split
from models.networks.logged_network import Inspection
from models.tasks.metrics import METRICS


def predictions_picture_of(evidence: Evidence, title: str) -> Picture:
    """Predicted against true, and residuals."""
    return Picture("predictions", predictions_picture(evidence, title), CAPTIONS["predictions"])


def residuals_section(
    evidence: Evidence, scores: Mapping[str, float], title: str, heading: str = "Errors", split: Split | None = None
) -> Section:
    """Where a network is far off; `scores` by name, as `test_rmse`. Of a table's `split` the worst rows stand whole."""
    words = tuple(
        f"{part.capitalize()}: " + ", ".join(f"{name} {plain_score(value)}" for name, value in _of(scores, part)) + "."
        for part in evidence
    )
    lines = [line for part, kept in evidence.items() for line in _listed(part, kept, split)]
    return Section(heading, (predictions_picture_of(evidence, title),), words, listing="\n".join(lines))


def inside_section(found: Inspection, split: Split, part: str, title: str) -> Section:
    """What the last hidden layer makes of the sampled rows of `part`."""
    words = [f"Of {len(found.sample):,} rows of the {part} part, drawn at random."]
    if not (found.hidden and can_embed(found.hidden[-1])):
        return Section("Inside", (), (*words, "The last hidden layer has too little to place in a plane."))
    values = split.labels[part][found.sample]
    points, targets = embed(found.hidden[-1]), split.target.names or ("true number",)
    pictures = [
        Picture(
            "feature_map" if len(targets) == 1 else f"feature_map_{k + 1}",
            feature_map(points, values[:, k], name, title),
            CAPTIONS["feature_map"],
        )
        for k, name in enumerate(targets[:MOST_TARGETS])
    ]
    return Section("Inside", tuple(pictures), tuple(words))


def _of(scores: Mapping[str, float], part: str) -> Iterator[tuple[str, float]]:
    prefix = names.PREFIXES.get(part, names.VAL)
    for name, metric in METRICS.items():
        if prefix + name in scores:
            yield metric.label, scores[prefix + name]


def _listed(part: str, kept: Mapping[str, Any], split: Split | None) -> Iterator[str]:
    for target in kept["targets"]:
        quantiles = ", ".join(f"{share:.0%} {plain_score(value)}" for share, value in target["residual_quantiles"])
        yield f"{part}, {target['name']}: quantiles of predicted less true: {quantiles}"
        rows = [
            [str(one["row"]), plain_score(one["true"]), plain_score(one["predicted"]),
             plain_score(one["predicted"] - one["true"]), *_raw(split, part, one["row"])]
            for one in target["worst"]
        ]  # fmt: skip
        columns = [] if split is None or part not in split.inputs else [column.name for column in split.columns]
        yield from _aligned([["row", "true", "predicted", "less", *columns], *rows])
        yield ""


def _raw(split: Split | None, part: str, row: int) -> list[str]:
    """A table's own columns of a row, words as words."""
    if split is None or not split.columns or part not in split.inputs:
        return []
    return [_cell(column, float(value)) for column, value in zip(split.columns, split.inputs[part][row], strict=True)]


def _cell(column: Column, value: float) -> str:
    if math.isnan(value):
        return "-"
    if column.kind == CATEGORY:
        return column.categories[int(value)] if value >= 0 else "(unknown)"
    return str(bool(value)).lower() if column.kind == BOOLEAN else f"{value:.6g}"


def _aligned(cells: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
    for row in cells:
        yield "  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
