"""The driver's uses of MLflow's inside, where the public API would import TensorFlow or cost seconds a trial.

These are a model's folder, which mlflow.keras.log_model would make by importing TensorFlow, the entity of a data set,
and the store behind an artifact's location. tests/search/tracking/test_mlflow_internals.py fails first when an upgrade
changes them.
"""

import importlib.metadata
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import mlflow
import numpy as np
import yaml
from mlflow import MlflowClient, pyfunc
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.sources import LocalArtifactDatasetSource
from mlflow.entities import DatasetInput, InputTag
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from mlflow.types.schema import AnyType, ColSpec, Schema, TensorSpec
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_SOURCE_NAME
from mlflow.utils.validation import _validate_model_name

from analysis.reading.addresses import in_one_line
from models.core.errors import ConfigError, shown
from models.data.dataset import Dataset
from models.data.labels import CLASSIFICATION
from models.data.splits import Split
from models.networks.serving import DESCRIPTION, code_file, description, is_plain
from search.tracking.tracking_store import tracking_uri

_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_version = cache(importlib.metadata.version)
MODEL_FILE = "data/model.keras"
REQUIRED = ("mlflow", "tensorflow", "keras", "numpy", "pandas")


def git_commit(project: Path) -> str:
    """The commit of the project; empty outside a checkout, and where the checkout ignores the project's folder.

    mlflow.utils.git_utils.get_git_commit does the same, but leaves a process of git running until its objects are
    collected.
    """
    try:
        from git import Repo

        with Repo(project, search_parent_directories=True) as repo:
            return "" if str(project) in repo.ignored(str(project)) else str(repo.head.commit.hexsha)
    except Exception:  # there is no git, no checkout, or no commit in it yet
        return ""


def artifact_store(location: str) -> ArtifactRepository:
    """The store behind an artifact's location; MlflowClient reaches those of runs alone, and deletes none."""
    return get_artifact_repository(location, tracking_uri=tracking_uri())


def fill(location: str, write: Callable[[Path], None]) -> None:
    """Has `write` make the files of an artifact location: in place in a local folder, else in one that is uploaded."""
    store = artifact_store(location)
    if isinstance(store, LocalArtifactRepository):
        folder = Path(store.artifact_dir)
        folder.mkdir(parents=True, exist_ok=True)
        write(folder)
        return
    with tempfile.TemporaryDirectory() as temporary:
        write(Path(temporary))
        if any(Path(temporary).iterdir()):
            store.log_artifacts(temporary)


def replace_folder(run_id: str, name: str, files: Mapping[str, bytes]) -> str:
    """Replaces the files of the folder `name` among a run's artifacts; returns the folder's address."""
    client = MlflowClient()
    with tempfile.TemporaryDirectory() as folder:
        for file, content in files.items():
            Path(folder, file).write_bytes(content)
        client.log_artifacts(run_id, folder, name)
    location = str(client.get_run(run_id).info.artifact_uri)
    old = {file.path for file in client.list_artifacts(run_id, name)} - {f"{name}/{file}" for file in files}
    store = artifact_store(location)
    for path in sorted(old):
        store.delete_artifacts(path)
    return f"{location}/{name}"


def check_model_name(name: str) -> None:
    """Raises ConfigError unless MLflow's registry takes `name` for a model."""
    try:
        _validate_model_name(name)
    except MlflowException as error:
        raise ConfigError(
            f"as must be a name that MLflow's registry takes, without / or :, got {shown(name)}: {in_one_line(error)}"
        ) from None


def dataset_inputs(dataset: Dataset, split: Split) -> list[DatasetInput]:
    """The three parts of the data, as MLflow's runs list them."""
    file = Path(dataset.source)
    source = (
        LocalArtifactDatasetSource(str(file.resolve()))
        if file.is_file()
        else CodeDatasetSource({MLFLOW_SOURCE_NAME: dataset.source})
    )
    inputs = []
    for context, part in (("training", "train"), ("validation", "validation"), ("test", "test")):
        entity = mlflow.data.from_numpy(
            split.inputs[part],
            targets=split.labels[part],
            source=source,
            name=f"{dataset.name}-{part}",
            digest=dataset.sha256[:32],
        )._to_mlflow_entity()
        inputs.append(DatasetInput(entity, [InputTag(MLFLOW_DATASET_CONTEXT, context)]))
    return inputs


@cache
def environment_files() -> dict[str, str]:
    """The files that describe the environment of a model, with the versions that made it: name to text."""
    needed = [f"{name}=={_version(name)}" for name in REQUIRED]
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


def signature(split: Split) -> ModelSignature | None:
    """The signature of a model: of a table its columns with any type, of arrays the outputs alone.

    By a signature of inputs, MLflow would refuse an array of another dtype even where the dtype holds the values:
    models.data.served checks the inputs instead.
    """
    if split.columns:
        return ModelSignature(Schema([ColSpec(AnyType(), column.name, required=False) for column in split.columns]))
    if not is_plain(split):
        return None
    answer = np.dtype("float32" if split.target.task == CLASSIFICATION else "float64")
    return ModelSignature(outputs=Schema([TensorSpec(answer, (-1, split.target.n_outputs))]))


def write_model_folder(folder: Path, model: bytes, split: Split, run_id: str, model_id: str) -> None:
    """Fills `folder` as `mlflow.keras.save_model` would: MLmodel, data/model.keras and the environment files."""
    data = (folder / MODEL_FILE).parent
    data.mkdir(parents=True, exist_ok=True)
    (data / "keras_module.txt").write_text("keras", encoding="utf-8")
    (folder / MODEL_FILE).write_bytes(model)
    described = Model(run_id=run_id, model_id=model_id, signature=signature(split), model_size_bytes=len(model))
    module, source = code_file()
    (folder / "code").mkdir(exist_ok=True)
    (folder / "code" / f"{module}.py").write_text(source, encoding="utf-8")
    (data / DESCRIPTION).write_text(description(split), encoding="utf-8")
    if is_plain(split):
        flavor = {"data": data.name, "keras_version": _version("keras"), "keras_backend": "tensorflow"}
        flavor |= {"keras_module": "keras", "save_format": "tf"}  # what mlflow.tensorflow asks of the same file
        described.add_flavor("keras", save_exported_model=False, **flavor)
    environment = {"conda_env": "conda.yaml", "python_env": "python_env.yaml"}
    pyfunc.add_to_model(described, loader_module=module, data=data.name, code="code", **environment)
    # As Model.save, by libyaml where there is one: a tenth of the time.
    text = yaml.dump(described.to_dict(), Dumper=_Dumper, default_flow_style=False)
    for name, content in {"MLmodel": text, **environment_files()}.items():
        (folder / name).write_text(content, encoding="utf-8")
