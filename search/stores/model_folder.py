"""The folder that MLflow calls a model, around a .keras file that a worker saved.

mlflow.keras.log_model would import TensorFlow into the driver, or MLflow into every worker; the folder is all it makes.
"""

import importlib.metadata
from functools import cache
from pathlib import Path

import numpy as np
import yaml
from mlflow import pyfunc
from mlflow.models import Model, ModelSignature
from mlflow.types.schema import Schema, TensorSpec

from models.data.splits import Split

_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
version = cache(importlib.metadata.version)
MODEL_FILE = "data/model.keras"
REQUIRED = ("mlflow", "tensorflow", "keras", "numpy")


@cache
def environment_files() -> dict[str, str]:
    """What it takes to load a model again, at the versions that made it: file name -> text."""
    needed = [f"{name}=={version(name)}" for name in REQUIRED]
    conda = {
        "name": "model",
        "channels": ["conda-forge"],
        "dependencies": ["python=3.11", "pip", {"pip": needed}],
    }
    python = {"python": "3.11", "build_dependencies": ["pip"], "dependencies": ["-r requirements.txt"]}
    return {
        "conda.yaml": yaml.safe_dump(conda, sort_keys=False),
        "python_env.yaml": yaml.safe_dump(python, sort_keys=False),
        "requirements.txt": "\n".join(needed) + "\n",
    }


def signature(split: Split) -> ModelSignature:
    """Raw inputs of the data set in, class probabilities out."""
    inputs = TensorSpec(np.dtype(split.input_dtype), (-1, *split.input_shape))
    outputs = TensorSpec(np.dtype("float32"), (-1, split.n_classes))
    return ModelSignature(Schema([inputs]), Schema([outputs]))


def write_model_folder(folder: Path, model: bytes, split: Split, run_id: str, model_id: str) -> None:
    """Fills `folder` as `mlflow.keras.save_model` would: MLmodel, data/model.keras and the environment files."""
    data = (folder / MODEL_FILE).parent
    data.mkdir(parents=True, exist_ok=True)
    (data / "keras_module.txt").write_text("keras", encoding="utf-8")
    (folder / MODEL_FILE).write_bytes(model)
    described = Model(run_id=run_id, model_id=model_id, signature=signature(split), model_size_bytes=len(model))
    described.add_flavor(
        "keras", data=data.name, keras_version=version("keras"), keras_backend="tensorflow", save_exported_model=False
    )
    pyfunc.add_to_model(described, loader_module="mlflow.keras", conda_env="conda.yaml", python_env="python_env.yaml")
    # As Model.save, by libyaml where there is one: a tenth of the time.
    text = yaml.dump(described.to_dict(), Dumper=_Dumper, default_flow_style=False)
    for name, content in {"MLmodel": text, **environment_files()}.items():
        (folder / name).write_text(content, encoding="utf-8")
