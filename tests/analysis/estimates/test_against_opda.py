"""The same numbers as opda 0.8.0, the reference implementation of tuning curves, where it is installed."""

import numpy as np
import pytest

from analysis.estimates import curves
from analysis.estimates.band import simultaneous_band

nonparametric = pytest.importorskip("opda.nonparametric", reason="opda is a requirement of the benchmarks only")


def test_the_curve_is_that_of_opda() -> None:
    val = np.random.default_rng(1).random(300).round(2)
    at = np.arange(1, 301)
    theirs = nonparametric.EmpiricalDistribution(val).u_tuning_curve(at)
    assert np.abs(curves.best_val(val, at) - theirs).max() <= 1e-12


@pytest.mark.slow
def test_the_band_is_that_of_opda_up_to_its_simulation_noise() -> None:
    """opda's limits are simulated and scatter by 1e-4 to 3e-4; 3e-3 is beyond any of that."""
    val = np.sort(np.random.default_rng(3).random(20))
    lower, _, upper = nonparametric.EmpiricalDistribution.confidence_bands(
        val, 0.95, method="ld_equal_tailed", generator=np.random.default_rng(0)
    )
    band = simultaneous_band(20)
    assert np.abs(lower.cdf(val) - band.lo).max() < 3e-3
    assert np.abs(upper.cdf(val[:-1] + 1e-9) - band.hi[1:]).max() < 3e-3
