"""Tables: columns encoded by the training part alone, gaps and unknown categories allowed, mistakes in one line."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.core.errors import ConfigError
from models.data.scaling import TableEncoding, fit_scaling
from models.data.served import code_columns
from models.data.sources import Source, find_data, load_dataset
from models.data.splits import Split, split_dataset
from tests.models.made_up import penguins

ALL: dict[str, Any] = {"dataset": "p.csv", "target": "species", "leave_out": "number, seen, nest"}


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    penguins().to_csv("p.csv", index=False)


def encoding_of(split: Split) -> TableEncoding:
    found = fit_scaling(split)
    assert isinstance(found, TableEncoding)
    return found


def test_columns_are_encoded_by_what_the_training_part_says() -> None:
    data = load_dataset(Source.read(ALL))
    assert [(column.name, column.kind) for column in data.columns] == [
        ("bill", "numeric"), ("mass", "numeric"), ("island", "category"), ("dives", "boolean"),
    ]  # fmt: skip
    split = split_dataset(data, 0.2, 1)
    encoding = encoding_of(split)
    assert encoding.features == ["bill", "mass", "island=Biscoe", "island=Dream", "island=Torgersen", "dives"]
    raw = split.inputs["train"]
    features = encoding.apply(raw)
    assert features.dtype == np.float32
    np.testing.assert_allclose(features[:, [0, 1, 5]].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(features[:, [0, 1, 5]].std(axis=0), 1, rtol=1e-6)
    assert (features[:, 2:5].sum(axis=1) == 1).all()
    median = np.nanmedian(raw[:, 0])
    mean = np.where(np.isnan(raw[:, 0]), median, raw[:, 0]).mean()
    assert encoding.columns[0].fill == median
    assert encoding.columns[0].centre == pytest.approx(mean)
    islands = raw[:, 2][~np.isnan(raw[:, 2])].astype(int)
    assert encoding.columns[2].fill == np.bincount(islands).argmax()


def test_neither_validation_nor_test_rows_are_looked_at() -> None:
    split = split_dataset(load_dataset(Source.read(ALL)), 0.2, 1)
    other = {part: split.inputs[part] * 0 + 1 for part in ("validation", "test")}
    assert encoding_of(replace(split, inputs=split.inputs | other)) == encoding_of(split)
    rare = split.inputs["train"].copy()
    rare[:, 2][rare[:, 2] == 2] = 0
    assert "island=Torgersen" not in encoding_of(replace(split, inputs=split.inputs | {"train": rare})).features


def test_rows_of_the_user_are_coded_as_those_of_the_file_were() -> None:
    data = load_dataset(Source.read(ALL | {"test": "p.csv"}))
    frame = penguins()
    assert np.array_equal(code_columns(frame, data.columns), data.x_train, equal_nan=True)
    assert np.array_equal(data.x_test, data.x_train, equal_nan=True)
    strange = frame.head(3).assign(island=["Atlantis", None, "Dream"], mass=[1.5, None, 4000], dives=["true", 0, None])
    codes = code_columns(strange, data.columns)
    assert np.array_equal(codes[:, 1:], [[1.5, -1, 1], [np.nan, np.nan, 0], [4000, 1, np.nan]], equal_nan=True)
    for wrong, message in (
        (frame.assign(mass="heavy"), "column mass must be numbers"),
        (frame.assign(dives="sometimes"), "column dives must be booleans"),
        (frame.drop(columns="bill"), r"need the columns bill, mass, island, dives, got none of \['bill'\]"),
    ):
        with pytest.raises(ValueError, match=message):
            code_columns(wrong, data.columns)


def test_a_parquet_file_is_the_same_data_and_the_test_part_is_no_studys() -> None:
    table = penguins()
    table.to_parquet("p.parquet")
    one, other = (load_dataset(Source.read(ALL | {"dataset": name})) for name in ("p.csv", "p.parquet"))
    assert one.sha256 == other.sha256
    assert len(one.y_test) == 60
    first, second = (split_dataset(one, 0.2, seed) for seed in (1, 2))
    assert (first.labels["test"] == second.labels["test"]).all()
    assert (first.labels["train"] != second.labels["train"]).any()
    assert len(load_dataset(Source.read(ALL | {"test": 0.5})).y_test) == 150


def test_what_names_the_data_finds_them_again_from_anywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    data = load_dataset(Source.read(ALL | {"group": "nest", "leave_out": ["number", "seen"]}))
    (tmp_path / "below").mkdir()
    monkeypatch.chdir("below")
    again = find_data(data.location, data.sha256, None)
    assert again.groups is not None
    assert (again.groups == data.groups).all()
    (tmp_path / "p.csv").rename(tmp_path / "below" / "q.csv")
    with pytest.raises(ConfigError, match="the run's data must be where it was"):
        find_data(data.location, data.sha256, None)
    assert find_data(data.location, data.sha256, "q.csv").sha256 == data.sha256
    penguins(seed=5).to_csv("q.csv", index=False)
    with pytest.raises(ConfigError, match="the data must be that of the run"):
        find_data(data.location, data.sha256, "q.csv")


def test_groups_are_in_the_training_or_in_the_test_part() -> None:
    table = penguins().assign(mass=lambda frame: frame["nest"])  # so that the rows show it
    table.to_csv("p.csv", index=False)
    data = load_dataset(Source.read(ALL | {"group": "nest", "leave_out": "number,seen"}))
    assert not set(data.x_train[:, 1]) & set(data.x_test[:, 1])
    assert abs(len(data.y_test) - 60) < 15
    with pytest.raises(ConfigError, match=r"a group must be in one part, got 0, 1, .* in training and test"):
        load_dataset(Source.read(ALL | {"group": "nest", "test": "p.csv"}))


def test_a_number_or_several_are_predicted_in_their_units() -> None:
    data = load_dataset(Source.read(ALL | {"target": "mass"}))
    assert (data.target.task, data.target.names, data.y_train.shape) == ("regression", ("mass",), (240, 1))
    assert data.y_train.max() > 4900
    both = load_dataset(Source.read(ALL | {"target": ["mass", "nest"], "leave_out": "number,seen"}))
    assert (both.target.names, both.y_test.shape) == (("mass", "nest"), (60, 2))


def test_an_identifier_a_date_and_a_column_that_tells_nothing_are_hinted_at() -> None:
    penguins().assign(always=1, never=np.nan).to_csv("p.csv", index=False)
    hints = load_dataset(Source.read({"dataset": "p.csv", "target": "species"})).hints
    assert hints == (
        "column number has another value in each row, as an identifier or a text has, and is used all the same; "
        "leave_out: number (--leave-out number) leaves it out",
        "column seen looks like a date: leave_out: seen, unless its days come again",
        "column always is the same in each row: it tells nothing",
        "column never is empty: it tells nothing",
    )
    penguins().to_csv("p.csv", index=False)
    assert load_dataset(Source.read(ALL)).hints == ()


@pytest.mark.parametrize("spoil", [lambda x: str(x).replace(".", ","), lambda x: "?" if x > 4700 else x])
def test_a_column_of_numbers_that_is_taken_for_words_is_hinted_at(spoil: Callable[[float], object]) -> None:
    spoilt = penguins()
    spoilt["mass"] = spoilt["mass"].add(0.5).map(spoil)
    spoilt.to_csv("p.csv", index=False)
    (hint,) = load_dataset(Source.read(ALL)).hints
    odd = next(value for value in spoilt["mass"] if "?" in str(value) or "," in str(value))
    assert hint == f"column mass has values that are no numbers, such as {odd!r}, so it is taken for words"


def test_the_named_index_of_a_parquet_file_is_one_of_its_columns() -> None:
    expected = load_dataset(Source.read(ALL)).sha256
    penguins().set_index("number").to_parquet("p.parquet")
    assert load_dataset(Source.read(ALL | {"dataset": "p.parquet"})).sha256 == expected


def test_separators_and_a_byte_order_mark_are_read_as_spreadsheets_write_them() -> None:
    expected = load_dataset(Source.read(ALL)).sha256
    for separator in (";", "\t"):
        penguins().to_csv("p.csv", index=False, sep=separator, encoding="utf-8-sig")
        assert load_dataset(Source.read(ALL)).sha256 == expected


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"target": ""}, "p.csv needs `target`: one of its columns number, bill, mass, island"),
        ({"target": "specis"}, "target must be one of its columns .*, got 'specis'; did you mean 'species'"),
        ({"leave_out": "seen,nests"}, "leave_out must be one of .*, got 'nests'; did you mean 'nest'"),
        ({"group": "colony"}, "p.csv: group must be one of its columns"),
        (
            {"weight": "island"},
            "column island of p.csv must have a value in each row, got 28 without, the first in row 1",
        ),
        ({"weight": "species2"}, "weight must be one of .*did you mean 'species'"),
        ({"target": "bill"}, "column bill of p.csv must have a value in each row, got 34 without, the first in row 1"),
        ({"task": "regression"}, "species of p.csv holds words such as .*, which task: classification would take"),
        ({"target": "mass", "task": "classification"}, "each class of p.csv needs 3 rows or more, .* got class '3"),
        ({"test": "1.5"}, "test must be a fraction between 0 and 1, or the path of a table, got '1.5'"),
        ({"test": "0.001"}, "test must leave a row of each of 3 classes in every part, got 0.001 of 300 rows"),
        ({"test": "nowhere.csv"}, "nowhere.csv': no such file"),
        ({"image_size": "28"}, "p.csv is a table, and `image_size` belongs to a folder of images"),
        ({"dataset": "q.csv"}, "q.csv': no such file"),
    ],
)
def test_each_mistake_has_a_line(said: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as refused:
        load_dataset(Source.read(ALL | said))
    assert "\n" not in str(refused.value)


def test_files_that_are_no_tables_and_columns_that_have_no_encoding_are_refused() -> None:
    for content, message in (
        (b"", "p.csv must be a CSV file"),
        (b"a,b\n1,2\n3,4,5,6\n", "p.csv must be a CSV file"),
        (b"\xff\xfe\x00", "p.csv must be a CSV file"),
        ("größe,species\n1,x\n".encode("latin-1"), "p.csv must be a CSV file .* it is not in UTF-8"),
        (b"a,species\n", "p.csv must have rows below its names, got none"),
        (b"a,species\n1,NA\n", "row 1 .words such as NA and None say in a CSV that there is none."),
        (b"a,a,species\n1,2,x\n", "must name each column once, got a again"),
        (b"species\nx\n", "needs a column to predict from"),
        (b"a,species\n1,x\ninf,y\n", "column a of p.csv must hold finite numbers or gaps"),
    ):
        Path("p.csv").write_bytes(content)
        with pytest.raises(ConfigError, match=message) as refused:
            load_dataset(Source.read({"dataset": "p.csv", "target": "species"}))
        assert "\n" not in str(refused.value)
    Path("p.parquet").write_bytes(b"PAR1 and nothing")
    with pytest.raises(ConfigError, match=r"p\.parquet must be a Parquet file"):
        load_dataset(Source.read(ALL | {"dataset": "p.parquet"}))
    penguins().assign(seen=pd.to_datetime("2020-01-01")).to_parquet("p.parquet")
    with pytest.raises(ConfigError, match=r"column seen of p\.parquet holds dates, .*: leave_out: seen"):
        load_dataset(Source.read(ALL | {"dataset": "p.parquet", "leave_out": "number"}))
