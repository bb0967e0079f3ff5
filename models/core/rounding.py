"""Rounding: the deviation that rounding alone can cause, and the number of digits that a score is written with."""

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

import numpy as np
from numpy.typing import NDArray


def is_constant(
    deviation: NDArray[np.float64] | float, size: NDArray[np.float64] | float, rows: int
) -> NDArray[np.bool_]:
    """Whether `rows` equal numbers as large as `size` can have this deviation by rounding: a mean of 0.1s is not 0.1.

    The mean of n equal numbers, summed one after another in float64, errs by at most n eps times their size.
    """
    return np.asarray(deviation <= rows * np.finfo(np.float64).eps * size)


def plain_score(score: float) -> str:
    """A score of unknown error: four digits behind the point, fewer for numbers of 10 and more."""
    return f"{score:.{score_digits(score)}f}"


def outwards(value: float, digits: int, down: bool) -> str:
    """A limit with `digits` digits behind the point, rounded to the side on which the limit still holds."""
    step = Decimal(1).scaleb(-digits)
    return str(Decimal(repr(float(value))).quantize(step, ROUND_FLOOR if down else ROUND_CEILING))


def score_digits(score: float) -> int:
    """The number of digits behind the point in `plain_score`."""
    size = abs(score)
    return 4 if size < 10 or not math.isfinite(size) else max(4 - int(math.log10(size)), 0)
