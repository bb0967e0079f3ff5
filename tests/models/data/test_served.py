"""A logged network takes numbers of any type that holds the values of its training data, and nothing else."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from models.data.served import as_inputs, code_columns
from models.data.sources import Source, load_dataset, raw_rows
from tests.models.made_up import penguins

IMAGES = np.arange(24).reshape(2, 3, 4) % 17


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16", "int64", "int32", "int8", "uint8", "uint64"])
@pytest.mark.parametrize("wanted", ["uint8", "float32", "float64", "int64"])
def test_any_numeric_type_that_holds_the_values_is_taken(dtype: str, wanted: str) -> None:
    found = as_inputs(IMAGES.astype(dtype), wanted, (3, 4))
    assert found.dtype == wanted
    np.testing.assert_array_equal(found, IMAGES)


def test_frames_of_several_numeric_types_and_lists_are_taken() -> None:
    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": [True, False], "d": pd.array([3, 4], dtype="Int64")})
    expected = [[1, 0.5, 1, 3], [2, 1.5, 0, 4]]
    np.testing.assert_array_equal(as_inputs(frame, "float32", [4]), np.asarray(expected, np.float32))
    np.testing.assert_array_equal(as_inputs(expected, "float64", [4]), expected)
    whole = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    np.testing.assert_array_equal(as_inputs(whole, "float64", [2]), [[1, 3], [2, 4]])


def test_a_float_is_rounded_to_the_training_datas_precision_and_gaps_stay_gaps() -> None:
    found = as_inputs([[0.1, np.nan]], "float32", [2])
    assert found[0, 0] == np.float32(0.1)
    assert np.isnan(found[0, 1])


@pytest.mark.parametrize(
    ("rows", "dtype", "said"),
    [
        (np.zeros((2, 12)), "uint8", r"must have the shape \(rows, 3, 4\), with one row or more, got \(2, 12\)"),
        (np.zeros((3, 4)), "uint8", r"must have the shape \(rows, 3, 4\), with one row or more, got \(3, 4\)"),
        (np.zeros((0, 3, 4)), "uint8", r"with one row or more, got \(0, 3, 4\)"),
        (7, "uint8", r"got \(\)"),
        (IMAGES.astype(str), "uint8", "must be numbers, got <U"),
        (IMAGES.astype(object).astype(str).tolist(), "float32", "must be numbers, got <U"),
        (pd.DataFrame({"a": ["x"], "b": [1]}), "float32", "must be numbers, got <U21 of DataFrame"),
        (IMAGES.astype(complex), "float32", "must be numbers, got complex128"),
        ({"a": [1]}, "float32", "must be numbers, got object of dict"),
        (IMAGES + 0.5, "uint8", "must have values that uint8 holds, as the training data's, got 0.5"),
        (IMAGES - 1, "uint8", "got -1"),
        (IMAGES * 100, "uint8", "got 300"),
        (IMAGES * np.nan, "uint8", "got nan"),
        (IMAGES * 1e300, "float32", r"must have values that float32 holds, as the training data's, got 1e\+300"),
    ],
)
def test_other_rows_are_refused_with_the_rule_and_the_value(rows: object, dtype: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^the rows {said}" if said.startswith("must") else said):
        as_inputs(rows, dtype, (3, 4))


def test_raw_rows_of_a_table_have_its_words_and_gaps_and_are_coded_as_the_test_part_is(tmp_path: Path) -> None:
    penguins().to_csv(tmp_path / "birds.csv", index=False)
    data = load_dataset(Source.read({"dataset": str(tmp_path / "birds.csv"), "target": "species"}))
    assert {column.kind for column in data.columns} == {"numeric", "category", "boolean"}
    rows = raw_rows(data.location)
    assert list(rows.columns) == [column.name for column in data.columns]
    assert rows["island"].dropna().isin(["Biscoe", "Dream", "Torgersen"]).all()
    np.testing.assert_array_equal(code_columns(rows, data.columns), data.x_test)


def test_raw_rows_of_arrays_are_the_test_part() -> None:
    np.testing.assert_array_equal(raw_rows("digits"), load_dataset("digits").x_test)
    assert next(iter(raw_rows("iris"))) == "sepal length (cm)"
