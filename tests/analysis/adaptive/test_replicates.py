"""The numbers and sentences about replicated adaptive searches, and the claims that are refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.adaptive import words
from analysis.adaptive.contents import best_so_far
from analysis.adaptive.gain import gain_over
from analysis.adaptive.replicates import ENOUGH, replicates_of, start_up_of
from analysis.adaptive.report import write_study_report
from analysis.estimates.best_of_n import best_of_n
from analysis.reading.table import TrialTable
from models.tasks.objective import Objective
from tests.analysis.made_up import table_of

EACH = 14
START_UP = 10


def adaptive(count: int, seed: int = 0, each: int = EACH, **facts: Any) -> TrialTable:
    """A table of searches that find better scores as they go on; every ninth trial failed."""
    random = np.random.default_rng(seed)
    objective = facts.get("objective", Objective("val_accuracy"))
    rows: list[dict[str, Any]] = []
    for number in range(count * each):
        place = number // count
        error = 0.3 * random.random() / (1 if place < START_UP else place - START_UP + 2)
        val, test = 1 - error, 1 - error - 0.01
        if objective.direction == "minimize":
            val, test = 100 * error, 100 * error + 1
        failed = number % 9 == 8
        rows.append(
            {
                "state": "failed" if failed else "complete",
                "state_reason": "diverged" if failed else "",
                objective.name: None if failed else val,
                objective.test_name: None if failed else test,
                "n_parameters": 100 + number,
                "seconds": 1.0,
                "params.width": str(random.choice([8, 16, 32])),
                "params.dropout": str(random.uniform(0, 0.5)),
            }
        )
    known: dict[str, Any] = {
        "replicates": count, "start_up_trials": min(START_UP, each), "planned_trials": count * each, "seed": 1,
        "data_sha256": "ab" * 32, "plan_hash": "cd" * 32, "test_rows": 1000, "validation_rows": 500,
    }  # fmt: skip
    return table_of(rows, sampler="tpe", **(known | facts))


def of_replicate(table: TrialTable, replicate: int) -> np.ndarray:
    frame = table.frame[table.frame["number"] % table.replicates == replicate]
    return frame["val_accuracy"].to_numpy(dtype=float)


def test_each_search_reports_its_best_trial_and_fewer_than_twenty_have_no_interval() -> None:
    table = adaptive(3)
    found = replicates_of(table)
    assert found.values == [np.nanmax(of_replicate(table, replicate)) for replicate in range(3)]
    assert found.each == EACH
    assert found.val is not None
    assert found.val.value == pytest.approx(np.mean(found.values), abs=1e-15)
    assert (found.val.low, found.val.high) == (None, None)
    assert found.below == 0.25
    said = words.reached(found)
    assert "In 3 independent searches the best of 14 trials by TPE reached a validation accuracy of" in said
    assert said.endswith("ends below the lowest of them with a probability of at most 1/4.")


def test_twenty_searches_have_an_interval_of_their_mean_that_is_best_of_n_of_their_results_at_one() -> None:
    found = replicates_of(adaptive(ENOUGH))
    alone = best_of_n(
        table_of([{"val_accuracy": value, "test_accuracy": value - 0.01} for value in found.values]), at=[1]
    )
    assert found.val is not None
    assert found.test is not None
    assert (found.val.low, found.val.value, found.val.high) == (
        alone.curves["best_val"][1].low, alone.curves["best_val"][1].value, alone.curves["best_val"][1].high,
    )  # fmt: skip
    assert found.test.low is not None
    assert "on average" in words.reached(found)
    assert f"R = {ENOUGH} independent TPE searches of 14 trials each" in words.quote(adaptive(ENOUGH), found)


def test_one_search_is_observed_and_says_nothing_of_another() -> None:
    table = adaptive(1)
    found = replicates_of(table)
    assert words.reached(found).startswith("One search: the best of 14 trials by TPE was observed at")
    assert words.tested(found) == ""
    assert words.quote(table, found).startswith("Of one TPE search of 14 trials")


def test_unfinished_searches_are_not_averaged() -> None:
    table = adaptive(3)
    cut = table.prefix(3 * EACH - 1)
    found = replicates_of(cut)
    assert not found.whole
    assert (found.val, found.test) == (None, None)
    assert "1 are not" in words.reached(found)
    assert found.found.number == int(cut.best["number"])  # type: ignore[index]


def test_a_search_without_a_complete_trial_counts_with_the_worst_score() -> None:
    table = adaptive(2)
    frame = table.frame.copy()
    mine = frame["number"] % 2 == 1
    frame.loc[mine, ["state", "state_reason"]] = ["failed", "diverged"]
    frame.loc[mine, ["val_accuracy", "test_accuracy"]] = np.nan
    found = replicates_of(TrialTable(**(table.__dict__ | {"frame": frame})))
    assert (found.searches[1].number, found.values[1]) == (None, 0.0)
    assert found.val is not None
    assert found.val.value == pytest.approx(found.values[0] / 2)


def test_start_up_trials_are_a_random_search_with_a_curve_and_no_other_curve_is_given() -> None:
    table = adaptive(4)
    found = replicates_of(table)
    beginning = start_up_of(table)
    assert (beginning.sampler, len(beginning.frame)) == ("random", 40)
    assert found.start_up is not None
    assert found.start_up.trials["started"] == 40
    assert found.start_up.curves["best_val"] == best_of_n(beginning).curves["best_val"]
    with pytest.raises(ValueError, match="exchangeable"):
        best_of_n(table)


def test_of_an_error_the_lowest_is_the_best_and_another_search_ends_above_the_highest() -> None:
    objective = Objective("val_rmse")
    baselines = {"constant": {"val_rmse": 60.0, "test_rmse": 61.0}}
    table = adaptive(3, objective=objective, task="regression", baselines=baselines)
    found = replicates_of(table)
    for replicate, value in enumerate(found.values):
        frame = table.frame[table.frame["number"] % 3 == replicate]
        assert value == frame["val_rmse"].min()
    assert "ends above the highest of them" in words.reached(found)
    assert all(line == sorted(line, reverse=True) for line in best_so_far(table))


def test_the_gain_is_over_a_random_study_of_the_same_data_and_needs_whole_searches() -> None:
    table = adaptive(ENOUGH)
    random = start_up_of(adaptive(8, seed=5))
    found = replicates_of(table)
    gain = gain_over(found, table, random, None)
    of_random = best_of_n(random, at=[EACH]).curves["best_val"][EACH]
    assert found.val is not None
    assert gain.reported.value == pytest.approx(found.val.value - of_random.value)
    assert gain.reported.low == pytest.approx(found.val.low - of_random.high)  # type: ignore[operator]
    assert gain.on_fresh_seeds is None
    assert "-e confirm of both studies" in words.gain_sentences(gain, "accuracy")[1]
    for other, said in (
        (table, "over a study with the sampler random"),
        (start_up_of(adaptive(8, data_sha256="ef" * 32)), "of the same data and objective"),
        (random.prefix(5), "at equal trials, 14 here"),
    ):
        with pytest.raises(ValueError, match=said):
            gain_over(found, table, other, None)
    cut = table.prefix(ENOUGH * EACH - 1)
    with pytest.raises(ValueError, match="all replicates finished"):
        gain_over(replicates_of(cut), cut, random, None)


def test_the_report_has_every_number_as_json_and_no_curve_of_all_trials(tmp_path: Path) -> None:
    table = adaptive(3)
    written = {path.name for path in write_study_report(table, tmp_path / "report")}
    assert {"observed.png", "tuning_curve.png", "replicates.json", "report.html"} <= written
    assert "best_of_n.json" not in written
    told = json.loads((tmp_path / "report" / "replicates.json").read_text())
    assert [one["val"] for one in told["searches"]] == replicates_of(table).values
    assert told["another_search_below_all"] == 0.25
    assert told["random_start_up"]["trials"]["started"] == 30
    page = (tmp_path / "report" / "report.html").read_text()
    assert words.NO_CURVE in page
    assert "tpe, by the scores of earlier trials of the same search" in page
