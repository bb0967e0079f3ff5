"""What a study says of the training of the user's own network: its callbacks, and that bits may differ."""

from pathlib import Path

import pytest
from mlflow import MlflowClient

from analysis.__main__ import run as analyse
from analysis.estimates.notes import NOT_DETERMINISTIC
from analysis.reading.mlflow_studies import read_mlflow
from search.__main__ import main
from tests.search.test_own_network import ran

NETWORK = """
import keras, tensorflow as tf

def build_model(hp):
    pooled = keras.layers.Lambda(lambda x: tf.nn.fractional_max_pool(x, [1, 1.4, 1.4, 1])[0])
    answers = keras.layers.Dense(10, activation="softmax")
    return keras.Sequential([keras.Input((8, 8, 1)), pooled, keras.layers.Flatten(),
                             keras.layers.Dense(hp.Int("units", 8, 24)), answers])
"""
CALLBACKS = """
from keras.callbacks import Callback

class AfterTwo(Callback):
    def on_epoch_end(self, epoch, logs=None):
        assert "val_loss" in logs
        self.model.stop_training = epoch == 1

class Batches(Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.last = batch

def make():
    return [AfterTwo(), Batches()]

def none():
    return [3]
"""
STUDY = "{sampler: random, trials: 2, network: 'net.py:build_model', training: {epochs: 5}%s}"


@pytest.fixture
def files(workdir: Path) -> Path:
    Path("net.py").write_text(NETWORK)
    Path("calls.py").write_text(CALLBACKS)
    return workdir


def test_a_studys_callbacks_are_heard_logged_and_hashed_and_operations_that_differ_are_said(files: Path) -> None:
    Path("own.yaml").write_text(STUDY % ", callbacks: 'calls.py:make', deterministic: false")
    said = " ".join(ran("--study", "own.yaml", "--workers", "1").split())
    assert "Model.fit: the callback Batches hears of each batch (2 trials)" in said
    assert NOT_DETERMINISTIC in said
    table = read_mlflow("own")
    assert table.frame["best_epoch"].max() <= 2  # of five
    run = MlflowClient().get_run(str(table.frame["run_id"][0]))
    assert run.data.tags["deterministic"] == "false"
    assert run.data.tags["callbacks"] == f"{files}/calls.py:make"
    assert NOT_DETERMINISTIC in MlflowClient().get_run(str(table.parent_run_id)).data.tags["mlflow.note.content"]
    kept = MlflowClient().list_artifacts(str(table.parent_run_id), "network")
    assert sorted(file.path for file in kept) == ["network/calls.py", "network/net.py"]
    analyse(["--study", "own", "--out", "report"])
    assert NOT_DETERMINISTIC in Path("report/report.html").read_text()
    Path("calls.py").write_text(CALLBACKS.replace("epoch == 1", "epoch == 2"))
    said = ran("--study", "own.yaml", code=2)
    assert "-        self.model.stop_training = epoch == 1\n+        self.model.stop_training = epoch == 2" in said
    said = " ".join(ran("replay", "--run-id", run.info.run_id, "--trust", code=1).split())
    assert NOT_DETERMINISTIC in said


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("", "must have a deterministic kernel (deterministic: false in the study lets others run), got tf.nn.frac"),
        (", deterministic: maybe", "deterministic must be true or false, got 'maybe'"),
        (", callbacks: 'calls.py:make_them'", "callbacks must name a definition of its file, got 'make_them'"),
        (", callbacks: 'elsewhere/calls.py:make'", "callbacks must lie in the folder of the network's file"),
        (", callbacks: [1]", "callbacks must be FILE.py:NAME, got [1]"),
        (
            ", deterministic: false, callbacks: 'calls.py:none'",
            "callbacks must name Keras callbacks, or a function that returns them",
        ),
    ],
    ids=["kernel", "word", "no such name", "elsewhere", "no text", "no callbacks"],
)
def test_what_cannot_work_is_told_before_anything_is_made(
    files: Path, keys: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (files / "study").mkdir()
    (files / "elsewhere").mkdir()
    (files / "elsewhere" / "calls.py").write_text(CALLBACKS)
    study = (STUDY % keys).replace("net.py", "study/net.py") if "elsewhere" in keys else STUDY % keys
    (files / "study" / "net.py").write_text(NETWORK)
    Path("own.yaml").write_text(study)
    before = sorted(files.rglob("*"))
    assert main(["--study", "own.yaml", "--workers", "0"]) == 2
    assert message in capsys.readouterr().err
    assert sorted(path for path in files.rglob("*") if "__pycache__" not in str(path)) == before


def test_callbacks_and_loose_operations_belong_to_a_network_of_ones_own(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for key in ("callbacks: 'calls.py:make'", "deterministic: false"):
        Path("s.yaml").write_text(f"{{sampler: random, space: {{width: [8, 16]}}, {key}}}")
        assert main(["--study", "s.yaml", "--workers", "0"]) == 2
        assert "must stand beside a network of your own, network: FILE.py:NAME" in capsys.readouterr().err
