"""The predictions of a regression and its largest residuals, as sections: from the evidence that each trial keeps."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from analysis.figures.data import MOST_TARGETS
from analysis.figures.inside import CAPTIONS as INSIDE
from analysis.figures.inside import number_map
from analysis.figures.regression import CAPTIONS, predictions_picture, residual_quantiles_figure
from analysis.figures.style import png
from analysis.looks.embedding import can_embed, embed
from analysis.looks.residuals import Evidence
from analysis.page.elements import Picture, Table
from analysis.page.section import Section
from analysis.report.sections import VALIDATION_ROWS
from models.core import names
from models.core.rounding import plain_score
from models.data.served import BOOLEAN, CATEGORY, Column
from models.data.splits import Split
from models.networks.logged_network import Inspection
from models.tasks.metrics import METRICS

_MOST_DIGITS = 9


@dataclass(frozen=True)
class VersusResiduals:
    """Another trial on the same data."""

    title: str
    kept: Mapping[str, Any]
    """The trial's evidence of the test part, which all trials on one data set share."""


def residuals_section(
    evidence: Evidence,
    scores: Mapping[str, float],
    title: str,
    split: Split | None = None,
    part: str = "validation",
    versus: VersusResiduals | None = None,
) -> Section:
    """The network's scores, its residuals and its worst rows. `scores` are by name, as `test_rmse`.

    The worst rows are rows of `part`, or of the only part of the evidence; with the `split` of a table all of their
    columns are shown.
    """
    part = part if part in evidence else next(iter(evidence))
    words = [
        f"{_said(each)}: " + ", ".join(f"{name} {plain_score(value)}" for name, value in _of(scores, each)) + "."
        for each in evidence
    ]
    if part == "validation":
        words.append(VALIDATION_ROWS)
    pictures = [
        Picture("predictions", predictions_picture(evidence, title), CAPTIONS["predictions"]),
        _quantiles("residual_quantiles", evidence, title),
    ]
    if versus is not None:
        both = {title: evidence["test"], versus.title: versus.kept}
        pictures.append(_quantiles("residual_quantiles_versus", both, "test part, two trials"))
    return Section("Errors", tuple(pictures), tuple(words), tables=tuple(_worst(part, evidence[part], split)))


def inside_section(found: Inspection, split: Split, part: str, title: str) -> Section:
    """The last hidden layer's features of the sampled rows of `part`."""
    if not (found.hidden and can_embed(found.hidden[-1])):
        return Section("Inside", (), ("The last hidden layer has too few different values to place rows in a plane.",))
    truth, points = split.labels[part][found.sample], embed(found.hidden[-1])
    targets = split.target.names or ("true number",)
    pictures = tuple(
        Picture(
            "number_map" if len(targets) == 1 else f"number_map_{k + 1}",
            png(number_map(points, truth[:, k], name, title)),
            INSIDE["number_map"],
        )
        for k, name in enumerate(targets[:MOST_TARGETS])
    )
    return Section("Inside", pictures, (f"Of {len(found.sample):,} rows of the {part} part, drawn at random.",))


def _quantiles(name: str, evidence: Evidence, title: str) -> Picture:
    return Picture(name, png(residual_quantiles_figure(evidence, title)), CAPTIONS["residual_quantiles"])


def _of(scores: Mapping[str, float], part: str) -> Iterator[tuple[str, float]]:
    """The labels and the values of the scores of one part."""
    prefix = names.PREFIXES.get(part, names.VAL)
    for name, metric in METRICS.items():
        if prefix + name in scores:
            yield metric.label, scores[prefix + name]


def _said(part: str) -> str:
    return part.replace("_", " ").capitalize()


def _worst(part: str, kept: Mapping[str, Any], split: Split | None) -> Iterator[Table]:
    """A table a target: its worst rows, with their numbers in the part, the largest residual first."""
    columns = [column.name for column in split.columns] if split is not None and part in split.inputs else []
    for target in kept["targets"]:
        worst = [(row["row"], row["true"], row["predicted"]) for row in target["worst"]]
        digits = _digits(max((abs(predicted - true) for _, true, predicted in worst), default=0.0))
        rows = tuple(
            (
                str(row),
                *(_number(value, digits) for value in (true, predicted, predicted - true)),
                *_raw(split, part, row),
            )
            for row, true, predicted in worst
        )
        caption = f"{_said(part)}, the worst predictions of {target['name']}:"
        yield Table(("row", "true", "predicted", "less", *columns), rows, caption=caption)


def _digits(largest: float) -> int | None:
    """Digits behind the point that show four digits of the largest residual; None where a power of ten reads better."""
    if not math.isfinite(largest) or largest >= 1e15:
        return None
    digits = max(3 - math.floor(math.log10(largest)), 0) if largest > 0 else 3
    return digits if digits <= _MOST_DIGITS else None


def _number(value: float, digits: int | None) -> str:
    return f"{value:.6g}" if digits is None else f"{value:,.{digits}f}"


def _raw(split: Split | None, part: str, row: int) -> list[str]:
    """The cells of a row of the user's table, categories by their names."""
    if split is None or not split.columns or part not in split.inputs:
        return []
    return [_cell(column, float(value)) for column, value in zip(split.columns, split.inputs[part][row], strict=True)]


def _cell(column: Column, value: float) -> str:
    if math.isnan(value):
        return "-"
    if column.kind == CATEGORY:
        return column.categories[int(value)] if value >= 0 else "(unknown)"
    return str(bool(value)).lower() if column.kind == BOOLEAN else f"{value:.6g}"
