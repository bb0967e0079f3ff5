"""Rounding: what it alone can leave of a deviation that is none, and with how many digits a score is written."""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np
from numpy.typing import NDArray


def is_constant(
    deviation: NDArray[np.float64] | float, size: NDArray[np.float64] | float, rows: int
) -> NDArray[np.bool_]:
    """Whether a deviation is one that `rows` equal numbers as large as `size` can have: a mean of 0.1s is not 0.1.

    The mean of n equal numbers, summed one after another in float64, errs by at most n eps times their size.
    """
    return np.asarray(deviation <= rows * np.finfo(np.float64).eps * size)


def plain_score(score: float) -> str:
    """A score without an error to go by: four digits behind the point, fewer of numbers of 10 and more."""
    return f"{score:.{score_digits(score)}f}"


def outwards(value: float, digits: int, down: bool) -> str:
    """A limit with so many digits behind the point, rounded to the side on which it still holds."""
    step = Decimal(1).scaleb(-digits)
    return str(Decimal(repr(float(value))).quantize(step, ROUND_FLOOR if down else ROUND_CEILING))


def score_digits(score: float) -> int:
    """The digits behind the point that `plain_score` gives."""
    size = abs(score)
    return 4 if size < 10 or not math.isfinite(size) else max(4 - int(math.log10(size)), 0)
