"""Keeps arrays, DataFrames and the text of functions, which a program hands over in memory, as files.

The hash of its content names each file. The files lie below the outbox's root, where resume, replay, confirm and doctor
find them by the path that the study's run records.
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
    """The value of a study's `dataset` for `data`: the path of a file that holds them, or `data` itself if a text.

    `data` is (x, y), (x_train, y_train, x_test, y_test), ((x_train, y_train), (x_test, y_test)), a dict of arrays by
    those names, or a DataFrame.

    Raises:
        ConfigError: `data` is none of these, or has values that are neither numbers nor words.
    """
    if isinstance(data, str | os.PathLike):
        return os.fspath(data)
    if hasattr(data, "to_parquet"):
        return str(_keep(_parquet(data), "parquet", storage))
    return str(_keep(_npz(_named(data)), "npz", storage))


def keep_source(text: str, stem: str, storage: str) -> Path:
    """The path of a file `stem`.py with this text, in a folder that is named after the text's hash."""
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
    """Whether the data are nested as Keras' load_data returns them."""
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
        raise ConfigError(f"{name} must be an array, got values that form none: {str(error)[:120]}") from None
    if array.dtype == object and all(isinstance(each, str) for each in array.ravel()):
        array = array.astype(str)
    if array.dtype == object:
        raise ConfigError(f"{name} must be an array of numbers or words, got objects such as {shown(array.ravel()[0])}")
    return array


def _parquet(frame: Any) -> bytes:
    try:
        return bytes(frame.to_parquet(index=False))
    except Exception as error:  # the errors of pyarrow have no common class
        said = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"data must be a DataFrame that Parquet can hold, got {type(error).__name__}: {said}"
        ) from None


def _keep(content: bytes, suffix: str, storage: str) -> Path:
    return _write(_folder(storage) / f"{hashlib.sha256(content).hexdigest()[:32]}.{suffix}", content)


def _folder(storage: str) -> Path:
    return (root_of(storage) / "outbox" / ".handed-over").absolute()


def _write(path: Path, content: bytes) -> Path:
    """Writes a file wholly or not at all, since another program may be writing the same file."""
    try:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
            partial.write_bytes(content)
            partial.replace(path)
    except OSError as error:
        raise ConfigError(
            f"storage must lie where files can be written, since the data are kept beside it, got {path.parent}: "
            f"{error.strerror}"
        ) from None
    return path
