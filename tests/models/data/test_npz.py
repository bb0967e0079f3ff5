"""An .npz file is read where its content agrees with its headers; otherwise one line names its kind."""

import gzip
import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from models.core import memory
from models.core.errors import ConfigError
from models.data.sources import Source, find_data, load_dataset
from models.data.splits import split_dataset

ROWS = {
    "x_train": np.arange(80, dtype=np.float32).reshape(20, 4),
    "y_train": np.arange(20) % 2,
    "x_test": np.ones((4, 4), np.float32),
    "y_test": np.arange(4) % 2,
}


def saved(path: Path, **changes: object) -> str:
    np.savez(path, **ROWS | changes)  # type: ignore[arg-type]
    return str(path)


def with_member(path: Path, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> str:
    """An .npz file whose x_train has this content."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, array in ROWS.items():
            file = io.BytesIO()
            np.save(file, array)
            archive.writestr(f"{name}.npy", content if name == "x_train" else file.getvalue())
    return str(path)


def declaring(shape: tuple[int, ...], dtype: str = "<f8") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


@pytest.mark.parametrize("kind", [">f4", ">f8", ">i2", "longdouble", "bool", "float16"])
def test_arrays_of_any_byte_order_and_width_become_what_keras_carries(tmp_path: Path, kind: str) -> None:
    x = (np.arange(80).reshape(20, 4) % 7).astype(kind)
    data = load_dataset(
        saved(tmp_path / "data.npz", x_train=x, x_test=x[:4], y_train=(np.arange(20) % 2).astype(">i8"))
    )
    assert data.x_train.dtype.isnative
    assert data.x_train.dtype.itemsize <= 8
    assert data.y_train.dtype.isnative
    assert (data.x_train == x).all()
    assert data.sha256 == load_dataset(str(tmp_path / "data.npz")).sha256


def test_numbers_beyond_float64_are_refused_before_they_are_infinite(tmp_path: Path) -> None:
    large = np.full((20, 4), np.longdouble("1e4000"))
    with pytest.raises(ConfigError, match="x_train of data must be numbers that float64 can hold"):
        load_dataset(saved(tmp_path / "data.npz", x_train=large))


def test_of_x_and_y_alone_a_test_part_is_cut(tmp_path: Path) -> None:
    path, x = tmp_path / "data.npz", np.arange(80, dtype=np.float32).reshape(20, 4)
    np.savez(path, x=x, y=np.arange(20) % 2)
    data = load_dataset(str(path))
    assert (len(data.x_train), len(data.x_test)) == (16, 4)
    assert sorted(np.concatenate([data.x_train, data.x_test])[:, 0]) == x[:, 0].tolist()
    half = load_dataset(Source.read({"dataset": str(path), "test": "0.5"}))
    assert len(half.x_test) == 10
    assert find_data(half.location, half.sha256, None).sha256 == half.sha256
    np.savez(path, x=x)
    with pytest.raises(ConfigError, match="dataset must hold x_train, y_train, x_test, y_test"):
        load_dataset(str(path))


@pytest.mark.parametrize("y_test", [np.array([1]), np.array([[1]]), np.array([[0.0]])])
def test_one_row_is_data(tmp_path: Path, y_test: np.ndarray) -> None:
    data = load_dataset(saved(tmp_path / "data.npz", x_test=np.ones((1, 4), np.float32), y_test=y_test))
    assert data.y_test.shape == (1,)
    assert split_dataset(data, 0.2, 1).rows("test") == 1


def test_a_label_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"y_test of data must be one label or number a row, .* got shape \(\)"):
        load_dataset(saved(tmp_path / "data.npz", y_test=np.array(1)))


def test_files_that_are_something_else_are_named(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    contents = {
        "a text file": b"a,b\n1,2\n",
        "a gzip file": gzip.compress(b"x" * 99),
        "a pickle": pickle.dumps([1, 2]),
        "an empty file": b"",
        "one array": b"\x93NUMPY\x01\x00",
    }
    for name, content in contents.items():
        path.write_bytes(content)
        with pytest.raises(ConfigError, match=rf"must be an \.npz archive of named arrays, got '.*data\.npz', {name}"):
            load_dataset(str(path))


def test_members_that_are_no_arrays_or_say_more_than_they_have_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    for content, message in (
        (b"hello", "must hold arrays, got .* whose 'x_train.npy' is none"),
        (b"", "must hold arrays, got .* whose 'x_train.npy' is none"),
        (
            declaring((10**12, 784)),
            r"arrays that it declares, got .* \(1000000000000, 784\) of float64 and has 128 bytes",
        ),
        (declaring((3, -1)), "an .npz archive that numpy can read"),
        (declaring((3,), "|O"), r"plain numbers \(pickled objects could run code\)"),
        (declaring((2, 2))[:40], "an .npz archive that numpy can read"),
    ):
        with pytest.raises(ConfigError, match=message) as refused:
            load_dataset(with_member(path, content))
        assert "\n" not in str(refused.value)


def test_a_member_damaged_in_any_compression_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    file = io.BytesIO()
    np.save(file, np.random.default_rng(1).normal(size=(20, 4)))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with_member(path, file.getvalue(), method)
        whole = bytearray(path.read_bytes())
        for start in (45, 60, 150, 200):
            damaged = whole.copy()
            damaged[start : start + 30] = bytes(b ^ 0xFF for b in damaged[start : start + 30])
            path.write_bytes(damaged)
            with pytest.raises(ConfigError) as refused:
                load_dataset(str(path))
            assert "\n" not in str(refused.value)


def test_more_than_the_memory_that_is_free_is_refused_with_the_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path / "data.npz")
    monkeypatch.setattr(memory, "free_bytes", lambda: 500)
    with pytest.raises(ConfigError, match=r"must fit in memory, of which 0\.5 kB are free, got 0\.6 kB"):
        load_dataset(path)
    assert memory.readable_size(22_300_000_000) == "22.3 GB"


def test_what_is_missing_is_named_and_what_is_there(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", images=np.ones(3), labels=np.ones(3))
    with pytest.raises(ConfigError, match=r"without x_train, y_train, x_test, y_test \(it has images, labels\)"):
        load_dataset(str(tmp_path / "data.npz"))
