"""What a program hands over in memory, kept as files by their content: arrays, DataFrames, the text of functions.

They lie under the outbox's root, so that resume, replay, confirm and doctor find them where the study's run says.
"""

import hashlib
import io
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from models.core.errors import ConfigError, shown
from search.stores.paths import root_of

_PARTS = ("x_train", "y_train", "x_test", "y_test")


def keep_data(data: Any, storage: str) -> str:
    """What a study's `dataset` says of `data`: the path of a file that holds them, or `data` itself where it is text.

    `data` is (x, y), (x_train, y_train, x_test, y_test), ((x_train, y_train), (x_test, y_test)), a dict of arrays by
    those names, or a DataFrame.

    Raises:
        ConfigError: it is none of these, or has values that no file of plain numbers and words can hold.
    """
    if isinstance(data, str | os.PathLike):
        return os.fspath(data)
    if hasattr(data, "to_parquet"):
        return str(_keep(_parquet(data), "parquet", storage))
    return str(_keep(_npz(_named(data)), "npz", storage))


def keep_source(text: str, stem: str, storage: str) -> Path:
    """A file `stem`.py with this text, in a folder that is called after it."""
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return _write(_folder(storage) / digest / f"{stem}.py", text.encode())


def _named(data: Any) -> dict[str, Any]:
    if isinstance(data, Mapping):
        arrays = dict(data)
    elif isinstance(data, Sequence):
        flat = [part for each in data for part in each] if _is_nested(data) else list(data)
        names = {2: ("x", "y"), 4: _PARTS}.get(len(flat), ())
        arrays = dict(zip(names, flat, strict=False))
    else:
        arrays = {}
    if set(arrays) not in ({"x", "y"}, set(_PARTS)):
        raise ConfigError(
            "data must be (x, y), (x_train, y_train, x_test, y_test), a dict of arrays by those names, a DataFrame, or "
            f"a name or path, got {shown(list(arrays)) if isinstance(data, Mapping) else _said(data)}"
        )
    return arrays


def _is_nested(data: Sequence[Any]) -> bool:
    """As Keras' load_data returns them."""
    return len(data) == 2 and all(isinstance(part, tuple) and len(part) == 2 for part in data)


def _said(data: Any) -> str:
    return f"{len(data)} of them" if isinstance(data, Sequence) else shown(data)


def _npz(arrays: Mapping[str, Any]) -> bytes:
    content = io.BytesIO()
    plain: dict[str, Any] = {name: _plain(name, value) for name, value in arrays.items()}
    np.savez(content, **plain)
    return content.getvalue()


def _plain(name: str, value: Any) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError as error:  # rows of different lengths
        raise ConfigError(f"{name} must be an array, got what NumPy makes none of: {str(error)[:120]}") from None
    if array.dtype == object and all(isinstance(each, str) for each in array.ravel()):
        array = array.astype(str)
    if array.dtype == object:
        raise ConfigError(f"{name} must be an array of numbers or words, got objects such as {shown(array.ravel()[0])}")
    return array


def _parquet(frame: Any) -> bytes:
    try:
        return bytes(frame.to_parquet(index=False))
    except Exception as error:  # pyarrow's own kinds of error have no common one
        said = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"data must be a DataFrame that Parquet can hold, got {type(error).__name__}: {said}"
        ) from None


def _keep(content: bytes, suffix: str, storage: str) -> Path:
    return _write(_folder(storage) / f"{hashlib.sha256(content).hexdigest()[:32]}.{suffix}", content)


def _folder(storage: str) -> Path:
    return (root_of(storage) / "outbox" / ".handed-over").absolute()


def _write(path: Path, content: bytes) -> Path:
    """Whole or not at all: somebody else may be handing over the same."""
    try:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
            partial.write_bytes(content)
            partial.replace(path)
    except OSError as error:
        raise ConfigError(
            f"storage must lie where files can be written, beside which the data are kept, got {path.parent}: "
            f"{error.strerror}"
        ) from None
    return path
