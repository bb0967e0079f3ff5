"""The arrays of an .npz file, read only where the file's headers say that they hold no objects and fit in memory."""

import lzma
import math
import zipfile
import zlib
from pathlib import Path

import numpy as np

from models.core.errors import ConfigError
from models.core.memory import check_memory
from models.data.dataset import ARRAYS, Array

_BROKEN = (ValueError, OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error,
           lzma.LZMAError, SyntaxError, MemoryError, OverflowError)  # fmt: skip
_MAGIC = {b"\x1f\x8b": "a gzip file", b"PAR1": "a Parquet file", b"\x89HDF": "an HDF5 file", b"\x93NUM": "one array",
          b"%PDF": "a PDF file", b"\x80\x04": "a pickle", b"\x80\x05": "a pickle", b"BZh": "a bzip2 file"}  # fmt: skip


def read_npz(path: Path, wanted: tuple[str, ...] = ARRAYS, instead: tuple[str, ...] = ()) -> dict[str, Array]:
    """The arrays named by `wanted`; where one is missing and the file has all of `instead`, the arrays of these names.

    Raises:
        ConfigError: the file is no .npz archive or lacks an array, or an array holds objects or exceeds free memory.
    """
    if not path.is_file():
        raise ConfigError(f"{str(path)!r}: no such file")
    try:
        if not zipfile.is_zipfile(path):
            raise ConfigError(f"dataset must be an .npz archive of named arrays, got {str(path)!r}, {_what(path)}")
        with zipfile.ZipFile(path) as archive:
            members = {name.removesuffix(".npy"): name for name in archive.namelist()}
            missing = [name for name in wanted if name not in members]
            if missing and instead and all(name in members for name in instead):
                wanted = instead
            elif missing:
                has = f" (it has {', '.join(list(members)[:8])})" if members else ""
                raise ConfigError(
                    f"dataset must hold {', '.join(wanted)}, got {str(path)!r} without {', '.join(missing)}{has}"
                )
            declared = {name: _header(archive, members[name], path) for name in wanted}
            check_memory(f"the arrays of {str(path)!r}", sum(size for size in declared.values()))
            return {name: _read(archive, members[name]) for name in wanted}
    except ConfigError:
        raise
    except _BROKEN as error:
        why = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise ConfigError(f"dataset must be an .npz archive that numpy can read, got {str(path)!r}: {why}") from error


def _header(archive: zipfile.ZipFile, member: str, path: Path) -> int:
    """The bytes that an array takes in memory, computed from its header."""
    with archive.open(member) as file:
        if file.read(6) != b"\x93NUMPY":
            raise ConfigError(f"dataset must hold arrays, got {str(path)!r} whose {member!r} is none")
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(file)
    if dtype.hasobject:
        raise ConfigError(f"dataset must hold plain numbers (pickled objects could run code), got {str(path)!r}")
    size = math.prod(shape) * dtype.itemsize
    stored = archive.getinfo(member).file_size
    if size > stored:
        raise ConfigError(
            f"dataset must hold the arrays that it declares, got {str(path)!r} whose {member!r} says {shape} of "
            f"{dtype} and has {stored:,} bytes"
        )
    return size


def _read(archive: zipfile.ZipFile, member: str) -> Array:
    with archive.open(member) as file:
        return np.asarray(np.lib.format.read_array(file, allow_pickle=False))


def _what(path: Path) -> str:
    """The likely kind of a file that is no archive, by its first bytes."""
    with path.open("rb") as file:
        head = file.read(4)
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    if not head:
        return "an empty file"
    return "a text file" if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in head) else "a file of another kind"
