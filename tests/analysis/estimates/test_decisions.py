"""Stopping, comparing, confirming, the Pareto front, and importance."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from analysis import best_of_n_interval
from analysis.estimates.comparison import compare
from analysis.estimates.confirmation import confirm_summary
from analysis.estimates.doubling import doubling_gain, doubling_gain_at, stop_at
from analysis.estimates.importance import importances
from analysis.estimates.proportions import clopper_pearson
from analysis.looks.pareto import pareto_front, smallest_at_least
from analysis.reading.table import TrialTable
from models.tasks.objective import Objective
from tests.analysis.made_up import scored, table_of

MakeTable = Callable[..., TrialTable]


def test_a_doubling_is_judged_from_twenty_trials_on(make_table: MakeTable) -> None:
    early = doubling_gain(make_table(19))
    assert early.upper is None
    assert not early.below(1.0)
    assert "needs 20 finished trials, has 19" in early.sentence()
    found = doubling_gain(make_table(200))
    assert (found.n, found.trials) == (20, 200)
    assert found.gain is not None
    assert found.upper is not None
    assert 0 < found.gain < found.upper
    assert found.below(found.upper + 1e-9)
    assert not found.below(found.upper)


def test_no_spread_and_no_range_are_no_judgement(make_table: MakeTable) -> None:
    assert "no spread" in doubling_gain(scored([0.0] * 50)).sentence()
    from analysis.reading.pool import pool_of

    assert "beyond M/5" in doubling_gain_at(pool_of(make_table(100)), 11).sentence()
    assert not doubling_gain(make_table(50, sampler="list")).below(1.0)


def test_where_a_search_stops_does_not_depend_on_how_its_trials_arrive(make_table: MakeTable) -> None:
    table = make_table(300)
    stop = stop_at(table, 0.004)
    assert stop is not None
    assert stop % 10 == 0
    assert stop_at(table.prefix(stop), 0.004) == stop
    assert stop_at(table.prefix(stop - 1), 0.004) is None
    random = np.random.default_rng(1)
    for _ in range(5):  # the prefix is there, and some later trials that overtook others
        later = table.frame[table.frame["number"] >= stop + 3].sample(20, random_state=int(random.integers(99)))
        arrived = replace(table, frame=table.frame[table.frame["number"].isin({*range(stop), *later["number"]})])
        assert stop_at(arrived, 0.004) == stop


def test_a_search_without_a_prefix_goes_on(make_table: MakeTable) -> None:
    table = make_table(40)
    assert stop_at(replace(table, frame=table.frame[table.frame["number"] > 0]), 0.5) is None
    assert stop_at(replace(table, frame=table.frame.iloc[:0]), 0.5) is None
    with pytest.raises(ValueError, match="lies between 0 and 1: got 0"):
        stop_at(table, 0)


def test_two_studies_at_equal_n(make_table: MakeTable) -> None:
    first, second = make_table(200), make_table(100, seed=2)
    found = compare(first, second, [5, 10, 20, 40])
    points, of_test = found.at_n["best_val"], found.at_n["test_of_best"]
    assert all("Bonferroni" in points[n].method and points[n].low < points[n].value < points[n].high for n in points)
    assert of_test[10].low < of_test[10].value < of_test[10].high
    assert of_test[20].low is None
    turned = compare(second, first, [5]).at_n["best_val"][5]
    assert (turned.value, turned.low, turned.high) == pytest.approx((-points[5].value, -points[5].high, -points[5].low))
    with pytest.raises(ValueError, match="here 100: got 101"):
        compare(first, second, [101])
    same = compare(first, first, [10])
    assert same.at_n["test_of_best"][10].value == 0.0


def test_a_difference_is_between_the_sides_own_intervals(make_table: MakeTable) -> None:
    first, second = make_table(60), make_table(40, seed=2)
    low, high = zip(
        *(best_of_n_interval(t.frame["val_accuracy"], 8, level=0.975) for t in (first, second)), strict=True
    )
    found = compare(first, second, [8]).at_n["best_val"][8]
    assert (found.low, found.high) == pytest.approx((low[0] - high[1], high[0] - low[1]))


def test_two_studies_at_equal_seconds(make_table: MakeTable) -> None:
    first, second = make_table(200), make_table(200, seed=2)
    slow = replace(second, frame=second.frame.assign(seconds=2.0 * second.frame["seconds"]))
    found = compare(first, slow, [5], seconds=[100.0])
    n_first, n_slow = found.n_at_seconds[100.0]
    assert n_first == pytest.approx(100.0 / first.frame["seconds"].mean())
    assert 1.7 < n_first / n_slow < 2.3
    even = compare(first, second, [5], seconds=[100.0])
    assert found.at_seconds["best_val"][100.0].value > even.at_seconds["best_val"][100.0].value
    with pytest.raises(ValueError, match="pays for 1 to M trials"):
        compare(first, slow, [5], seconds=[1.0])
    blind = replace(first, frame=first.frame.drop(columns="seconds"))
    assert compare(blind, slow, [5]).at_seconds["best_val"] == {}
    with pytest.raises(ValueError, match="needs the seconds of every trial"):
        compare(blind, slow, [5], seconds=[100.0])


def test_at_equal_seconds_the_interval_is_wider_for_the_duration_is_estimated_too(make_table: MakeTable) -> None:
    first, second = make_table(200), make_table(200, seed=2)
    budget = 10 * float(first.frame["seconds"].mean())
    steady = [replace(t, frame=t.frame.assign(seconds=budget / 10)) for t in (first, second)]
    timed = compare(first, second, [10], seconds=[budget]).at_seconds
    known = compare(*steady, [10], seconds=[budget])
    assert timed["best_val"][budget].low < known.at_seconds["best_val"][budget].low < known.at_n["best_val"][10].low
    assert "N is itself estimated" in timed["test_of_best"][budget].why


def test_the_front_and_the_smallest_good_enough() -> None:
    sizes = [100, 200, 200, 300, 400, 50]
    val = [0.90, 0.96, 0.95, 0.94, 0.99, 0.5]
    rows = [{"val_accuracy": v, "test_accuracy": v, "n_parameters": s} for s, v in zip(sizes, val, strict=True)]
    table = table_of([*rows, {"state": "failed", "state_reason": "timeout", "n_parameters": 1}])
    assert [network.number for network in pareto_front(table)] == [5, 0, 1, 4]
    found = smallest_at_least(table, 0.95)
    assert found is not None
    assert (found.number, found.n_parameters) == (1, 200)
    assert smallest_at_least(table, 0.995) is None
    with pytest.raises(ValueError, match="targets must be values of val_accuracy, 0 to 1, got 95"):
        smallest_at_least(table, 95)


def confirming(rows: list[dict[str, Any]]) -> TrialTable:
    return table_of(rows, sampler="list")


def test_the_second_look() -> None:
    search = scored([0.90, 0.98, 0.97])
    rows = [{"val_accuracy": v, "test_accuracy": v - 0.01, "confirms": "1"} for v in (0.95, 0.96, 0.97)]
    rows.append({"val_accuracy": 0.96, "test_accuracy": 0.9, "confirms": "2"})
    rows.append({"state": "failed", "state_reason": "diverged", "confirms": "2"})
    rows.append({"state": "failed", "state_reason": "worker lost", "confirms": "2"})
    first, second = confirm_summary(search, confirming(rows))
    assert (first.number, first.repeats, first.failed) == (1, 3, 0)
    assert first.val_mean == pytest.approx(0.96)
    assert (first.test.value, first.test_deviation) == pytest.approx((0.95, 0.01))
    assert first.test.low is None  # the number of test rows is unknown
    assert first.shrinkage == pytest.approx(0.02)
    assert (second.number, second.repeats, second.failed, second.test_deviation) == (2, 1, 1, None)
    assert "needs two" in second.test.why
    known, _ = confirm_summary(replace(search, test_rows=360), confirming(rows))
    seeds, (low, high) = 4.302653 * 0.01 / 3**0.5, clopper_pearson(0.95, 360)
    assert known.test.low == pytest.approx(0.95 - (seeds**2 + (0.95 - low) ** 2) ** 0.5)
    assert known.test.high == pytest.approx(0.95 + (seeds**2 + (high - 0.95) ** 2) ** 0.5)
    turned = {name: name.replace("accuracy", "macro_f1") for name in search.frame.columns}
    f1 = Objective("val_macro_f1")
    renamed = [{turned.get(name, name): value for name, value in row.items()} for row in rows]
    score, _ = confirm_summary(
        replace(search, frame=search.frame.rename(columns=turned), objective=f1),
        table_of(renamed, sampler="list", objective=f1),
    )
    assert score.test.low == pytest.approx(0.95 - seeds)


def test_a_second_look_says_what_it_repeats() -> None:
    with pytest.raises(ValueError, match="has the tag `confirms`"):
        confirm_summary(scored([0.9]), scored([0.9]))
    rows = [{"val_accuracy": 0.9, "test_accuracy": 0.9, "confirms": "7"}]
    with pytest.raises(ValueError, match="is a trial of made-up: got 7"):
        confirm_summary(scored([0.9]), confirming(rows))


def test_importance_finds_what_matters() -> None:
    random = np.random.default_rng(2)
    rows = []
    for _ in range(120):
        rate, dropout, width = 10 ** random.uniform(-4, -1), random.random(), str(random.choice(["32", "400-300"]))
        val = 0.95 - 0.05 * abs(np.log10(rate) + 2.5) + random.normal(0, 0.002)
        params = {"params.rate": rate, "params.dropout": dropout, "params.width": width, "params.epochs": 10}
        rows.append({"val_accuracy": val, "test_accuracy": val} | params)
    found = importances(table_of(rows))
    assert found.why is None
    for shares in (found.ped_anova, found.fanova):
        assert sum(shares.values()) == pytest.approx(1.0)
        assert max(shares, key=lambda name: shares[name]) == "rate"
        assert "epochs" not in shares
    assert importances(table_of(rows)) == found
    assert found.left_out == ()
    rows[0] = {"state": "failed", "state_reason": "diverged"} | {k: v for k, v in rows[0].items() if "params" in k}
    del rows[1]["params.dropout"]
    left_out = importances(table_of(rows)).left_out
    assert left_out[0].startswith("Importances leave out 1 trials without a score")
    assert left_out[1] == "Importances leave out dropout: not every trial has a value of it."


def test_importance_says_why_there_is_none(make_table: MakeTable) -> None:
    assert importances(make_table(5)).why == "needs 10 complete trials, has 5"
    assert importances(scored([0.5, 0.6] * 10)).why == "no hyperparameter varies"
    level = [{"val_accuracy": 0.5, "test_accuracy": 0.5, "params.x": k} for k in range(12)]
    assert importances(table_of(level)).why == "all scores are equal"
