"""What rounding alone can leave of a deviation that is none."""

import numpy as np
from numpy.typing import NDArray


def is_constant(
    deviation: NDArray[np.float64] | float, size: NDArray[np.float64] | float, rows: int
) -> NDArray[np.bool_]:
    """Whether a deviation is one that `rows` equal numbers as large as `size` can have: a mean of 0.1s is not 0.1.

    The mean of n equal numbers, summed one after another in float64, errs by at most n eps times their size.
    """
    return np.asarray(deviation <= rows * np.finfo(np.float64).eps * size)
