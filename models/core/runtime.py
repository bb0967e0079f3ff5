"""The set-up of a process that trains, before TensorFlow's import and right after."""

import fcntl
import gc
import hashlib
import importlib.metadata
import os
import platform
import re
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from models.core.errors import ConfigError
from models.core.thread_random import give_each_thread_its_own

PROJECT = Path(__file__).parents[2]
"""The folder that holds this project's packages."""
HASH_SEED = {"PYTHONHASHSEED": "6640"}
"""For every process that runs the user's own function: a set of words must have one order in all processes.

dask gives the same number to the workers of a user's cluster.
"""
_OWN_PACKAGES = ("models", "analysis", "search")
_PACKAGES = ("tensorflow", "keras", "numpy", "scikit-learn", "h5py")
# Keras imports these packages for plots and wrappers that no trial uses: without them TensorFlow's import takes 3.6 s
# and 575 MB instead of 6.4 s and 720 MB. Code that needs one of them imports it later.
_NOT_FOR_KERAS = ("matplotlib", "pandas", "scipy", "sklearn")
DEVICES = ("cpu", "gpu")
"""The devices that a study can train on."""
_GPU = "gpu "
_prepared: int | None = None
_device = "cpu"


def variables_to_import() -> dict[str, str]:
    """Environment variables for another process to import this project, and to order sets as this process does."""
    path = os.pathsep.join([str(PROJECT), *filter(None, [os.environ.get("PYTHONPATH")])])
    return HASH_SEED | {"PYTHONPATH": path}


def prepare_process(threads: int = 1) -> None:
    """Imports TensorFlow with `threads` threads for each operation and one operation at a time, on the CPU.

    The call must come before any import of TensorFlow; a second call does nothing.

    Raises:
        RuntimeError: TensorFlow was imported before, or the process was prepared with another number of threads.
    """
    global _prepared
    if threads < 1:
        raise ValueError(f"threads must be 1 or more, got {threads}")
    if _prepared is not None:
        if _prepared != threads:
            raise RuntimeError(f"a process keeps its number of threads, {_prepared}, got {threads}")
        return
    if "tensorflow" in sys.modules:
        raise RuntimeError("prepare_process must come before the first import of tensorflow")
    give_each_thread_its_own()
    _import_tensorflow(threads)
    import tensorflow as tf

    import keras  # isort: skip

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.experimental.enable_op_determinism()
    # Draws without a named seed must not differ between processes either.
    keras.utils.set_random_seed(0)
    tf.get_logger().setLevel("ERROR")
    settle()
    _prepared = threads


def _import_tensorflow(threads: int) -> None:
    """Imports TensorFlow and Keras with their variables set, without messages and without packages no trial needs."""
    os.environ.update(
        CUDA_VISIBLE_DEVICES="-1",  # two workers would each take all of a GPU's memory
        TF_CPP_MIN_LOG_LEVEL="3",
        GRPC_VERBOSITY="NONE",
        KERAS_BACKEND="tensorflow",
        OMP_NUM_THREADS=str(threads),
        TF_NUM_INTRAOP_THREADS=str(threads),
        TF_NUM_INTEROP_THREADS="1",
        TF_DETERMINISTIC_OPS="1",
    )
    with _quiet_stderr(), _hidden(_NOT_FOR_KERAS), warnings.catch_warnings():
        # A user can do nothing about the warnings that these imports raise.
        warnings.simplefilter("ignore")
        import tensorflow  # noqa: F401

        import keras  # noqa: F401  # isort: skip


def gpus() -> tuple[str, ...]:
    """The UUIDs of this machine's GPUs that a search may use; none without a driver.

    These are the GPUs that nvidia-smi lists; where CUDA_VISIBLE_DEVICES is set, those of them that it names.
    """
    asked = ["nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader"]
    try:
        told = subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    listed = [tuple(map(str.strip, line.split(","))) for line in told.splitlines() if line.count(",") == 1]
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    wanted = None if allowed is None else [each.strip() for each in allowed.split(",")]
    return tuple(uuid for index, uuid in listed if wanted is None or index in wanted or uuid in wanted)


def use_gpu(candidates: Sequence[str]) -> None:
    """Has this prepared process, which has run no operation yet, train on the first of `candidates` that is free.

    The process holds its GPU, which no other process then uses, until it ends. GPU memory is taken as it is needed.

    Raises:
        ConfigError: all GPUs are held, or TensorFlow does not see the free one.
    """
    global _device
    if _device != "cpu":
        return
    import tensorflow as tf

    for uuid in candidates:
        held = os.open(Path(tempfile.gettempdir(), f"search-{uuid}.lock"), os.O_CREAT | os.O_RDWR, 0o666)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # until this process ends
        except OSError:
            os.close(held)
            continue
        os.environ["CUDA_VISIBLE_DEVICES"] = uuid
        seen = tf.config.list_physical_devices("GPU")
        if not seen:
            os.close(held)
            raise ConfigError(
                "device gpu needs a TensorFlow that sees the GPU, as that of tensorflow[and-cuda] does, got one "
                f"that does not see {uuid}"
            )
        for each in seen:
            tf.config.experimental.set_memory_growth(each, True)
        _device = _GPU + str(tf.config.experimental.get_device_details(seen[0]).get("device_name", uuid))
        environment.cache_clear()
        return
    raise ConfigError(f"device gpu needs a GPU that no other process holds, got {', '.join(candidates) or 'none'} held")


def ensure_home() -> None:
    """Gives a home folder to a user without one, as in a container without an entry in passwd: MLflow needs a home."""
    if os.path.expanduser("~") == "~":
        os.environ["HOME"] = tempfile.gettempdir()


@contextmanager
def without_collections() -> Iterator[None]:
    """Turns garbage collection off until the end or `settle`: it takes a fifth of the time of imports and figures."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def settle() -> None:
    """Exempts all objects in memory from garbage collection and turns it on: collections then take 1 ms, not 100."""
    gc.freeze()
    gc.enable()


@cache
def environment() -> dict[str, str]:
    """Package versions, threads, processor and device of this process: they can change a trial's bits."""
    if _prepared is None:
        raise RuntimeError("a process has its environment once prepare_process has set it up")
    return versions() | {"threads": str(_prepared), "cpu": processor(), "device": _device}


def processor() -> str:
    """The model of this machine's processor."""
    try:
        described = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        described = ""
    named = re.search(r"^model name\s*:\s*(.+)$", described, re.MULTILINE)
    return named[1].strip() if named else platform.processor() or platform.machine()


def versions() -> dict[str, str]:
    """The versions of Python and of each package, found without importing the packages."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def project_sha256() -> str:
    """SHA-256 of the names and texts of the project's Python files, wherever its packages lie."""
    content = hashlib.sha256()
    for file in sorted(file for package in _OWN_PACKAGES for file in (PROJECT / package).rglob("*.py")):
        text = file.read_bytes()
        content.update(f"{file.relative_to(PROJECT).as_posix()} {len(text)}\n".encode() + text)
    return content.hexdigest()


@contextmanager
def without_harmless_warnings() -> Iterator[None]:
    """Hides a warning that Keras and TensorFlow raise about each other, and that no code here can avoid."""
    with warnings.catch_warnings():
        # Keras reads TensorFlow's variables through the protocol of NumPy 1.
        warnings.filterwarnings("ignore", "__array__ implementation doesn't accept a copy", DeprecationWarning)
        yield


@contextmanager
def _hidden(names: tuple[str, ...]) -> Iterator[None]:
    """Lets `import name` fail, as if the package were not installed, for packages not imported yet."""
    absent: dict[str, Any] = {name: None for name in names if name not in sys.modules}
    sys.modules.update(absent)
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


@contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Closes standard error: TensorFlow's C++ code writes two lines to file descriptor 2 before settings reach it."""
    sys.stderr.flush()
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)
