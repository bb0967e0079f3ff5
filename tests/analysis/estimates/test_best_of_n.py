"""best_of_n: methods by range of N, the words beside the numbers, and the JSON."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from analysis.estimates import curves
from analysis.estimates.best_of_n import Point, best_of_n, default_at
from analysis.reading.pool import pool_of
from analysis.reading.table import TrialTable
from analysis.report.sentences import headline, interval
from tests.analysis.made_up import scored, table_of

MakeTable = Callable[..., TrialTable]


def test_methods_by_range(make_table: MakeTable) -> None:
    found = best_of_n(make_table(100), [1, 10, 11, 20, 21, 100]).curves["best_val"]
    assert found[1].method == found[10].method == "jackknife"
    assert "flagged" in found[11].method
    assert "flagged" in found[20].method
    for n in (21, 100):
        assert found[n].low is None
        assert found[n].high is None
    assert "not valid beyond N = M/5" in (found[21].why or "")
    assert found[100].method == "maximum seen"
    assert found[100].value == found[100].value == pool_of(make_table(100)).val.max()


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
    assert part.curves["best_val"][2].method == "jackknife"
    assert any("40 of 400 cells" in note for note in part.notes)
    unknown = best_of_n(make_table(40, sampler="grid"), [2])
    assert any("Grid of unknown size" in note for note in unknown.notes)


def test_a_list_has_nothing_beyond_itself(make_table: MakeTable) -> None:
    found = best_of_n(make_table(40, sampler="list"), [2])
    assert found.curves["best_val"][2].method == "exact"
    assert found.curves["median_best_val_band"][2].low is None


def test_no_spread_gives_no_interval() -> None:
    found = best_of_n(scored([0.9] * 30), [1, 2]).curves["best_val"][2]
    assert (found.value, found.low) == (0.9, None)
    assert "no spread" in (found.why or "")


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
    text = headline(best_of_n(make_table(200)))
    assert text.startswith("The best of 20 trials reaches 0.98")
    assert "standard error of the test set itself 0.001" in text
    assert "That is an observation" in headline(best_of_n(make_table(4)))


def test_a_point_without_a_limit_says_why() -> None:
    with pytest.raises(ValueError, match="says why"):
        Point(0.5, None, 0.6, "jackknife")


def test_intervals_stay_within_what_an_accuracy_can_be() -> None:
    found = best_of_n(scored(np.r_[np.zeros(5), np.ones(15)]), [1, 2]).curves["best_val"]
    assert all(0 <= (p.low or 0) <= (p.high or 0) <= 1 for p in found.values())
