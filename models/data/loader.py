"""The user's own loader, `loader.py:function`, which runs in a process of its own and returns arrays or a table."""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from models.core.errors import ConfigError
from models.data.dataset import ARRAYS, Array
from models.data.npz import read_npz

# The loader's data come back in files that hold no code: .npz without objects, or Parquet.
_RUN = """
import importlib.util, pathlib, sys, traceback

def in_one_line(kind, value, _):
    print(" ".join("".join(traceback.format_exception_only(kind, value)).split()), file=sys.stderr)

sys.excepthook = in_one_line
path, name, folder = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
sys.path.insert(0, str(path.parent))
spec = importlib.util.spec_from_file_location("_loader_of_the_study", path)
module = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = module
spec.loader.exec_module(module)
function = getattr(module, name, None)
if not callable(function):
    known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
    raise SystemExit(f"{path.name} has no function {name!r}; it has {', '.join(known) or 'none'}")
found = function()
if hasattr(found, "to_parquet"):
    named = any(each is not None for each in found.index.names)
    (found.reset_index() if named else found).to_parquet(folder / "table.parquet", index=False)
else:
    import numpy
    if isinstance(found, tuple) and len(found) == 2 and all(isinstance(part, tuple) for part in found):
        found = (*found[0], *found[1])
    if isinstance(found, (tuple, list)):
        names = {2: ("x", "y"), 4: ("x_train", "y_train", "x_test", "y_test")}.get(len(found))
        if names is None:
            raise SystemExit(f"{name} must return x, y or x_train, y_train, x_test, y_test, got {len(found)} values")
        found = dict(zip(names, found))
    if not isinstance(found, dict):
        raise SystemExit(f"{name} must return arrays, a dict of arrays or a DataFrame, got {type(found).__name__}")
    arrays = {}
    for key, value in found.items():
        value = numpy.asarray(value)
        if value.dtype == object and all(isinstance(each, str) for each in value.ravel()):
            value = value.astype(str)
        if value.dtype == object:
            raise SystemExit(f"{name} must return numbers or words, got objects as {key}")
        arrays[key] = value
    numpy.savez(folder / "arrays.npz", **arrays)
"""


def run_loader(file: Path, function: str) -> Any:
    """The loader's data: a DataFrame, or a dict of arrays by the names x and y, or ARRAYS.

    Raises:
        ConfigError: there is no such file or function, or the function failed or returned something else.
    """
    if not file.is_file():
        raise ConfigError(f"dataset must be a loader that exists, FILE.py:FUNCTION, got {str(file)!r}:{function}")
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-c", _RUN, str(file.resolve()), function, folder]
        environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        ended = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        if ended.returncode:
            said = [line for line in ended.stderr.strip().splitlines() if line.strip()]
            why = said[-1].strip() if said else f"it ended with code {ended.returncode}"
            raise ConfigError(f"dataset {file.name}:{function} must return data, got: {why}")
        table = Path(folder, "table.parquet")
        if table.is_file():
            import pandas as pd

            return pd.read_parquet(table)
        arrays = Path(folder, "arrays.npz")
        if not arrays.is_file():
            raise ConfigError(f"dataset {file.name}:{function} must return data, got: it ended its process instead")
        return _arrays(arrays, f"{file.name}:{function}")


def _arrays(path: Path, name: str) -> dict[str, Array]:
    with np.load(path, allow_pickle=False) as archive:
        known = set(archive.files)
    for wanted in (ARRAYS, ("x", "y")):
        if known == set(wanted):
            return read_npz(path, wanted)
    raise ConfigError(f"dataset {name} must return {', '.join(ARRAYS)}, or x and y, got {', '.join(sorted(known))}")
