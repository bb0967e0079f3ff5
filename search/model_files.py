"""The folder that MLflow calls a model, around a .keras file that a worker saved.

mlflow.keras.log_model would import TensorFlow into the driver, or MLflow into every worker; the folder is all it makes.
"""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import yaml
from mlflow import pyfunc
from mlflow.models import Model, ModelSignature
from mlflow.types.schema import Schema, TensorSpec

from models.splits import Split

REQUIRED = ("mlflow", "tensorflow", "keras", "numpy")


def requirements() -> list[str]:
    """What it takes to load a model again, at the versions that made it."""
    return [f"{name}=={version(name)}" for name in REQUIRED]


def signature(split: Split) -> ModelSignature:
    """Raw inputs of the data set in, class probabilities out."""
    inputs = TensorSpec(np.dtype(split.input_dtype), (-1, *split.input_shape))
    outputs = TensorSpec(np.dtype("float32"), (-1, split.n_classes))
    return ModelSignature(Schema([inputs]), Schema([outputs]))


def write_model_folder(folder: Path, model: bytes, split: Split, run_id: str, model_id: str) -> None:
    """Writes `folder` as `mlflow.keras.save_model` would: MLmodel, data/model.keras and the environment files."""
    data = folder / "data"
    data.mkdir(parents=True)
    (data / "keras_module.txt").write_text("keras", encoding="utf-8")
    (data / "model.keras").write_bytes(model)
    described = Model(run_id=run_id, model_id=model_id, signature=signature(split))
    described.add_flavor(
        "keras", data="data", keras_version=version("keras"), keras_backend="tensorflow", save_exported_model=False
    )
    pyfunc.add_to_model(described, loader_module="mlflow.keras", conda_env="conda.yaml", python_env="python_env.yaml")
    described.model_size_bytes = len(model)
    described.save(str(folder / "MLmodel"))
    needed = requirements()
    conda = {
        "name": "model",
        "channels": ["conda-forge"],
        "dependencies": ["python=3.11", "pip", {"pip": needed}],
    }
    python = {"python": "3.11", "build_dependencies": ["pip"], "dependencies": ["-r requirements.txt"]}
    (folder / "conda.yaml").write_text(yaml.safe_dump(conda, sort_keys=False), encoding="utf-8")
    (folder / "python_env.yaml").write_text(yaml.safe_dump(python, sort_keys=False), encoding="utf-8")
    (folder / "requirements.txt").write_text("\n".join(needed) + "\n", encoding="utf-8")
