"""Keras' own downloadable data sets, fetched by a process of their own.

Reading them through keras.datasets imports TensorFlow, which the driver must not (it starts worker processes).
"""

import os
import subprocess
import sys
from pathlib import Path

from models.core.errors import ConfigError

DOWNLOADABLE = ("mnist", "fashion_mnist")

_FETCH = """
import sys, importlib, numpy, keras
(x_train, y_train), (x_test, y_test) = importlib.import_module("keras.datasets." + sys.argv[1]).load_data()
numpy.savez_compressed(sys.argv[2], x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
"""


def cached_file(name: str) -> Path:
    """The .npz file of a downloadable data set, in Keras' cache; downloaded there when it is not there yet.

    Raises:
        ConfigError: it is not cached and cannot be downloaded.
    """
    home = Path(os.environ.get("KERAS_HOME", Path.home() / ".keras"))
    path = home / "datasets" / f"{name}.npz"
    if path.is_file():
        return path
    partial = path.with_name(f"{name}.partial-{os.getpid()}.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        subprocess.run(
            [sys.executable, "-c", _FETCH, name, str(partial)],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        partial.replace(path)
    except (subprocess.CalledProcessError, OSError) as error:
        reason = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise ConfigError(
            f"dataset {name} must be in Keras' cache or within reach of a download; put it as {path} (arrays x_train, "
            f"y_train, x_test, y_test), got: {reason[-1] if reason else error!r}"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return path
