"""Data and functions that a program hands over in memory are kept in files named by their content."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from models.core.errors import ConfigError
from models.data.sources import load_dataset
from search.api.kept import keep_data, keep_source

X, Y = np.arange(60.0).reshape(20, 3), np.array(["no", "yes"] * 10)


@pytest.mark.parametrize(
    "data",
    [
        (X, Y),
        [X.tolist(), Y.astype(object)],
        {"x": X, "y": Y},
        (X, Y, X[:4], Y[:4]),
        ((X, Y), (X[:4], Y[:4])),
        {"x_test": X[:4], "x_train": X, "y_test": Y[:4], "y_train": Y},
    ],
    ids=["pair", "lists", "dict of two", "four", "nested", "dict of four"],
)
def test_arrays_in_every_form_are_read_as_data(data: Any, tmp_path: Path) -> None:
    path = keep_data(data, f"sqlite:///{tmp_path}/optuna.db")
    assert Path(path).is_relative_to(tmp_path / "outbox")
    found = load_dataset(path)
    assert list(found.target.class_names) == ["no", "yes"]
    assert len(found.x_test) == 4
    assert keep_data(data, f"sqlite:///{tmp_path}/optuna.db") == path
    assert len(list((tmp_path / "outbox").rglob("*.npz"))) == 1


def test_other_values_are_another_file(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/optuna.db"
    paths = {keep_data(data, storage) for data in ((X, Y), (X + 1, Y), (X.astype(np.float32), Y))}
    assert len(paths) == 3


def test_names_paths_and_frames(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/optuna.db"
    assert keep_data("digits", storage) == "digits"
    assert keep_data(Path("a.csv"), storage) == "a.csv"
    frame = pd.DataFrame({"a": X[:, 0], "label": Y})
    pd.testing.assert_frame_equal(pd.read_parquet(keep_data(frame, storage)), frame)


def test_a_function_s_text_is_a_file_in_a_folder_by_its_content(tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path}/optuna.db"
    first, other = (keep_source(text, "network", storage) for text in ("a = 1\n", "a = 2\n"))
    assert (first.name, first.read_text()) == ("network.py", "a = 1\n")
    assert first.parent != other.parent


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (3, "data must be (x, y), (x_train, y_train, x_test, y_test), a dict of arrays by those names, a DataFrame"),
        ((X, Y, X), "got 3 of them"),
        ({"x": X, "labels": Y}, "got ['x', 'labels']"),
        ((X, np.array([{}, 1] * 10, dtype=object)), "y must be an array of numbers or words, got objects such as {}"),
        (([[1], [2, 3]], [0, 1]), "x must be an array, got values that form none"),
        (pd.DataFrame({"a": [object()]}), "data must be a DataFrame that Parquet can hold, got ArrowInvalid"),
    ],
    ids=["number", "three", "names", "objects", "ragged", "frame of objects"],
)
def test_other_things_are_refused_in_a_line_and_nothing_is_made(data: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        keep_data(data, f"sqlite:///{tmp_path}/optuna.db")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file")
    with pytest.raises(
        ConfigError, match="storage must lie where files can be written, since the data are kept beside it"
    ):
        keep_data((X, Y), f"sqlite:///{tmp_path}/optuna.db")
