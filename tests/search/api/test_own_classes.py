"""The lines that a search prints load a network with a layer of the user's own."""

import subprocess
import sys
from pathlib import Path

import pytest

import search
from models.core.errors import ConfigError
from search.__main__ import main
from tests.project import PROJECT, environment

NETWORK = """
import keras


class Scale(keras.layers.Layer):
    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, inputs):
        return inputs * self.factor


def build_model(hp):
    hidden = keras.layers.Dense(hp.Int("units", 8, 16), "relu")
    return keras.Sequential([keras.layers.Flatten(), Scale(), hidden, keras.layers.Dense(10, "softmax")])
"""


def test_the_lines_and_the_study_find_classes_in_the_networks_file(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("model.py").write_text(NETWORK)
    kept = environment() | {"PYTHONPATH": str(PROJECT), "MLFLOW_TRACKING_URI": f"sqlite:///{workdir}/mlflow.db"}

    def python(*arguments: str) -> str:
        ran = subprocess.run([sys.executable, "-P", *arguments], env=kept, capture_output=True, text=True, timeout=200)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    said = python("-m", "search", "--network", "model.py:build_model", "--trials", "2", "--workers", "1")
    lines = said[said.index("import keras, mlflow") :].strip().splitlines()
    assert "with keras.saving.custom_object_scope(study.own_classes()):" in lines
    lines = [line for line in lines if not line.startswith("webbrowser")]
    more = "print('answers', network.predict(rows).shape, study.best_model().count_params() > 600)"
    assert "answers (360, 10) True" in python("-c", "\n".join([*lines, more]))

    study = search.load("model")
    capsys.readouterr()
    assert main(["register", "--run-id", study.best.run_id, "--as", "mine"]) == 0
    registered = capsys.readouterr().out
    load = registered[registered.index("study = search.load") :]
    assert "answers" in python("-c", f"import keras, mlflow, search\n{load}\nprint('answers')")

    Path("model.py").write_text(NETWORK + "\n# another one\n")
    with pytest.raises(ConfigError, match="must be what it was when the trial was trained"):
        study.own_classes()
