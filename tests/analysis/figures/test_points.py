"""Panels of points: the marks at the axes, the points beyond them, and any set of numbers is drawn."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image

from analysis.figures.points import Line, Panel, marks, places, points_picture

NAMES = ("true", "predicted")


def pixels(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.mark.parametrize(
    ("low", "high", "texts", "power"),
    [
        (0.0, 1.0, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"], 0),
        (-3.2, 5.1, ["−2", "0", "2", "4"], 0),
        (149.8, 150.2, ["149.8", "149.9", "150.0", "150.1", "150.2"], 0),
        (0.0, 99_999.0, ["0", "20,000", "40,000", "60,000", "80,000"], 0),
        (1e-4, 3e-4, ["100", "150", "200", "250", "300"], -6),
        (0.0, 2e7, ["0", "5", "10", "15", "20"], 6),
        (1e6 - 1.2, 1e6 + 1.2, ["0.9999990", "0.9999995", "1.0000000", "1.0000005", "1.0000010"], 6),
        (-1.9e-300, 1.9e-300, ["−1", "0", "1"], -300),
        (-1e308, 1e308, ["−100", "−50", "0", "50", "100"], 306),
    ],
)
def test_an_axis_is_marked_by_round_numbers_that_can_be_read(
    low: float, high: float, texts: list[str], power: int
) -> None:
    found = marks(low, high, 6)
    assert (list(found.texts), found.power) == (texts, power)


def test_marks_stand_where_their_numbers_lie() -> None:
    random = np.random.default_rng(0)
    for size, power in itertools.product((1.0, -1.0), (-310, -40, -5, 0, 3, 12, 300)):
        low, high = np.sort(size * random.random(2) * 10.0**power).tolist()
        found = marks(low, high, 6)
        assert 2 <= len(found.texts) <= 8
        for place, text in zip(found.places, found.texts, strict=True):
            number = float(text.replace("−", "-").replace(",", "")) * 10.0 ** min(found.power, 300)
            number *= 10.0 ** (found.power - min(found.power, 300))
            assert float(places(np.array([number]), (low, high))[0]) == pytest.approx(place, abs=1e-6)
            assert -1e-6 <= place <= 1 + 1e-6


def test_points_beyond_an_axis_are_counted_and_stand_at_its_border() -> None:
    x, y = np.array([0.5, 0.2, 7.0, 0.4]), np.array([0.5, -3.0, 0.5, np.inf])
    panel = Panel("p", x, y, (0.0, 1.0), (0.0, 1.0), NAMES)
    assert panel.beyond.tolist() == [False, True, True, True]
    inside = Panel("p", x[:1], y[:1], (0.0, 1.0), (0.0, 1.0), NAMES)
    drawn, without = (pixels(points_picture([[each]], "t")) for each in (panel, inside))
    assert drawn.shape == without.shape
    rows, columns = np.nonzero((drawn != without).any(axis=2))
    assert np.ptp(rows) > 230  # from the upper border, and the words above it, to the lower one
    assert np.ptp(columns) > 150
    middle = (drawn != without).any(axis=2)[100:300, 110:320]
    assert not middle.any()


def test_lines_and_points_lie_where_they_should() -> None:
    ends = (0.0, 10.0)
    diagonal = Line((0.0, 0.0), (10.0, 10.0))
    with_line = Panel("", np.array([]), np.array([]), ends, ends, NAMES, (diagonal,))
    with_points = Panel("", np.arange(1.0, 10.0), np.arange(1.0, 10.0), ends, ends, NAMES)
    empty = Panel("", np.array([]), np.array([]), ends, ends, NAMES)
    line, points, nothing = (pixels(points_picture([[each]], "t")) for each in (with_line, with_points, empty))
    rows, columns = np.nonzero((line != nothing).any(axis=2))
    assert np.abs((rows - rows.min()) + (columns - columns.max())).max() <= 3
    on = (points != nothing).any(axis=2)
    assert on.sum() > 9 * 12
    middle_row, middle_column = (int(np.median(each)) for each in np.nonzero(on))
    assert (line != nothing).any(axis=2)[middle_row, middle_column]


def test_no_word_is_cut_at_the_border_however_long_the_names_and_numbers() -> None:
    big = np.array([-123456.789e9, 987654.321e9])
    near = np.array([123456.7890123, 123456.7890129])
    heading, names = "a heading that is longer than its panel is wide " * 2, ("x" * 90, "y" * 90)
    panels = [
        [Panel(heading, big, big, (big[0], big[1]), (big[0], big[1]), names)],
        [Panel("", near, near, (near[0], near[1]), (near[0], near[1]), NAMES)],
    ]
    drawn = pixels(points_picture(panels, "a title " * 30))
    for border in (drawn[:2], drawn[-2:], drawn[:, :2], drawn[:, -2:]):
        assert (border == 255).all()
