"""The files beside a .keras file with which the logged model takes raw rows and answers in the user's labels.

For arrays whose labels are 0 .. K-1, or numbers without a name, the .keras file alone takes raw inputs of the training
data's type and answers with probabilities, or numbers in the user's units: Keras' own loaders are enough. With the
files beside it, the model takes any numeric type. Imports no Keras, because the driver writes the files.
"""

import hashlib
from functools import cache
from pathlib import Path

import numpy as np

from models.data import served
from models.data.labels import CLASSIFICATION
from models.data.scaling import Scaling, TableEncoding, fit_scaling
from models.data.splits import Split

DESCRIPTION = "served.json"
"""The name of the description in the model's data folder, beside the network's model.keras."""


def is_plain(split: Split) -> bool:
    """Whether the .keras file alone takes the user's raw rows and answers in the user's labels."""
    plain = split.target.numbered if split.target.task == CLASSIFICATION else not split.target.names
    if split.columns or not plain:
        return False
    # Keras' own predict turns float64 inputs to float32, which loses the bits that a float64 scaling needs.
    features = fit_scaling(split) if split.input_dtype == "float64" else None
    return not (isinstance(features, Scaling) and features.scale.dtype == np.float64)


@cache
def code_file() -> tuple[str, str]:
    """(module name, source) of the module that MLflow imports: models/data/served.py, unchanged.

    The name has a hash of the content, so that models of two releases can be loaded in one process.
    """
    source = Path(served.__file__).read_text(encoding="utf-8")
    return f"served_{hashlib.sha256(source.encode()).hexdigest()[:12]}", source


def description(split: Split) -> str:
    """The content of DESCRIPTION: the task, the labels, the inputs, and the encoding fitted on the training part."""
    encoding = fit_scaling(split) if split.columns else None
    columns = encoding.columns if isinstance(encoding, TableEncoding) else ()
    target = split.target
    inputs = str(split.input_dtype), split.input_shape
    return served.to_json(target.task, target.classes, target.names, columns, inputs, is_plain(split))
