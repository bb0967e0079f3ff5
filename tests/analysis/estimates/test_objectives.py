"""A search that minimises has the numbers of the turned one; what has no worst value has the baseline's."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.__main__ import main
from analysis.estimates.best_of_n import best_of_n
from analysis.estimates.comparison import compare
from analysis.estimates.confirmation import confirm_summary
from analysis.estimates.doubling import doubling_gain
from analysis.estimates.importance import importances
from analysis.estimates.planning import trials_to_reach
from analysis.looks.pareto import pareto_front, smallest_at_least
from analysis.page import html
from analysis.reading.pool import pool_of
from analysis.reading.table import TrialTable
from analysis.report.contents import make_report
from analysis.report.page import report_parts
from analysis.report.second_looks import baseline_sentence
from models.tasks.objective import CONSTANT, LINEAR, Objective
from tests.analysis.made_up import scored, table_of

RMSE, R2, ACCURACY = Objective("val_rmse"), Objective("val_r2"), Objective("val_accuracy")
BASELINES = {CONSTANT: {"val_rmse": 1.0, "test_rmse": 1.1}, LINEAR: {"val_rmse": 0.3, "test_rmse": 0.35}}


def made_up(m: int = 60, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Scores in [0, 1] with ties and collapsed trials: what a search really has."""
    random = np.random.default_rng(seed)
    val = np.round(np.clip(0.95 - 0.1 * random.exponential(size=m), 0, 1), 2)
    val[random.random(m) < 0.15] = 0.0
    return val, np.clip(val + random.normal(0, 0.01, m).round(3), 0, 1)


def both(**facts: Any) -> tuple[TrialTable, TrialTable]:
    """A search that maximises an accuracy, and the one that minimises 1 less it, whose baseline is 1."""
    val, test = made_up()
    up = scored(val, test, validation_rows=600, **facts)
    return up, scored(1 - val, 1 - test, objective=RMSE, task="regression", baselines=BASELINES, **facts)


def test_curves_of_a_search_that_minimises_are_those_of_the_turned_one() -> None:
    up, down = both()
    one, two = best_of_n(up), best_of_n(down)
    assert (two.direction, two.worst, one.worst) == ("minimize", 1.0, 0.0)
    assert (one.found.number, one.found.tied) == (two.found.number, two.found.tied)
    for name in ("best_val", "best_val_at_least", "best_val_proven", "median_best_val", "median_best_val_band"):
        for n, point in one.curves[name].items():
            turned = two.curves[name][n]
            assert turned.value == pytest.approx(1 - point.value, abs=1e-12), (name, n)
            for low, high in ((point.low, turned.high), (point.high, turned.low)):
                assert (low is None) == (high is None), (name, n)
                assert low is None or high == pytest.approx(1 - low, abs=1e-12), (name, n)
    for n, point in one.curves["gap"].items():
        assert two.curves["gap"][n].value == pytest.approx(-point.value, abs=1e-12)
    for first, second in zip(one.predictions, two.predictions, strict=True):
        assert (first.at_least is None) == (second.at_least is None)
        assert first.at_least is None or second.at_least == pytest.approx(1 - first.at_least)


def test_the_mean_test_score_of_what_has_no_worst_value_has_no_interval_and_says_why() -> None:
    _, down = both(test_rows=400)
    found = best_of_n(down)
    assert all(point.low is None for n, point in found.curves["test_of_best"].items())
    assert "has no interval, and RMSE has no worst value" in str(found.curves["test_of_best"][1].why)
    assert found.found.test is not None
    assert found.found.test.low is None
    assert not found.test_standard_error


def test_failed_trials_and_worse_ones_stand_at_the_baseline_on_validation_and_on_test() -> None:
    rows: list[dict[str, Any]] = [
        {"val_rmse": 0.5, "test_rmse": 0.6},
        {"val_rmse": 7.0, "test_rmse": 0.1},
        {"state": "failed", "state_reason": "diverged"},
        {"state": "failed", "state_reason": "worker lost"},
        {"val_rmse": 0.9, "test_rmse": 9.0},
    ]
    table = table_of(rows, objective=RMSE, task="regression", baselines=BASELINES)
    pool = pool_of(table)
    assert pool.val.tolist() == [0.5, 1.0, 1.0, 0.9]
    assert pool.test.tolist() == [0.6, 1.1, 1.1, 9.0]  # nobody knows that the last one is worse but by looking at test
    assert (pool.bounds, pool.worst, pool.beaten, pool.complete, pool.failed) == ((0.0, 1.0), 1.0, 1, 3, 1)
    notes = " ".join(best_of_n(table).notes)
    assert "RMSE has no worst value" in notes
    assert "predicting the mean of the training part" in notes
    assert "(1 trial completed with a worse score)" in notes
    with pytest.raises(ValueError, match="an estimate of val_rmse, which has no worst value, needs the constant"):
        pool_of(replace(table, baselines={}))
    with pytest.raises(ValueError, match=r"val_rmse of a complete trial lies in \[0, inf\): got -1.0 for number 0"):
        pool_of(scored([-1.0], objective=RMSE, baselines=BASELINES))
    with pytest.raises(ValueError, match=r"val_r2 of a complete trial lies in \(-inf, 1\]: got 1.5"):
        pool_of(scored([1.5], objective=R2, baselines={CONSTANT: {"val_r2": -0.1, "test_r2": -0.1}}))


def test_rank_front_targets_doubling_and_importance_follow_the_direction() -> None:
    up, down = both()
    assert down.ranked["number"].tolist() == up.ranked["number"].tolist()
    sizes = list(range(len(up.frame)))
    up, down = (replace(each, frame=each.frame.assign(n_parameters=sizes)) for each in (up, down))
    assert [each.number for each in pareto_front(down)] == [each.number for each in pareto_front(up)]
    assert smallest_at_least(down, 0.1).number == smallest_at_least(up, 0.9).number  # type: ignore[union-attr]
    assert doubling_gain(down).gain == pytest.approx(doubling_gain(up).gain)
    one = trials_to_reach(pool_of(up).val, 0.9)
    two = trials_to_reach(pool_of(down).val, 0.1, direction="minimize")
    assert (one.reached, one.trials, one.low, one.high) == (two.reached, two.trials, two.low, two.high)
    width = [str(k % 3) for k in sizes]
    up, down = (replace(each, frame=each.frame.assign(**{"params.width": width})) for each in (up, down))
    assert importances(down).ped_anova == pytest.approx(importances(up).ped_anova)


def test_comparisons_and_second_looks_follow_the_direction_and_refuse_two_objectives() -> None:
    up, down = both(seed=1)
    val, test = made_up(seed=8)
    other_up = scored(val, test)
    other_down = scored(1 - val, 1 - test, objective=RMSE, task="regression", baselines=BASELINES)
    one, two = compare(up, other_up), compare(down, other_down)
    for n, point in one.at_n["best_val"].items():
        assert two.at_n["best_val"][n].value == pytest.approx(-point.value, abs=1e-12)
        assert two.at_n["best_val"][n].low == pytest.approx(-point.high)  # type: ignore[operator]
    with pytest.raises(ValueError, match="compared by one objective: got val_accuracy of made-up and val_rmse"):
        compare(up, down)
    search = scored([0.5, 0.3, 0.4], objective=RMSE, baselines=BASELINES)
    rows = [{"val_rmse": 0.35, "test_rmse": 0.36, "confirms": str(k)} for k in (1, 1, 2, 2)]
    confirmed = confirm_summary(search, table_of(rows, sampler="list", objective=RMSE, baselines=BASELINES))
    assert [row.number for row in confirmed] == [1, 2]
    assert confirmed[0].test is not None
    assert confirmed[0].test.low == pytest.approx(0.36)


def test_baselines_say_what_they_are_and_who_beats_them() -> None:
    beaten = scored([0.25, 0.5], objective=RMSE, task="regression", baselines=BASELINES, train_rows=300)
    assert baseline_sentence(beaten).startswith("The trial found is better on validation than the mean of the training")
    ahead = scored([0.4, 0.5], objective=RMSE, task="regression", baselines=BASELINES, train_rows=300)
    assert baseline_sentence(ahead) == (
        "The search does not beat linear regression on the same features: 0.3000 on validation, where the trial found "
        "has 0.4000."
    )
    classes = {
        CONSTANT: {"val_accuracy": 0.1, "test_accuracy": 0.1},
        LINEAR: {"val_accuracy": 0.97, "test_accuracy": 0.96},
    }
    equal = scored([0.97, 0.5], baselines=classes, train_rows=54_000)
    assert baseline_sentence(equal).startswith(
        "The search is as good on validation as logistic regression on the same features, fitted on 10,000 rows: 0.9"
    )
    behind = scored([0.98, 0.5], [0.95, 0.5], baselines=classes, train_rows=54_000)
    assert "On test it is not: 0.9500 against the 0.9600 of logistic regression" in baseline_sentence(behind)
    assert baseline_sentence(scored([0.9])) == ""


def test_no_page_of_a_regression_speaks_of_accuracy() -> None:
    val, test = made_up(40)
    more = {"params.width": np.arange(40) % 4, "params.dropout": np.arange(40) / 100}
    for objective, scores, worst in (
        (RMSE, (50 * (1 - val), 50 * (1 - test)), (60.0, 61.0)),
        (R2, (val - 0.3, test - 0.3), (-0.4, -0.5)),
    ):
        constant = {objective.name: worst[0], objective.test_name: worst[1]}
        found = {CONSTANT: constant, LINEAR: {name: score * 0.8 for name, score in constant.items()}}
        table = scored(*scores, objective=objective, task="regression", baselines=found, train_rows=300, test_rows=60)
        frame = table.frame.assign(n_parameters=np.arange(40) * 100.0 + 50, seconds=1.0, **more)
        page = html.page("t", report_parts(make_report(replace(table, frame=frame))))
        words = "".join(part.partition('"')[2] for part in page.split("<body>")[1].split("base64,"))
        assert "ccuracy" not in words
        assert f"validation {objective.label}" in words
    page = html.page("t", report_parts(make_report(scored(val, test, objective=Objective("val_macro_f1"), seed=1))))
    assert "validation macro F1" in page
    assert "validation accuracy" not in page


def test_a_csv_of_errors_says_what_a_failed_trial_has(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "trials.csv"
    rows = "\n".join(f"{k},complete,{50 + k % 7},{52 + k % 5}" for k in range(20))
    file.write_text(f"number,state,val_rmse,test_rmse\n{rows}\n20,failed,,\n")
    command = ["--trials", str(file), "--sampler", "random", "--out", str(tmp_path / "out")]
    assert main([*command, "--objective", "val_rmse", "--worst", "80,81"]) == 0
    assert "at most" in (tmp_path / "out" / "report.html").read_text()
    capsys.readouterr()
    for more, message in (
        ([], "missing val_accuracy"),
        (["--objective", "val_rmse"], "needs the constant baseline's score"),
        (["--objective", "val_rmse", "--worst", "80"], "--worst is two numbers"),
        (["--objective", "val_rms"], "did you mean 'val_rmse'?"),
    ):
        assert main([*command, *more]) == 2
        assert message in capsys.readouterr().err


def test_all_scores_equal_or_at_the_baseline_are_no_fault() -> None:
    same = scored([1.0] * 12, objective=RMSE, task="regression", baselines=BASELINES)
    point = best_of_n(same, [1]).curves["best_val"][1]
    assert point.value == 1.0
    assert math.isclose(point.high or 0.0, 1.0)
