"""best_of_n: methods by range of N, the words beside the numbers, and the JSON."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from analysis import best_of_n_interval
from analysis.estimates import curves
from analysis.estimates.best_of_n import best_of_n, default_at
from analysis.estimates.curves import Point
from analysis.reading.pool import pool_of
from analysis.reading.table import TrialTable
from analysis.report.sentences import headline, interval, more_sentences, quoted
from tests.analysis.made_up import scored, table_of

MakeTable = Callable[..., TrialTable]


def test_every_n_has_an_interval_that_contains_the_estimate_and_rises_with_n(make_table: MakeTable) -> None:
    found = best_of_n(make_table(100), [1, 10, 11, 50, 100]).curves
    for name in ("best_val", "best_val_proven"):
        points = list(found[name].values())
        assert all(p.low is not None and p.high is not None and p.low <= p.value <= p.high for p in points)
        for one, two in pairwise(points):
            assert (one.low, one.high) <= (two.low, two.high)
    for n, point in found["best_val_at_least"].items():
        assert point.high is None
        assert found["best_val"][n].low < point.low <= point.value
    assert "Gaffke" in found["best_val"][50].method
    assert "shown by simulation, not proven; 10,000 draws, each limit's level 0.025" in found["best_val"][50].method


def test_the_row_of_all_trials_is_the_trial_found() -> None:
    """Two trials are equal on validation: the lower number is found, and its own test accuracy stands, not the mean."""
    val, test = [0.5, 0.9, 0.9, *[0.4] * 17], [0.5, 0.96, 0.94, *[0.4] * 17]
    result = best_of_n(scored(val, test, test_rows=360), [1, 2, 20])
    of_test = result.curves["test_of_best"]
    assert (result.found.number, result.found.tied, result.found.val) == (1, 2, 0.9)
    assert of_test[20] == result.found.test
    assert (of_test[20].value, of_test[20].method) == (0.96, "Clopper-Pearson, of the network found")
    assert (of_test[20].low, of_test[20].high) == pytest.approx((0.93427, 0.97773), abs=1e-4)
    gap = result.curves["gap"][20]
    assert (gap.value, gap.low) == pytest.approx((-0.06, 0.9 - of_test[20].high))
    assert any("2 trials are equal in the best validation score" in note for note in result.notes)


def test_the_test_accuracy_of_the_selected_has_an_interval_up_to_a_tenth(make_table: MakeTable) -> None:
    found = best_of_n(make_table(100), [1, 10, 11, 50]).curves
    for name in ("test_of_best", "gap"):
        assert all(found[name][n].low <= found[name][n].value <= found[name][n].high for n in (1, 10))
        assert found[name][11].low is None
        assert "beyond N = M/10 (M = 100) no interval held" in found[name][50].why
    assert "both gaps rest on the same trials" in found["gap_net_of_1"][10].why


def test_the_assumption_about_the_tail_is_an_option_that_names_itself(make_table: MakeTable) -> None:
    table = make_table(100)
    assert "best_val_assumed_tail" not in best_of_n(table).curves
    found = best_of_n(table, [50], assume_tail=True).curves
    assert "granted that no configuration is further above" in found["best_val_assumed_tail"][50].method
    assert found["best_val_assumed_tail"][50].high < found["best_val"][50].high


def test_low_scores_may_be_the_good_ones() -> None:
    """Errors from 0 to 50: the mirror image of accuracies, with the worst bound given by the caller."""
    error = np.random.default_rng(3).exponential(4.0, 40).clip(max=50.0)
    low, high = best_of_n_interval(error, 10, bounds=(0.0, 50.0), direction="minimize")
    mirrored = best_of_n_interval(1.0 - error / 50.0, 10)
    assert (low, high) == pytest.approx((50.0 * (1.0 - mirrored[1]), 50.0 * (1.0 - mirrored[0])))


def test_more_than_the_pool_is_refused(make_table: MakeTable) -> None:
    with pytest.raises(ValueError, match="from 1 to the number of trials, here 20: got 50"):
        best_of_n(make_table(20), [10, 50])


def test_the_median_is_open_at_the_top_where_it_must_be(make_table: MakeTable) -> None:
    found = best_of_n(make_table(100), [10, 18, 19, 50]).curves["median_best_val"]
    assert found[18].high is not None
    assert found[19].high is None
    assert "needs M >= 102" in (found[19].why or "")
    assert interval(found[50]).startswith(">= 0.9")


def test_gap_net_of_one_is_zero_at_one(make_table: MakeTable) -> None:
    table = make_table(100)
    found = best_of_n(table, [1, 5]).curves
    assert found["gap_net_of_1"][1] == Point(0.0, 0.0, 0.0, "by definition")
    assert found["gap_net_of_1"][5].value == pytest.approx(found["gap"][5].value - found["gap"][1].value)
    pool = pool_of(table)
    assert found["gap"][5].value == pytest.approx(curves.gap(pool.val, pool.test, [5])[0])


def test_binomial_error_of_the_test_set(make_table: MakeTable) -> None:
    found = best_of_n(make_table(50), [5])
    p = found.curves["test_of_best"][5].value
    assert found.test_standard_error[5] == pytest.approx((p * (1 - p) / 10000) ** 0.5)
    unknown = best_of_n(make_table(50, test_rows=None), [5])
    assert unknown.test_standard_error == {}
    assert any("number of test rows is unknown" in note for note in unknown.notes)


def test_a_full_grid_is_exact_and_a_part_is_not(make_table: MakeTable) -> None:
    full = best_of_n(make_table(40, sampler="grid", grid_size=40), [2])
    assert full.curves["best_val"][2].method == "exact"
    assert any("All 40 cells of the grid were run" in note for note in full.notes)
    part = best_of_n(make_table(40, sampler="grid", grid_size=400), [2])
    assert "Gaffke" in part.curves["best_val"][2].method
    assert any("40 of 400 cells" in note for note in part.notes)
    unknown = best_of_n(make_table(40, sampler="grid"), [2])
    assert any("Grid of unknown size" in note for note in unknown.notes)


def test_a_list_has_nothing_beyond_itself(make_table: MakeTable) -> None:
    found = best_of_n(make_table(40, sampler="list"), [2])
    assert found.curves["best_val"][2].method == "exact"
    assert found.curves["median_best_val_band"][2].low is None


def test_all_equal_all_failed_and_one_alone_work_and_say_what_they_say() -> None:
    equal = best_of_n(scored([0.9] * 30), [1, 30]).curves["best_val"]
    assert equal[1].value == equal[30].value == 0.9
    assert equal[1].low < 0.85
    assert 0.9 - 1e-12 <= equal[30].low <= 0.9 < equal[30].high < 1.0
    failed = best_of_n(table_of([{"state": "failed", "state_reason": "diverged"}] * 12), [1, 12])
    assert (failed.curves["best_val"][12].low, failed.curves["best_val"][1].value) == (0.0, 0.0)
    assert 0.2 < failed.curves["best_val"][1].high < 0.3  # 1 - 0.025 ** (1/12): Clopper and Pearson's of 0 of 12
    alone = best_of_n(scored([0.9])).curves["best_val"][1]
    assert (alone.low, alone.high) == pytest.approx((0.9 * 0.025, 1 - 0.1 * 0.025), abs=0.01)


def test_notes_name_what_limits_the_numbers() -> None:
    rows: list[dict[str, Any]] = [{"val_accuracy": 0.9, "test_accuracy": 0.9} for _ in range(6)]
    rows[1] = {"state": "pruned"}
    rows[2] = {"state": "failed", "state_reason": "timeout"}
    rows[4] = {"state": "failed", "state_reason": "interrupted"}
    notes = " ".join(best_of_n(table_of(rows, planned_trials=9, stopped_early=True), [1]).notes)
    assert "1 trial was pruned" in notes
    assert "lower bound" in notes
    assert "1 trial failed by configuration" in notes
    assert "1 trial was lost to the machine" in notes
    assert "finished prefix (4 trials), and leave out 1 trial" in notes
    assert "sample size was not fixed in advance" in notes
    every = best_of_n(table_of(rows, planned_trials=9), [1], use="all").notes
    assert any("biased by length" in note for note in every)


@pytest.mark.parametrize("m", [1, 2, 5, 37])
def test_json_says_everything_and_null_has_a_reason(make_table: MakeTable, m: int) -> None:
    table = make_table(m, failed=0.2, planned_trials=m)
    plain = json.loads(json.dumps(best_of_n(table).to_json(), allow_nan=False))
    assert plain["sampler"] == "random"
    assert plain["seed"] == 7
    assert plain["data_sha256"] == "ab" * 32
    assert plain["trials"]["started"] == m
    assert plain["trials"]["complete"] + plain["trials"]["failed"] == m
    for curve in plain["curves"].values():
        assert list(curve) == [str(n) for n in default_at(m)]
        for point in curve.values():
            assert set(point) == {"value", "low", "high", "method", "why"}
            assert point["why"] or None not in (point["low"], point["high"])


def test_default_values_of_n() -> None:
    assert default_at(1) == (1,)
    assert default_at(20) == (1, 2, 5, 10, 20)
    assert default_at(120) == (1, 2, 5, 10, 20, 50, 100, 120)


def test_the_headline(make_table: MakeTable) -> None:
    table = make_table(200)
    text = headline(best_of_n(table))
    best = table.best
    assert best is not None
    assert text.startswith(f"Trial {best['number']} was found: validation accuracy {best['val_accuracy']:.4f}")
    assert "A search of 50 trials reaches 0.98" in text
    assert "one of 200 trials at least 0.98" in text
    assert "A search of 1 trial reaches at least 0." in headline(best_of_n(make_table(1)))


def test_what_more_trials_would_buy(make_table: MakeTable) -> None:
    words = " ".join(more_sentences(best_of_n(make_table(100))))
    assert "A new search of 100 trials reaches at least 0.98" in words
    assert "100 trials more beat the best one seen" in words
    assert "with a probability of at most 0.50" in words
    assert more_sentences(best_of_n(make_table(40, sampler="list"))) == []


def test_digits_follow_the_error() -> None:
    assert quoted(Point(0.965612, 0.9595, 0.9717, "")) == "0.966 [0.960, 0.972]"
    assert quoted(Point(0.965612, 0.9655, 0.9658, "")) == "0.96561 [0.96550, 0.96580]"
    assert quoted(Point(1.0, 0.9898, 1.0, "")) == "1.000 [0.990, 1.000]"
    assert quoted(Point(0.5, None, None, "", "no reason")) == "0.5000"


def test_a_flagged_study_says_so_beside_its_numbers(make_table: MakeTable) -> None:
    result = best_of_n(make_table(40, stopped_early=True))
    assert any("sample size was not fixed" in flag for flag in result.to_json()["flags"])
    assert best_of_n(make_table(40)).flags == ()


def test_a_point_without_a_limit_says_why() -> None:
    with pytest.raises(ValueError, match="says why"):
        Point(0.5, None, 0.6, "jackknife")


def test_intervals_stay_within_what_an_accuracy_can_be() -> None:
    mixed = np.random.default_rng(1).permutation(np.r_[np.zeros(5), np.ones(15)])
    found = best_of_n(scored(mixed), [1, 2]).curves["best_val"]
    assert all(0 <= (p.low or 0) <= (p.high or 0) <= 1 for p in found.values())
