"""What is taken from inside MLflow is what its own public ways give."""

import subprocess
from pathlib import Path

import mlflow
import psutil
import pytest
import yaml
from mlflow import MlflowClient
from mlflow.models import Model
from mlflow.utils.git_utils import get_git_commit

from models.data.sources import load_dataset
from models.data.splits import split_dataset
from search.tracking.mlflow_internals import (
    MODEL_FILE,
    artifact_store,
    dataset_inputs,
    environment_files,
    fill,
    git_commit,
    write_model_folder,
)

DIGITS = load_dataset("digits")
SPLIT = split_dataset(DIGITS, 0.1, seed=1)


def test_a_model_folder_is_read_by_mlflows_own_reader(tmp_path: Path) -> None:
    write_model_folder(tmp_path, b"a model", SPLIT, "run", "m-1")
    described = Model.load(str(tmp_path))
    assert (described.run_id, described.model_id) == ("run", "m-1")
    assert set(described.flavors) == {"keras", "python_function"}
    assert described.flavors["keras"]["data"] == "data"
    assert described.flavors["python_function"]["loader_module"].startswith("served_")
    assert described.signature.inputs is None  # MLflow would refuse numbers of any other dtype
    assert described.signature.outputs.inputs[0].shape == (-1, 10)
    assert (tmp_path / MODEL_FILE).read_bytes() == b"a model"
    required = (tmp_path / "requirements.txt").read_text().split()
    assert yaml.safe_load((tmp_path / "conda.yaml").read_text())["dependencies"][-1]["pip"] == required
    assert f"mlflow=={mlflow.__version__}" in required
    assert set(environment_files()) < {path.name for path in tmp_path.iterdir()}


def test_a_data_set_is_listed_as_mlflows_own_log_input_lists_it(workdir: Path) -> None:
    client = MlflowClient()
    ours, theirs = (client.create_run("0").info.run_id for _ in range(2))
    client.log_inputs(ours, dataset_inputs(DIGITS, SPLIT))
    with mlflow.start_run(run_id=theirs):
        part = mlflow.data.from_numpy(SPLIT.inputs["train"], targets=SPLIT.labels["train"], name="digits-train")
        mlflow.log_input(part, context="training")
    own, other = (client.get_run(run_id).inputs.dataset_inputs for run_id in (ours, theirs))
    (train,) = [each for each in own if each.dataset.name == "digits-train"]
    assert train.dataset.schema == other[0].dataset.schema
    assert train.dataset.profile == other[0].dataset.profile
    assert [(tag.key, tag.value) for tag in train.tags] == [(tag.key, tag.value) for tag in other[0].tags]
    assert {each.dataset.digest for each in own} == {DIGITS.sha256[:32]}


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_files_that_are_filled_in_are_what_mlflow_lists(workdir: Path, scheme: str) -> None:
    location = f"{scheme}{workdir / 'artifacts'}"
    fill(location, lambda folder: (folder / "a.txt").write_text("a"))
    assert [each.path for each in artifact_store(location).list_artifacts()] == ["a.txt"]


def test_a_folder_outside_a_checkout_has_no_commit(tmp_path: Path) -> None:
    assert git_commit(tmp_path) == ""


def test_the_commit_is_mlflows_and_no_process_of_git_stays(tmp_path: Path) -> None:
    somebody = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], [*somebody, "commit", "-q", "--allow-empty", "-m", "b"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    before = psutil.Process().children()
    commit = git_commit(tmp_path)
    assert set(psutil.Process().children()) <= set(before)
    assert len(commit) == 40
    assert commit == get_git_commit(str(tmp_path))
