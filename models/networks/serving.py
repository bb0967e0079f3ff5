"""What lies beside a .keras file so that the logged model takes raw rows and answers in the user's labels.

A model of arrays whose labels are 0 .. K-1, or of numbers without a name, needs none: the .keras file takes the raw
inputs itself and answers with probabilities, or numbers in the user's units. Imports no Keras: the driver writes it.
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
"""The file's name in the model's data folder, beside the network's model.keras."""


def needs_serving(split: Split) -> bool:
    """Whether the .keras file alone would not take what the user has, or answer in the user's terms."""
    plain = split.target.numbered if split.target.task == CLASSIFICATION else not split.target.names
    if split.columns or not plain:
        return True
    # Keras' own predict makes float32 of float64, which is why the scaling is one of float64.
    features = fit_scaling(split) if split.input_dtype == "float64" else None
    return isinstance(features, Scaling) and features.scale.dtype == np.float64


@cache
def code_file() -> tuple[str, str]:
    """(module name, source) of what MLflow imports: models/data/served.py as it is.

    The name is that of its content, so that models of two releases can be loaded in one process.
    """
    source = Path(served.__file__).read_text(encoding="utf-8")
    return f"served_{hashlib.sha256(source.encode()).hexdigest()[:12]}", source


def description(split: Split) -> str:
    """The content of DESCRIPTION: the task, the labels, and the encoding that the training part says."""
    encoding = fit_scaling(split) if split.columns else None
    columns = encoding.columns if isinstance(encoding, TableEncoding) else ()
    target = split.target
    return served.to_json(target.task, target.classes, target.names, columns)
