"""The report's sections on the best of N: averages, limits, test scores, and the gain of more trials."""

from __future__ import annotations

from analysis.estimates.best_of_n import CONFIDENCE
from analysis.estimates.doubling import DoublingGain
from analysis.page.elements import Bullets, Element, Paragraph, Table
from analysis.report.contents import Report
from analysis.report.sentences import curve_rows, more_sentences, reach_sentence, reasons
from models.core.rounding import score_digits

_LEVEL = f"{CONFIDENCE:.0%} interval"
_HEADS = {
    "best_val": ("validation, best of N", f"its {_LEVEL}"),
    "best_val_at_least": (f"the same, one-sided {CONFIDENCE:.0%}",),
    "test_of_best": ("test, of that trial", f"the test score's {_LEVEL}"),
    "median_best_val": ("median, validation", _LEVEL),
    "best_val_proven": (f"validation, best of N: proven {_LEVEL}",),
    "best_val_assumed_tail": (f"validation, best of N: {_LEVEL} under the assumption",),
    "best_val_upper_bound": ("validation, pruned trials perfect", _LEVEL),
    "gap": ("validation less test", _LEVEL),
    "gap_net_of_1": ("net of N = 1", _LEVEL),
}


def averages(report: Report) -> list[Element]:
    """What a search of N trials reaches on average, on validation and on test."""
    result = report.result
    parts: list[Element] = [_table(report, "best_val", "best_val_at_least", "test_of_best"), *_flagged(report)]
    if "best_val_at_least" in result.curves:
        parts.append(Paragraph(_INTERVALS, "small"))
    own = f", and the interval of this network's test {result.objective.label}" * result.objective.proportion
    if result.found.test is not None:
        found = f"the trial found (trial {result.found.number}: its own scores{own})"
        parts.append(Paragraph(f"The row of the most trials is {found}.", "small"))
    parts.append(Bullets(reasons(result.curves, _there(report, "best_val", "test_of_best"))))
    errors = result.test_standard_error
    if errors:
        words = (
            f"The test set has {report.table.test_rows:,} rows: the standard error of a test accuracy here is up to "
            f"{max(errors.values()):.4f}. All trials share it, it does not shrink with more trials, and the intervals "
            "of averages do not contain it."
        )
        parts.append(Paragraph(words, "small"))
    return parts


def details(report: Report) -> list[Element]:
    """Proven limits, which are wider, limits under an assumption, which are narrower, and the median."""
    parts: list[Element] = []
    for words, shown in (
        (_PROVEN, ("best_val_proven",)),
        (_ASSUMED, ("best_val_assumed_tail",)),
        (_MEDIAN, ("median_best_val",)),
        ("Pruned trials counted as perfect: an upper bound.", ("best_val_upper_bound",)),
    ):
        if _there(report, *shown) and report.result.curves[shown[0]]:
            parts += [Paragraph(words), _table(report, *shown)]
    return parts


def gap(report: Report) -> list[Element]:
    """How much lower the selected trial scores on test than on validation."""
    if "gap" not in report.result.curves:
        return []
    return [
        _table(report, "gap", "gap_net_of_1"),
        Bullets(reasons(report.result.curves, ("gap", "gap_net_of_1"))),
    ]


def planning(report: Report) -> list[Element]:
    """The gain of more trials, and how many trials a target takes."""
    parts: list[Element] = [Bullets(more_sentences(report.result))]
    if report.reaches:
        parts += [Paragraph(report.targets), Bullets([reach_sentence(reach) for reach in report.reaches])]
    return parts + _doublings(report.doublings, report.result.objective.label)


def _doublings(found: tuple[DoublingGain, ...], label: str) -> list[Element]:
    if not found:
        return []
    rows = [[f"{one.n} to {2 * one.n}", f"{one.gain:.{score_digits(one.gain or 0.0) + 1}f}"] for one in found]
    words = (
        "Averages, without intervals: none was shown to hold for a difference. Gains beyond these N cannot be judged "
        "from this pool; they are no larger if the gain of a doubling does not grow."
    )
    return [
        Table(["doubling the trials", f"bought in best validation {label}"], rows),
        Paragraph(words, "small"),
    ]


def _there(report: Report, *shown: str) -> tuple[str, ...]:
    return tuple(name for name in shown if name in report.result.curves)


def _table(report: Report, *shown: str) -> Table:
    there = _there(report, *shown)
    return Table(["N", *(cell for name in there for cell in _HEADS[name])], curve_rows(report.result, there))


def _flagged(report: Report) -> list[Element]:
    if not report.result.flags:
        return []
    return [Paragraph("All intervals here are flagged:"), Bullets(report.result.flags)]


_INTERVALS = (
    "The interval is Gaffke's, carried from the mean to the best of N; its coverage is shown by simulation, not "
    "proven. Its better end is wide where a perfect score is far from all scores seen; the one-sided limit "
    "tells what many trials establish."
)
_PROVEN = (
    "Proven limits: from a band around the whole distribution of one trial's score, so they hold for all N together. "
    "They are wider than the interval above."
)
_ASSUMED = (
    "Limits under an assumption: no configuration is further above the best one seen than four times the distance from "
    "the best one down to the next few. Without the assumption the interval above holds."
)
_MEDIAN = "The median of the best of N, whose interval holds for any distribution of scores:"
