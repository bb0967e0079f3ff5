"""Properties of the estimators that hold for any pool."""

import math
from itertools import combinations
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.estimates import curves
from analysis.estimates.band import box_probability, limits, median_band_ranks, simultaneous_band
from analysis.estimates.doubling import jackknife_variance, leave_one_out
from analysis.estimates.order_statistics import median_best, median_interval, trials_for_upper_limit
from analysis.estimates.planning import probability_of_reaching, trials_to_reach

score = st.one_of(st.sampled_from([0.0, 0.5, 0.9, 0.95, 1.0]), st.floats(0, 1, allow_subnormal=False))
pool = st.lists(st.tuples(score, score), min_size=1, max_size=60)
small = st.lists(st.tuples(score, score), min_size=1, max_size=9)


def split(trials: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([v for v, _ in trials]), np.array([t for _, t in trials])


@given(pool)
def test_best_val_rises_from_the_mean_to_the_maximum(trials: list[tuple[float, float]]) -> None:
    val, _ = split(trials)
    found = curves.best_val(val, range(1, len(val) + 1))
    assert found[0] == pytest.approx(val.mean(), abs=1e-12)
    assert found[-1] == val.max()
    assert (np.diff(found) >= 0).all()
    assert found.min() >= val.min() - 1e-15
    assert found.max() <= val.max()


@given(pool, st.randoms(use_true_random=False))
def test_the_order_of_the_trials_is_of_no_matter(trials: list[tuple[float, float]], random: object) -> None:
    val, test = split(trials)
    shuffled = list(trials)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    val_2, test_2 = split(shuffled)
    at = range(1, len(val) + 1)
    assert curves.best_val(val, at).tolist() == curves.best_val(val_2, at).tolist()
    assert np.allclose(
        curves.expected_test_of_best(val, test, at), curves.expected_test_of_best(val_2, test_2, at), atol=1e-13, rtol=0
    )


@given(score, st.integers(1, 60))
def test_equal_scores_give_that_score_at_every_n(value: float, m: int) -> None:
    at = range(1, m + 1)
    assert (curves.best_val([value] * m, at) == value).all()
    assert (curves.expected_test_of_best([0.5] * m, [value] * m, at) == value).all()
    assert (median_best([value] * m, at) == value).all()


@given(small)
@settings(max_examples=60)
def test_brute_force(trials: list[tuple[float, float]]) -> None:
    val, test = split(trials)
    m = len(val)
    for n in range(1, m + 1):
        best, chosen = [], []
        for subset in combinations(range(m), n):
            top = max(val[list(subset)])
            best.append(top)
            chosen.append(fmean(test[i] for i in subset if val[i] == top))
        assert curves.best_val(val, [n])[0] == pytest.approx(fmean(best), abs=1e-12)
        assert curves.expected_test_of_best(val, test, [n])[0] == pytest.approx(fmean(chosen), abs=1e-12)
        assert curves.gap(val, test, [n])[0] == pytest.approx(fmean(best) - fmean(chosen), abs=1e-12)
        assert median_best(val, [n])[0] == sorted(best)[(len(best) - 1) // 2]


@given(st.lists(st.tuples(score, score), min_size=2, max_size=25), st.data())
@settings(max_examples=60)
def test_the_jackknife_leaves_out_what_it_says(trials: list[tuple[float, float]], data: st.DataObject) -> None:
    val, test = split(trials)
    m = len(val)
    n = data.draw(st.integers(1, m - 1))
    replicates = leave_one_out(val, test, n)
    for j in range(m):
        rest = np.arange(m) != j
        direct = curves.expected_test_of_best(val[rest], test[rest], [n])[0]
        assert replicates[j] == pytest.approx(direct, abs=1e-12)


def test_at_n_1_the_jackknife_is_the_variance_of_a_mean() -> None:
    val = np.random.default_rng(3).random(37)
    assert jackknife_variance(leave_one_out(val, val, 1)) == pytest.approx(val.var(ddof=1) / 37, rel=1e-12)


@pytest.mark.parametrize("n", [0, -1, 4, 1.5, True])
def test_n_beyond_the_pool_is_refused(n: float) -> None:
    with pytest.raises(ValueError, match=rf"whole number from 1 to the number of trials, here 3: got {n}"):
        curves.best_val([0.1, 0.2, 0.3], [n])  # type: ignore[list-item]


def test_bad_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="no NaN"):
        curves.best_val([0.1, math.nan], [1])
    with pytest.raises(ValueError, match="at least one trial"):
        curves.best_val([], [1])
    with pytest.raises(ValueError, match="got the best score inf"):
        curves.best_val([0.1, math.inf], [1])
    with pytest.raises(ValueError, match="got 1 values for 2 trials"):
        curves.expected_test_of_best([0.1, 0.2], [0.1], [1])
    with pytest.raises(ValueError, match="maximize or minimize: got 'up'"):
        curves.best_val([0.1], [1], "up")  # type: ignore[arg-type]


def test_selecting_on_test_is_above_the_honest_curve() -> None:
    random = np.random.default_rng(5)
    level = random.random(300) * 0.02 + 0.96
    val, test = level + random.normal(0, 0.003, 300), level + random.normal(0, 0.003, 300)
    optimistic = curves.best_test_selected_on_test_is_optimistic(test, [20])
    assert optimistic[0] > curves.expected_test_of_best(val, test, [20])[0] + 0.001


def test_a_pool_of_thousands_has_no_nan() -> None:
    val = np.random.default_rng(1).random(3000)
    found = curves.best_val(val, [1, 2, 1029, 1030, 1500, 2999, 3000])
    assert np.isfinite(found).all()
    assert found[-1] == val.max()


@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([0.8, 0.95]))
def test_ranks_of_the_median_interval(m: int, n: int, confidence: float) -> None:
    found = median_interval(m, n, confidence)
    assert 0 <= found.lower < found.upper <= m + 1
    tail = (1 - confidence) / 2
    assert found.lower_miss <= tail + 1e-9
    assert found.upper_miss <= tail + 1e-9
    assert (found.upper <= m) == (m >= trials_for_upper_limit(n, confidence))


def test_the_band_is_deterministic_and_wider_than_the_interval() -> None:
    simultaneous_band.cache_clear()
    first = simultaneous_band(60)
    simultaneous_band.cache_clear()
    second = simultaneous_band(60)
    assert first.lo.tolist() == second.lo.tolist()
    assert box_probability(first.lo, first.hi) == pytest.approx(0.95, abs=1e-8)
    for n in range(1, 61):
        lower, upper = median_band_ranks(first, n)
        at_n = median_interval(60, n)
        assert lower <= at_n.lower
        assert upper >= at_n.upper


def test_limits_ascend_and_mirror() -> None:
    lo, hi = limits(17, 0.99)
    assert (np.diff(lo) > 0).all()
    assert (lo < hi).all()
    assert np.allclose(hi, 1 - lo[::-1])


@given(pool, score)
def test_the_chance_to_reach_rises_with_n(trials: list[tuple[float, float]], target: float) -> None:
    val, _ = split(trials)
    found = probability_of_reaching(val, target, range(1, len(val) + 1))
    assert (np.diff(found) >= -1e-12).all()
    assert found[0] == pytest.approx((val >= target).mean(), abs=1e-12)


def test_trials_to_reach_the_best_twentieth() -> None:
    """The well-known rule of 60 draws: 0.95 ** 59 is below 0.05, 0.95 ** 58 is not."""
    val = np.r_[np.zeros(950), np.ones(50)]
    found = trials_to_reach(val, 1.0, 0.95)
    assert found.trials == 59
    assert found.high is not None
    assert found.low < 59 < found.high
    never = trials_to_reach(val, 1.1, 0.95)
    assert (never.trials, never.high) == (None, None)
    assert never.low > 500
