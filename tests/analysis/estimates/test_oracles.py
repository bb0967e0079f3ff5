"""Every file of exact answers, to 1e-12 (the levels of b01 to 1e-8)."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from analysis.estimates import curves
from analysis.estimates.band import box_probability, simultaneous_band
from analysis.estimates.best_of_n import best_of_n
from analysis.estimates.doubling import jackknife_variance, leave_one_out
from analysis.estimates.order_statistics import median_best, median_interval
from analysis.estimates.planning import probability_of_reaching
from analysis.reading.pool import pool_of
from tests.analysis.made_up import oracle, oracle_names, table_of

EXACT = 1e-12


def near(value: float, expected: float) -> bool:
    return value == expected or abs(value - expected) <= EXACT


def compare_curves(val: Any, test: Any, direction: curves.Direction, expected: list[dict[str, Any]]) -> None:
    at = [row["N"] for row in expected]
    best = curves.best_val(val, at, direction)
    of_test = curves.expected_test_of_best(val, test, at, direction)
    gap = curves.gap(val, test, at, direction)
    for k, row in enumerate(expected):
        assert near(best[k], float(row["best_val"])), row
        assert near(of_test[k], row["test_of_best"]), row
        if row["gap"] is None:
            assert math.isnan(gap[k])
        else:
            assert near(gap[k], row["gap"]), row
        sign, key = (1, "median_best_val_lower") if direction == "maximize" else (-1, "median_best_val_upper")
        if key in row:
            assert sign * median_best([sign * v for v in val], [row["N"]])[0] == row[key]


@pytest.mark.parametrize("name", oracle_names("s*.json"))
def test_small_pools_match_enumeration(name: str) -> None:
    given = oracle(name)
    val = [float(v) for v in given["val"]]
    assert [row["N"] for row in given["expected"]] == list(range(1, given["M"] + 1))
    compare_curves(val, given["test"], given["direction"], given["expected"])


@pytest.mark.parametrize("name", oracle_names("y*.json"))
def test_large_pools_match_exact_rationals(name: str) -> None:
    given = oracle(name)
    val = np.array(given["val_count"]) / given["denominator"]
    test = np.array(given["test_count"]) / given["denominator"]
    compare_curves(val.tolist(), test.tolist(), "maximize", given["expected"])


def states_table(given: dict[str, Any], reason: str) -> Any:
    """Trials of a t-file as a table; `reason` is that of its failed trials."""
    rows = []
    for trial in given["trials"]:
        blank = trial["val"] in (None, "nan")
        rows.append(
            {
                "state": trial["state"],
                "state_reason": reason if trial["state"] == "failed" else "",
                "val_accuracy": None if blank else trial["val"],
                "test_accuracy": None if blank else trial["test"],
            }
        )
    return table_of(rows)


@pytest.mark.parametrize("name", oracle_names("t*.json"))
def test_trials_without_a_score_stay_at_the_floor(name: str) -> None:
    given = oracle(name)
    pool = pool_of(states_table(given, "exception"))
    expected = given["policies"]["floor"]
    assert pool.trials == expected["M"]
    compare_curves(pool.val, pool.test, "maximize", expected["expected"])


@pytest.mark.parametrize("name", oracle_names("t*.json"))
def test_wrong_policies_are_not_what_comes_out(name: str) -> None:
    given = oracle(name)
    found = best_of_n(states_table(given, "exception"), range(1, len(given["trials"]) + 1)).curves["best_val"]
    wrong = [p for p in given["policies"].values() if p["meaning"].startswith("WRONG")]
    for policy in wrong:
        assert policy["M"] != len(given["trials"])
        for row in policy["expected"]:
            assert abs(found[row["N"]].value - row["best_val"]) > 1e-6
    assert wrong or name not in ("t01_nan_diverged.json", "t03_pruned.json")


def test_trials_lost_to_the_machine_do_not_count() -> None:
    given = oracle("t02_failed.json")
    pool = pool_of(states_table(given, "worker lost"))
    expected = given["policies"]["external_failures_dropped"]
    assert (pool.trials, pool.lost) == (expected["M"], 3)
    compare_curves(pool.val, pool.test, "maximize", expected["expected"])


def test_pruned_trials_have_an_upper_bound_too() -> None:
    given = oracle("t03_pruned.json")
    found = best_of_n(states_table(given, "exception"), range(1, 7)).curves["best_val_upper_bound"]
    for row in given["policies"]["upper_one"]["expected"]:
        assert near(found[row["N"]].value, row["best_val"])


def test_no_survivor_at_all_is_the_floor_and_no_trial_at_all_an_error() -> None:
    assert oracle("t04_all_failed.json")["policies"]["survivors_only"]["meaning"] == "empty: must raise, not return nan"
    with pytest.raises(ValueError, match="at least one finished trial"):
        pool_of(states_table(oracle("t02_failed.json") | {"trials": [{"state": "failed", "val": None}]}, "interrupted"))


def test_a_full_grid_is_a_population_drawn_from_without_replacement() -> None:
    given = oracle("g01_grid.json")
    for row in given["expected"]:
        assert near(curves.best_val(given["val"], [row["N"]])[0], row["without_replacement"])


def test_u_and_jackknife_variances() -> None:
    given = oracle("v01_variance.json")
    val = np.array(given["val"])
    for row in given["expected"]:
        assert near(curves.best_val(val, [row["N"]])[0], row["u"])
        if "jackknife_var" in row:
            assert near(jackknife_variance(leave_one_out(val, val, row["N"])), row["jackknife_var"])


def test_jackknife_variances_of_test_and_gap_with_ties() -> None:
    given = oracle("v02_variance_test_of_best.json")
    val, test = np.array(given["val"]), np.array(given["test"])
    for row in given["expected"]:
        assert near(curves.expected_test_of_best(val, test, [row["N"]])[0], row["test_of_best"])
        assert near(jackknife_variance(leave_one_out(val, test, row["N"])), row["jackknife_var_test"])
        assert near(jackknife_variance(leave_one_out(val, val - test, row["N"])), row["jackknife_var_gap"])


def test_order_statistic_ranks() -> None:
    for row in oracle("c01_orderstat_ci.json")["expected"]:
        found = median_interval(row["M"], row["N"], row["confidence"])
        assert (found.lower, found.upper) == (row["lower_rank"], row["upper_rank"]), row
        assert near(found.lower_miss, row["lower_miss"])
        assert near(found.upper_miss, row["upper_miss"])


def test_box_probabilities() -> None:
    for row in oracle("b01_band_box_prob.json")["box"]:
        lo, hi = (np.array([float(Fraction(x)) for x in row[end]]) for end in ("lo", "hi"))
        assert near(box_probability(lo, hi), row["prob"])


def test_local_levels_of_the_simultaneous_band() -> None:
    for row in oracle("b01_band_box_prob.json")["ell_local_level"]:
        assert abs(simultaneous_band(row["n"], row["confidence"]).local_level - row["local_level"]) <= 1e-8


def test_reaching_a_target() -> None:
    given = oracle("h01_reach_target.json")
    for row in given["expected"]:
        found = probability_of_reaching(given["val"], row["target"], range(1, given["M"] + 1))
        assert np.abs(found - row["prob_reach"]).max() <= EXACT
