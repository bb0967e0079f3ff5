"""Which trials count, and which tables are refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from analysis.reading.columns import attempts_of, trials_frame
from analysis.reading.csv_file import read_csv
from analysis.reading.pool import has_prefix, pool_of
from analysis.reading.table import TrialTable
from models.core.states import CONFIGURATION_REASONS, MACHINE_REASONS
from tests.analysis.made_up import scored, table_of


def done(val: float = 0.9, **more: Any) -> dict[str, Any]:
    return {"val_accuracy": val, "test_accuracy": val} | more


def failed(reason: str, **more: Any) -> dict[str, Any]:
    return {"state": "failed", "state_reason": reason} | more


@pytest.mark.parametrize("reason", [*CONFIGURATION_REASONS, "", "exception: ValueError: shapes"])
def test_failed_by_configuration_counts_at_the_floor(reason: str) -> None:
    pool = pool_of(table_of([done(0.9), failed(reason)]))
    assert pool.val.tolist() == [0.9, 0.0]
    assert (pool.trials, pool.complete, pool.failed, pool.lost) == (2, 1, 1, 0)


@pytest.mark.parametrize("reason", MACHINE_REASONS)
def test_lost_to_the_machine_does_not_count(reason: str) -> None:
    pool = pool_of(table_of([done(0.9), done(0.8), failed(reason)]))
    assert (pool.val.tolist(), pool.lost) == ([0.9, 0.8], 1)


def test_a_search_that_was_cut_off_uses_its_finished_prefix() -> None:
    """Numbers 2 and 3 were in flight; 4 and 5 finished because they are fast."""
    rows = [done(0.7), done(0.8), failed("interrupted"), done(0.9, number=4), done(0.95, number=5)]
    table = table_of(rows, planned_trials=10)
    pool = pool_of(table)
    assert (pool.numbers.tolist(), pool.left_out, pool.by_length) == ([0, 1], 2, False)
    everything = pool_of(table, "all")
    assert (everything.trials, everything.left_out, everything.by_length) == (4, 0, True)


def test_a_worker_lost_for_good_does_not_end_the_prefix() -> None:
    assert pool_of(table_of([done(), failed("worker lost"), done()])).trials == 2


def test_no_prefix_yet() -> None:
    table = table_of([done(number=3)])
    assert not has_prefix(table)
    assert has_prefix(table_of([done()]))
    with pytest.raises(ValueError, match="number 0 is the first unfinished one"):
        pool_of(table)


def test_pruned_trials_make_a_lower_bound() -> None:
    pool = pool_of(table_of([done(), {"state": "pruned", "val_accuracy": 0.6}]))
    assert (pool.val.tolist(), pool.lower_bound) == ([0.9, 0.0], True)


@pytest.mark.parametrize("state", ["COMPLETE", "waiting", "done"])
def test_an_unknown_state_is_refused(state: str) -> None:
    with pytest.raises(ValueError, match=f"state is complete, failed or pruned: got '{state}' for number 1"):
        pool_of(table_of([done(), done(state=state)]))


def test_an_unknown_reason_is_refused() -> None:
    with pytest.raises(ValueError, match=r"is one of exception, .*: got 'bad luck' for number 0"):
        pool_of(table_of([failed("bad luck")]))


@pytest.mark.parametrize("sampler", ["tpe", "", "TPESampler"])
def test_an_adaptive_sampler_is_refused_with_the_reason(sampler: str) -> None:
    with pytest.raises(ValueError, match=f"later trials depend on earlier scores: got sampler '{sampler}'"):
        pool_of(scored([0.5], sampler=sampler))


@pytest.mark.parametrize(("name", "value"), [("val_accuracy", 95.0), ("test_accuracy", -0.1), ("test_accuracy", None)])
def test_an_accuracy_outside_its_range_is_refused(name: str, value: float | None) -> None:
    with pytest.raises(ValueError, match=rf"{name} of a complete trial lies in \[0, 1\]: got"):
        pool_of(table_of([done(), done() | {name: value}]))


def test_the_first_m_trials_are_counted_anew() -> None:
    pool = pool_of(table_of([done(), failed("timeout"), {"state": "pruned"}, done()])).first(2)
    assert (pool.trials, pool.complete, pool.failed, pool.pruned) == (2, 1, 1, 0)


def test_the_last_attempt_stands_and_running_numbers_are_left_out() -> None:
    rows = [
        done(0.9, number="0", attempt="1"),
        failed("worker lost", number="0", attempt="0"),
        failed("worker lost", number="1", attempt="0"),
        {"number": "1", "attempt": "1", "state": None, "state_reason": None},
    ]
    for row in rows:
        row.setdefault("state", "complete")
        row.setdefault("state_reason", "")
    rows = [{"val_accuracy": None, "test_accuracy": None} | row for row in rows]
    frame = trials_frame(rows)
    assert frame["number"].tolist() == [0]
    assert frame["attempt"].tolist() == [1]
    assert attempts_of(rows)["state"].tolist() == ["failed", "complete", "failed", "running"]


def test_parameters_are_numbers_where_all_are() -> None:
    frame = trials_frame(
        [
            done(number=k, state="complete", state_reason="") | {"params.width": w, "params.rate": r}
            for k, (w, r) in enumerate([("32", "0.1"), ("400-300", "1e-3")])
        ]
    )
    assert frame["params.width"].tolist() == ["32", "400-300"]
    assert frame["params.rate"].tolist() == [0.1, 0.001]


def test_a_number_stands_once() -> None:
    frame = pd.DataFrame({"number": [1, 1], "state": "complete", "state_reason": "", "val_accuracy": 1.0})
    with pytest.raises(ValueError, match="missing test_accuracy"):
        TrialTable(frame, "s", "random")
    with pytest.raises(ValueError, match="stands once in a trials table: got 1 again"):
        TrialTable(frame.assign(test_accuracy=1.0), "s", "random")


def test_a_csv_with_the_required_columns_alone(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("number,state,state_reason,val_accuracy,test_accuracy\n0,complete,,0.9,0.8\n1,failed,timeout,,\n")
    table = read_csv(file, "grid")
    assert (table.study, table.sampler, table.seed, table.test_rows) == ("mine", "grid", None, None)
    assert pool_of(table).val.tolist() == [0.9, 0.0]


def test_a_csv_may_lack_test_and_reasons_and_count_from_1(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("number,state,val_accuracy\n1,complete,0.9\n2,failed,\n3,complete,0.8\n")
    pool = pool_of(read_csv(file, "random"))
    assert (pool.numbers.tolist(), pool.val.tolist(), pool.tested) == ([1, 2, 3], [0.9, 0.0, 0.8], False)
    file.write_text("number,state,val_accuracy,config_hash\n1,complete,0.9,ab\n2,complete,0.8,cd\n")
    assert not has_prefix(read_csv(file, "random"))  # of this project's own search number 0 is missing


def test_a_csv_of_a_search_says_how_many_rows_its_scores_are_of(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    head = "number,state,val_accuracy,test_accuracy,config_hash,params.test_rows,params.validation_rows\n"
    file.write_text(f"{head}0,complete,0.9,0.8,ab,100,60\n1,failed,,,cd,,\n")
    table = read_csv(file, "random")
    assert (table.test_rows, table.validation_rows, table.train_rows) == (100, 60, None)
    file.write_text(f"{head}0,complete,0.9,0.8,ab,100,60\n1,complete,0.9,0.8,cd,200,60\n")
    assert read_csv(file, "random").test_rows is None


def test_attempts_stand_once_each(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("number,attempt,state,val_accuracy\n0,0,failed,\n0,1,complete,0.9\n")
    assert pool_of(read_csv(file, "random")).val.tolist() == [0.9]


def test_a_table_written_and_read_again_is_the_same(tmp_path: Path, make_table: Any) -> None:
    table = make_table(30, failed=0.2)
    table.frame.to_csv(tmp_path / "t.csv", index=False)
    again = read_csv(tmp_path / "t.csv", "random")
    pd.testing.assert_frame_equal(again.frame, table.frame, check_dtype=False)
    assert np.array_equal(pool_of(again).val, pool_of(table).val)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("number,state,val_accuracy\n3,complete,0.9\n3,complete,0.5\n", "once for each attempt: got 3 again"),
        ("number,state\n0,complete\n", "missing val_accuracy"),
        ("", "is a CSV file of trials"),
        ("number,state,state_reason,val_accuracy,test_accuracy\n", "at least one row"),
        ("number,state,state_reason,val_accuracy,test_accuracy\n0,,,1,1\n", "got a blank one for number 0"),
        ("number,state,state_reason,val_accuracy,test_accuracy\na,complete,,1,1\n", "number is a number .*: got 'a'"),
        ("number,state,state_reason,val_accuracy,test_accuracy\n0.5,complete,,1,1\n", "number is a whole number"),
        ("number,state,state_reason,val_accuracy,test_accuracy\n0,complete,,high,1\n", "val_accuracy .*: got 'high'"),
    ],
)
def test_a_bad_csv_is_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "bad.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match=words):
        read_csv(file, "random")
    with pytest.raises(ValueError, match="which is no file"):
        read_csv(tmp_path / "absent.csv", "random")
