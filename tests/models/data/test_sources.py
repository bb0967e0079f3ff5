"""Sources of data: sets by name, folders of images, a loader; the settings of each; and no heavy import."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sklearn.datasets
from PIL import Image

from models.core import memory
from models.core.errors import ConfigError
from models.data.labels import CLASSIFICATION, REGRESSION
from models.data.sources import Source, load_dataset
from models.data.splits import split_dataset
from tests.models.made_up import images, penguins

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes"])
def test_what_scikit_learn_ships_is_read_as_it_reads_it(name: str) -> None:
    more = {"scaled": False} if name == "diabetes" else {}
    theirs, ours = getattr(sklearn.datasets, f"load_{name}")(**more), load_dataset(name)
    assert [column.name for column in ours.columns] == [str(feature) for feature in theirs.feature_names]
    rows = np.concatenate([ours.x_train, ours.x_test])
    labels = np.concatenate([ours.y_train, ours.y_test])
    if name == "diabetes":
        assert ours.target.task == REGRESSION
        expected = theirs.target
    else:
        assert ours.target.task == CLASSIFICATION
        expected = np.array([ours.target.classes.index(str(theirs.target_names[k])) for k in theirs.target])
    own = {(*row.tolist(), float(label)) for row, label in zip(rows, labels.ravel(), strict=True)}
    assert own == {(*row.tolist(), float(label)) for row, label in zip(theirs.data, expected, strict=True)}
    assert abs(len(ours.y_test) - 0.2 * len(labels)) <= 1


def test_reading_data_imports_nothing_heavy_and_arrays_not_even_pandas(tmp_path: Path) -> None:
    penguins().to_csv(tmp_path / "p.csv", index=False)
    code = """
import sys
from models.data.sources import Source, load_dataset
from models.data.splits import split_dataset
from models.tasks.task import task_of
from models.networks.serving import description
split_dataset(load_dataset("digits"), 0.2, 1)
arrays = sorted({"tensorflow", "keras", "sklearn", "pandas", "scipy", "PIL"} & set(sys.modules))
split = split_dataset(load_dataset(Source.read({"dataset": sys.argv[1], "target": "species"})), 0.2, 1)
description(split), task_of(split.target)
print(arrays, sorted({"tensorflow", "keras", "sklearn", "scipy"} & set(sys.modules)))
"""
    command = [sys.executable, "-c", code, str(tmp_path / "p.csv")]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "[] []\n"


def test_a_downloadable_set_is_read_from_keras_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "datasets").mkdir()
    random = np.random.default_rng(1)
    x = random.integers(0, 255, (40, 4, 4, 3)).astype(np.uint8)
    labels = (np.arange(40) % 4)[:, None]
    np.savez(tmp_path / "datasets" / "cifar10.npz", x_train=x, y_train=labels, x_test=x[:8], y_test=labels[:8])
    assert load_dataset("cifar10").y_train.tolist() == labels[:, 0].tolist()
    rows, prices = random.uniform(1, 9, (50, 8)), random.uniform(1e5, 5e5, 50)
    np.savez(tmp_path / "datasets" / "california_housing.npz", x=rows, y=prices)
    houses = load_dataset("california_housing")
    assert (houses.target.names, len(houses.y_test), houses.columns[0].name) == (("median_house_value",), 10, "MedInc")
    np.savez(tmp_path / "datasets" / "california_housing.npz", x=rows * ([-1] + [1] * 7), y=prices)
    assert [column.name for column in load_dataset("california_housing").columns][:2] == ["longitude", "latitude"]


@pytest.mark.parametrize("name", ["mnist", "cifar100", "california_housing"])
def test_without_a_cache_and_a_network_the_file_to_put_where_is_named(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", "/proc/self/keras")
    arrays = "x, y" if name == "california_housing" else "x_train, y_train, x_test, y_test"
    with pytest.raises(ConfigError, match=rf"put it as /proc/self/keras/datasets/{name}\.npz \(arrays {arrays}\)"):
        load_dataset(name)


def test_a_folder_a_class_is_read_with_its_test_part_cut_or_its_own(tmp_path: Path) -> None:
    told: list[str] = []
    cut = load_dataset(str(images(tmp_path / "one")), told.append)
    assert (cut.x_train.shape, cut.x_test.shape, cut.x_train.dtype) == ((19, 5, 6), (5, 5, 6), np.uint8)
    assert cut.target.classes == ("dark", "light")
    assert (cut.x_train.mean(axis=(1, 2)) > 120).astype(int).tolist() == cut.y_train.tolist()
    assert told == ["24 images of 5 x 6 take 0.7 kB, and as features 2.9 kB"]
    images(tmp_path / "two" / "train")
    images(tmp_path / "two" / "test", per_class=2)
    own = load_dataset(str(tmp_path / "two"))
    assert (len(own.y_train), len(own.y_test)) == (24, 4)
    assert load_dataset(own.location).sha256 == own.sha256 != cut.sha256
    assert split_dataset(cut, 0.2, 1).preprocessing == "rescale"


def test_size_and_colour_are_options_and_a_turned_picture_is_turned_back(tmp_path: Path) -> None:
    folder = images(tmp_path / "all", mode="RGB")
    assert load_dataset(str(folder)).input_shape == (5, 6, 3)
    said: dict[str, Any] = {"dataset": str(folder), "image_size": "4x3", "color": "grey", "test": 0.3}
    small = load_dataset(Source.read(said))
    assert (small.input_shape, len(small.y_test)) == ((3, 4), 7)
    picture = Image.fromarray(np.zeros((6, 5, 3), np.uint8))
    turned = Image.Exif()
    turned[0x0112] = 6
    picture.save(folder / "dark" / "turned.jpg", exif=turned)
    assert load_dataset(str(folder)).input_shape == (5, 6, 3)
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(folder / "dark" / "square.png")
    with pytest.raises(ConfigError, match=r"needs `image_size`, such as 28 or 32x24: its images have 2 sizes, .* 9x9"):
        load_dataset(str(folder))


def test_images_that_are_none_or_do_not_fit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = images(tmp_path / "all")
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        ConfigError, match=r"empty needs a folder for each class, two or more, with images in them .* got none"
    ):
        load_dataset(str(tmp_path / "empty"))
    for said, message in (
        ({"image_size": "big"}, "image_size must be pixels such as 28 or 32x24 .*, got 'big'"),
        ({"color": "gray"}, "color must be one of grey, rgb, got 'gray'; did you mean 'grey'"),
        ({"target": "dark"}, "is a folder of images, and `target` belongs to a table"),
        ({"test": "0.01"}, "test must leave a row of each of 2 classes"),
    ):
        with pytest.raises(ConfigError, match=message):
            load_dataset(Source.read({"dataset": str(folder)} | said))
    monkeypatch.setattr(memory, "free_bytes", lambda: 1000)
    with pytest.raises(ConfigError, match=r"the 24 images of .*, with their features, must fit in memory, .* 1\.0 kB"):
        load_dataset(str(folder))
    monkeypatch.undo()
    (folder / "dark" / "0.png").write_bytes(b"no picture")
    with pytest.raises(
        ConfigError, match=r"0\.png must be an image that Pillow can read, got: no format that it knows$"
    ):
        load_dataset(str(folder))
    whole = (folder / "dark" / "1.png").read_bytes()
    (folder / "dark" / "0.png").write_bytes(whole[:-30])
    with pytest.raises(ConfigError, match=r"0\.png must be an image that Pillow can read"):
        load_dataset(str(folder))


LOADER = """
import numpy as np, pandas as pd
import beside
print("loading")
x, y = np.arange(60.0).reshape(20, 3), np.array(["a", "b"] * 10)
def parts(): return x, y, x[:4], y[:4]
def keras_like(): return (x, y), (x[:4], y[:4])
def one(): return x, y
def named(): return {"x": x, "y": y.astype(object)}
def table(): return pd.DataFrame(x, columns=list("klm")).assign(label=y)
def nothing(): return None
def odd(): return {"images": x}
def objects(): return np.array([{}] * 4), y
def fails(): raise KeyError("no such bucket")
def leaves(): raise SystemExit(3)
def long(): raise ValueError("bad rows:\\n  row 3\\n  row 7")
def silent(): import os; os._exit(0)
def counted(): return table().set_index("k")
"""


def test_a_loader_returns_arrays_in_any_of_their_forms_or_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("load.py").write_text(LOADER)
    Path("beside.py").write_text("")
    for name, rows in (("parts", 20), ("keras_like", 20), ("one", 16), ("named", 16)):
        data = load_dataset(f"load.py:{name}")
        assert (len(data.y_train), len(data.y_test), data.target.classes) == (rows, 4, ("a", "b"))
    table = load_dataset(Source.read({"dataset": "load.py:table", "target": "label", "test": 0.5}))
    assert ([column.name for column in table.columns], len(table.y_test)) == (["k", "l", "m"], 10)
    assert "load" not in sys.modules
    monkeypatch.chdir("/")
    assert load_dataset(Source.read(table.location)).sha256 == table.sha256


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("load.py:nothing", "nothing must return arrays, a dict of arrays or a DataFrame, got NoneType"),
        ("load.py:odd", "must return x_train, y_train, x_test, y_test, or x and y, got images"),
        ("load.py:objects", "objects must return numbers or words, got objects as x"),
        ("load.py:fails", "dataset load.py:fails must return data, got: KeyError: 'no such bucket'"),
        ("load.py:leaves", "must return data, got: it ended with code 3"),
        ("load.py:long", "must return data, got: ValueError: bad rows: row 3 row 7"),
        ("load.py:silent", "load.py:silent must return data, got: it ended its process instead"),
        ("load.py:counted", "load.py:counted needs `target`: one of its columns k, l, m, label"),
        ("load.py:tabel", "load.py has no function 'tabel'; it has parts, .*table"),
        ("load.py:table", "load.py:table needs `target`: one of its columns k, l, m, label"),
        ("gone.py:table", "a loader that exists, FILE.py:FUNCTION, got 'gone.py':table"),
    ],
)
def test_a_loader_that_does_not_is_refused_in_a_line(
    name: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("load.py").write_text(LOADER)
    Path("beside.py").write_text("")
    with pytest.raises(ConfigError, match=message) as refused:
        load_dataset(name)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"dataset": "digitz"}, "'digitz' is no data set; did you mean 'digits'"),
        ({"dataset": "~nosuchuser9/x"}, "'~nosuchuser9/x': no such file or folder"),
        ({"dataset": "data/photos"}, "'data/photos': no such file or folder"),
        ({"dataset": "iris", "target": "species"}, "iris is a named table, and `target` belongs to a table"),
        (
            {"dataset": "digits", "test": "0.3"},
            "digits is a data set with a test part of its own, and `test` belongs",
        ),
        ({"dataset": "iris", "targt": "x"}, "data may have dataset, target, .*, got 'targt'; did you mean 'target'"),
        ({"dataset": "iris", "leave_out": {"a": 1}}, "leave_out must be names of columns, got"),
        ({"dataset": "t.csv", "target": "y,x,y"}, "target must name each column once, got y, x, y"),
        ({"dataset": "iris", "test": True}, "test must be a word or a number, got True"),
        ({"dataset": "iris", "test": "x.csv"}, "test of iris must be a fraction between 0 and 1, got 'x.csv'"),
        (
            {"dataset": "iris", "task": "regression"},
            "task of iris must be classification, got regression",
        ),
        ({"dataset": "digits", "task": "regression"}, "task of digits must be classification"),
        (
            {"dataset": "p.csv", "leave_out": [f"column {n:03d}" for n in range(600)]},
            "must have at most 7,000 characters, got ",
        ),
        ({"dataset": "iris", "leave_out": "petal"}, "iris: leave_out must be one of its columns sepal length"),
    ],
)
def test_what_a_source_does_not_take_is_said(said: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_dataset(Source.read(said))


def test_a_source_is_a_name_alone_or_json_and_starts_from_its_study_file() -> None:
    assert Source.read("digits").to_text() == "digits"
    full = Source.read({"dataset": "p.csv", "target": ["a", "b"], "test": 0.25, "leave_out": "c, d"})
    assert Source.read(full.to_text()) == full
    assert (full.leave_out, full.test) == (("c", "d"), "0.25")
    beside = Source.read({"dataset": "load.py:f", "test": "t.csv"}).beside(Path("/studies"))
    assert (beside.dataset, beside.test) == ("/studies/load.py:f", "/studies/t.csv")
    assert Source.read("digits").beside(Path("/studies")).dataset == "digits"
