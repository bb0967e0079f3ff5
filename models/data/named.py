"""Data sets by name: scikit-learn's, read from the files it ships, and Keras', fetched by a separate process.

Importing scikit-learn would take longer than a trial. keras.datasets would import TensorFlow, which the driver must not
import, because the driver starts worker processes.
"""

import gzip
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from models.core.errors import ConfigError
from models.data.dataset import ARRAYS, Array, Dataset, dataset_of
from models.data.labels import CLASSIFICATION, REGRESSION
from models.data.npz import read_npz
from models.data.stratified import stratified_split

DOWNLOADABLE = ("mnist", "fashion_mnist", "cifar10", "cifar100", "california_housing")
_COLUMNS = {
    "iris": ("sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"),
    "wine": (
        "alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols", "flavanoids",
        "nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue", "od280/od315_of_diluted_wines", "proline",
    ),
    "breast_cancer": tuple(
        f"{how} {what}" if how != "error" else f"{what} error"
        for how in ("mean", "error", "worst")
        for what in (
            "radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity", "concave points",
            "symmetry", "fractal dimension",
        )
    ),
    "diabetes": ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"),
    "california_housing": (
        "MedInc", "HouseAge", "AveRooms", "AveBedrms", "Population", "AveOccup", "Latitude", "Longitude",
    ),
}  # fmt: skip
_CENSUS = ("longitude", "latitude", "housing_median_age", "total_rooms", "total_bedrooms", "population", "households",
           "median_income")  # fmt: skip
TABLES = tuple(_COLUMNS)
"""The names of the data sets that are tables."""
NAMES = tuple(dict.fromkeys(("digits", *(name for name in TABLES if name not in DOWNLOADABLE), *DOWNLOADABLE)))

_FETCH = """
import sys, importlib, pathlib, numpy, keras
(x_train, y_train), (x_test, y_test) = importlib.import_module("keras.datasets." + sys.argv[1]).load_data()
if not pathlib.Path(sys.argv[3]).is_file():
    numpy.savez_compressed(sys.argv[2], x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
"""


def named_arrays(name: str) -> Dataset:
    """`digits`, or one of Keras' sets of images with the test part that the set comes with.

    Raises:
        ConfigError: the data set is not cached and cannot be downloaded.
    """
    if name == "digits":
        return _digits()
    return dataset_of(name, f"keras.datasets.{name}", read_npz(cached_file(name)))


def named_table(name: str) -> tuple[tuple[str, ...], Array, Array, str, str]:
    """One of TABLES: the columns' names, the inputs (rows, columns), the labels, the target's name and the task.

    Raises:
        ConfigError: the table is not cached and cannot be downloaded.
    """
    columns = _COLUMNS[name]
    if name == "california_housing":
        arrays = read_npz(cached_file(name), ("x", "y"))
        # Keras documents scikit-learn's eight columns; a file in the census' own order begins with the longitudes,
        # which alone are negative, and has counts where the other has averages.
        columns = _CENSUS if (arrays["x"][:, 0] < 0).all() else columns
        return columns, arrays["x"], arrays["y"], "median_house_value", REGRESSION
    if name == "diabetes":
        rows = np.loadtxt(_shipped("diabetes_data_raw.csv.gz"))
        return columns, rows, np.loadtxt(_shipped("diabetes_target.csv.gz")), "progression", REGRESSION
    file = _shipped({"wine": "wine_data.csv"}.get(name, f"{name}.csv"))
    with open(file, encoding="utf-8") as lines:
        classes = np.array(next(lines).strip().split(",")[2:])
        table = np.loadtxt(lines, delimiter=",")
    target = {"iris": "species", "wine": "cultivar", "breast_cancer": "diagnosis"}[name]
    return columns, table[:, :-1], classes[table[:, -1].astype(int)], target, CLASSIFICATION


def cached_file(name: str) -> Path:
    """The .npz file of a downloadable data set in Keras' cache, to which the file is downloaded where it is missing.

    Raises:
        ConfigError: the file is not cached and cannot be downloaded.
    """
    home = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    path = Path(home) / "datasets" / f"{name}.npz"
    if path.is_file():
        return path
    partial = path.with_name(f"{name}.partial-{os.getpid()}.npz")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        command = [sys.executable, "-c", _FETCH, name, str(partial), str(path)]
        subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        if partial.is_file():
            partial.replace(path)
    except (subprocess.CalledProcessError, OSError) as error:
        reason = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        arrays = ("x", "y") if name == "california_housing" else ARRAYS
        raise ConfigError(
            f"dataset {name} must be in Keras' cache or within reach of a download; put it as {path} (arrays "
            f"{', '.join(arrays)}), got: {reason[-1] if reason else error!r}"
        ) from error
    finally:
        partial.unlink(missing_ok=True)
    return path


def _digits() -> Dataset:
    with gzip.open(_shipped("digits.csv.gz"), "rt") as file:
        table = np.array([line.split(",") for line in file]).astype(float).astype(np.uint8)
    images, labels = table[:, :-1].reshape(-1, 8, 8), table[:, -1].astype(np.int64)
    # The test part is fixed for ever: results on digits stay comparable between studies, seeds and releases.
    train, test = stratified_split(labels, 360, seed=0)
    return Dataset("digits", "sklearn.datasets.load_digits", images[train], labels[train], images[test], labels[test])


def _shipped(name: str) -> Path:
    """The path of a data file that comes with scikit-learn."""
    (package,) = find_spec("sklearn").submodule_search_locations  # type: ignore[union-attr,misc]
    return Path(package, "datasets", "data", name)
