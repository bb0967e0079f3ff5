"""The interval of the best of N: what it equals, what leaves it alone, and what it costs."""

import math
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import analysis
from analysis.estimates.band import simultaneous_band
from analysis.estimates.curves import best_val
from analysis.estimates.intervals import draws_for, monte_carlo_error, proven_limits_at
from analysis.estimates.planning import prediction
from analysis.estimates.proportions import clopper_pearson, repeats_interval
from analysis.estimates.refusals import TREND_FLAGGED, TREND_REFUSED, trend_of

scores = st.lists(
    st.one_of(st.sampled_from([0.0, 0.9, 0.95, 1.0]), st.floats(0, 1, allow_subnormal=False)), min_size=1, max_size=40
)


@pytest.mark.parametrize(("right", "m"), [(0, 20), (7, 20), (20, 20), (28, 40), (199, 200)])
def test_of_single_trials_right_or_wrong_it_is_that_of_clopper_and_pearson(right: int, m: int) -> None:
    """At N = 1, where the level's Monte-Carlo error moves a limit by a tenth of its distance from the share at most."""
    low, high = analysis.best_of_n_interval(np.r_[np.zeros(m - right), np.ones(right)], 1)
    exact = clopper_pearson(right / m, m)
    assert low == pytest.approx(exact[0], abs=0.05 * (right / m - exact[0]) + 1e-12)
    assert high == pytest.approx(exact[1], abs=0.05 * (exact[1] - right / m) + 1e-12)


@given(scores)
@settings(max_examples=30, deadline=None)
def test_it_contains_the_estimate_and_rises_with_n(val: list[float]) -> None:
    found = [analysis.best_of_n_interval(val, n) for n in range(1, len(val) + 1)]
    assert all(a[0] <= b[0] + 1e-12 and a[1] <= b[1] + 1e-12 for a, b in pairwise(found))
    for (low, high), value in zip(found, best_val(val, range(1, len(val) + 1)), strict=True):
        assert 0.0 <= low <= value <= high <= 1.0


@given(scores, st.randoms(use_true_random=False), st.data())
@settings(max_examples=30, deadline=None)
def test_the_order_of_the_trials_is_of_no_matter(val: list[float], random: object, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, len(val)))
    shuffled = list(val)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert analysis.best_of_n_interval(val, n) == analysis.best_of_n_interval(shuffled, n)


def test_a_failure_stands_at_the_worst_bound() -> None:
    kept, lost = [0.9, 0.8, 0.7], [0.9, 0.8, 0.7, math.nan]
    assert analysis.best_of_n_interval(lost, 2) == analysis.best_of_n_interval([*kept, 0.0], 2)
    turned = analysis.best_of_n_interval(lost, 2, bounds=(0.0, 5.0), direction="minimize")
    assert turned == analysis.best_of_n_interval([*kept, 5.0], 2, bounds=(0.0, 5.0), direction="minimize")


def test_without_a_best_bound_there_is_no_limit_on_that_side() -> None:
    low, high = analysis.best_of_n_interval([1.0, 2.0, 3.0], 2, bounds=(0.0, math.inf))
    assert high == math.inf
    assert low == analysis.best_of_n_interval([1.0, 2.0, 3.0], 2, bounds=(0.0, 9.0))[0]


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({"scores": [0.5, 1.5]}, r"lie within the bounds \(0.0, 1.0\): got 1.5"),
        ({"scores": []}, "at least one trial: got shape"),
        ({"n": 3}, "from 1 to the number of trials, here 2: got 3"),
        ({"level": 1.0}, "a confidence lies between 0 and 1: got 1.0"),
        ({"bounds": (-math.inf, 1.0)}, "the worst of them finite: got"),
        ({"bounds": (1.0, 0.0)}, "are \\(lowest, highest\\) score"),
        ({"direction": "up"}, "maximize or minimize: got 'up'"),
    ],
)
def test_bad_input_is_refused(given_: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        analysis.best_of_n_interval(**({"scores": [0.5, 0.6], "n": 1} | given_))  # type: ignore[arg-type]


def test_the_proven_interval_is_wider() -> None:
    y = np.sort(np.random.default_rng(2).random(60))
    low, high = proven_limits_at(y, range(1, 61), simultaneous_band(60), (0.0, 1.0))
    for n in (1, 6, 30, 60):
        found = analysis.best_of_n_interval(y, n)
        assert low[n - 1] < found[0] < found[1] < high[n - 1]


def test_one_interval_of_a_thousand_trials_takes_less_than_a_fifth_of_a_second() -> None:
    val = np.random.default_rng(5).random(1000)
    started = time.process_time()
    analysis.best_of_n_interval(val, 20)
    assert time.process_time() - started < 0.2
    assert (draws_for(1000), round(monte_carlo_error(1000, 0.025), 4)) == (2000, 0.0035)


def test_the_package_imports_nothing_heavy() -> None:
    code = "import sys, analysis; print([m for m in ('numpy', 'pandas', 'scipy', 'matplotlib') if m in sys.modules])"
    root = Path(__file__).parents[3]
    ran = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
    with pytest.raises(AttributeError, match="analysis exports best_of_n_interval: got nothing"):
        _ = analysis.nothing


def test_the_prediction_limit_is_exact_over_all_orders() -> None:
    """4 old and 2 new trials in any order: the new best lies below the r-th old one in C(r+1, 2) of C(6, 2) orders."""
    val = [0.1, 0.2, 0.3, 0.4]
    assert prediction(val, 2, confidence=1 - 1.01 / 15).at_least == 0.1
    assert prediction(val, 2, confidence=1 - 3.01 / 15).at_least == 0.2
    assert prediction(val, 2, confidence=1 - 2.01 / 15).at_least == 0.1
    assert prediction(val, 2).at_least is None
    assert prediction(val, 2).beats == pytest.approx(2 / 6)
    assert prediction([-v for v in val], 2, 1 - 3.01 / 15, "minimize").at_least == -0.2
    with pytest.raises(ValueError, match="for at least one trial: got 0"):
        prediction(val, 0)


def test_a_perfect_network_has_an_interval_too() -> None:
    """None of 360 wrong: 1 - 0.025 ** (1/360), what was 1.0000 with an error of 0."""
    assert clopper_pearson(1.0, 360) == (pytest.approx(0.98981, abs=1e-5), 1.0)
    low, high = repeats_interval(1.0, 0.0, 5, 360)
    assert (low, high) == (pytest.approx(0.98981, abs=1e-5), 1.0)
    with pytest.raises(ValueError, match="at least two repeats: got 1"):
        repeats_interval(0.9, 0.0, 1, 360)


def test_a_trend_is_as_rare_without_one_as_it_says() -> None:
    """1,000 null pools with ties and failures. 30 to 72 flagged and at most 6 refused: fails wrongly in 0.2% of seeds.

    Power: rates of 0.1 and 0.01 would be seen in 0.998 and 0.87 of seeds.
    """
    random = np.random.default_rng(31)
    found = []
    for _ in range(1000):
        val = np.where(random.random(50) < 0.2, 0.0, (0.9 + 0.1 * random.random(50)).round(2))
        found.append(trend_of(val).p)
    assert 30 <= np.count_nonzero(np.array(found) < TREND_FLAGGED) <= 72
    assert np.count_nonzero(np.array(found) < TREND_REFUSED) <= 6
    assert trend_of(np.arange(20) / 20).rho == 1.0
    assert trend_of(np.full(20, 0.5)).p == 1.0
