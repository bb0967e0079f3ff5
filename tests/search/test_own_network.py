"""The user's own function builds the network: planned, trained, resumed and replayed as the built-in one is."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
from mlflow import MlflowClient, pyfunc

from analysis.reading.mlflow_studies import read_mlflow
from analysis.reading.table import TrialTable
from models.data.sources import Source, load_dataset
from search.__main__ import main
from tests.project import PROJECT

EXAMPLES = PROJECT / "examples"
NETWORK = """
import keras

def build_model(hp):
    model = keras.Sequential([keras.layers.Flatten()])
    if hp.Boolean("deep"):
        model.add(keras.layers.Dense(hp.Int("units", 8, 24, step=8), activation="relu"))
        model.add(keras.layers.Dropout(hp.Choice("rate", [0.1, 0.3])))
    model.add(keras.layers.Dense(10, activation="softmax"))
    model.compile(keras.optimizers.Adam(hp.Float("rate of learning", 1e-3, 1e-2, sampling="log")),
                  "sparse_categorical_crossentropy")
    return model
"""


def ran(*arguments: str, code: int = 0) -> str:
    """What `python -m search` said, in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-m", "search", *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode == code, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


def same(one: TrialTable, other: TrialTable) -> None:
    differing = ["run_id", "seconds", "attempt"]
    pd.testing.assert_frame_equal(
        one.frame.drop(columns=differing), other.frame.drop(columns=differing), check_exact=True
    )


@pytest.mark.parametrize(
    ("arguments", "dataset"),
    [
        (["--network", f"{EXAMPLES}/cnn.py:build_model"], "digits"),
        pytest.param(["--network", f"{EXAMPLES}/residual.py:build_model"], "digits", marks=pytest.mark.slow),
        (["--network", f"{EXAMPLES}/hypermodel.py:Digits"], "digits"),
        pytest.param(["--study", f"{EXAMPLES}/sequence.yaml"], "", marks=pytest.mark.slow),
        (["--study", f"{EXAMPLES}/tabular.yaml"], "iris"),
    ],
    ids=["cnn", "residual", "hypermodel", "sequence", "tabular"],
)
def test_each_example_is_searched_replayed_and_its_model_answers_raw_rows(
    workdir: Path, arguments: list[str], dataset: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ran(*arguments, "--name", "own", "--trials", "2", "--workers", "1")
    table = read_mlflow("own")
    assert table.frame["state"].tolist() == ["complete"] * 2
    run = MlflowClient().get_run(str(table.frame["run_id"][1]))
    assert run.data.tags["trained_by"] == "one graph"
    assert "bit-equal" in ran("replay", "--run-id", run.info.run_id)
    assert main(["doctor", "--study", "own"]) == 0
    assert "gives the logged scores" in ran("inspect", "--run-id", run.info.run_id)
    data = load_dataset(Source.read(dataset or f"{EXAMPLES}/sequence.py:made_up"))
    rows = pd.DataFrame(data.x_test, columns=[each.name for each in data.columns]) if data.columns else data.x_test
    answered = pyfunc.load_model(f"runs:/{run.info.run_id}/model").predict(rows)
    found = answered.select_dtypes("number").to_numpy() if data.columns else np.asarray(answered)
    accuracy = float((found.argmax(axis=1) == data.y_test).mean())
    assert accuracy == run.data.metrics["test_accuracy"]


def test_the_table_is_one_whatever_the_workers_and_extended_it_keeps_its_beginning(workdir: Path) -> None:
    Path("net.py").write_text(NETWORK)
    for name, workers in (("none", "0"), ("one", "1"), ("two", "2")):
        ran("--network", "net.py:build_model", "--name", name, "--trials", "4", "--workers", workers)
    first = read_mlflow("none")
    same(first, read_mlflow("one"))
    same(first, read_mlflow("two"))
    assert len(first.frame["params.deep"].unique()) == 2
    ran("--network", "net.py:build_model", "--name", "one", "--trials", "6", "--workers", "1")
    longer = read_mlflow("one")
    assert len(longer.frame) == 6
    assert longer.frame["weights_sha256"][:4].tolist() == first.frame["weights_sha256"].tolist()
    said = ran("confirm", "--study", "one", "--top", "1", "--repeats", "2", "--workers", "1")
    assert "trained again with fresh seeds" in said
    assert len(read_mlflow("one-confirm").frame) == 2


@pytest.mark.slow
def test_training_begins_with_the_first_rows_and_a_kill_before_the_last_one_costs_nothing(workdir: Path) -> None:
    slow = NETWORK.replace('    if hp.Boolean("deep"):', '    time.sleep(0.1)\n    if hp.Boolean("deep"):')
    Path("net.py").write_text(f"import time\n{slow}")
    command = [sys.executable, "-m", "search", "--network", "net.py:build_model", "--trials", "90", "--workers", "1"]
    environment = os.environ | {"PYTHONPATH": str(PROJECT)}
    first = subprocess.Popen([*command, "--name", "own"], env=environment, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not (Path("outbox/own/own_space.json").is_file() and list(Path("mlruns").rglob("plan.csv"))):
        assert time.monotonic() < until
        time.sleep(0.02)
    time.sleep(1)  # the first trials train
    below = psutil.Process(first.pid).children(recursive=True)
    first.kill()
    first.wait()
    assert psutil.wait_procs(below, timeout=20)[1] == []
    assert len(json.loads(Path("outbox/own/own_space.json").read_text())["rows"]) == 16
    ran("--network", "net.py:build_model", "--name", "own", "--trials", "18", "--workers", "2")
    table = read_mlflow("own")
    assert (len(table.frame), table.planned_trials) == (18, 18)
    assert table.frame["state"].tolist() == ["complete"] * 18
    assert main(["doctor", "--study", "own"]) == 0


def test_a_grid_is_walked_whole(workdir: Path) -> None:
    Path("net.py").write_text(NETWORK.replace('hp.Float("rate of learning", 1e-3, 1e-2, sampling="log")', "1e-3"))
    said = ran("--network", "net.py:build_model", "--sampler", "grid", "--dry-run")
    assert "7, sampler grid" in said
    assert re.search(r"parameters +[0-9,]+ in the first network", said)
    said = ran("--network", "net.py:build_model", "--sampler", "grid", "--trials", "3", "--dry-run")
    assert "3, sampler grid" in said
    Path("part.yaml").write_text("{sampler: grid, network: 'net.py:build_model', trials: 8}")
    said = ran("--study", "part.yaml", "--dry-run", code=2)
    assert "trials must be at most the 7 configurations of the grid, got 8" in said
    Path("grid.yaml").write_text("{sampler: grid, network: 'net.py:build_model', training: {epochs: 1}}")
    ran("--study", "grid.yaml")
    table = read_mlflow("grid")
    assert (len(table.frame), table.grid_size) == (7, 7)  # shallow, or three widths with two rates
    assert table.frame["config_hash"].nunique() == 7


def test_a_source_that_changed_is_refused_and_replay_runs_the_logged_copy_only_when_told(
    workdir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = "class Twice(keras.layers.Layer):\n    def call(self, x):\n        return 2 * x\n"
    Path("layers.py").write_text(f"import keras\nDense = keras.layers.Dense\n{own}")
    network = NETWORK.replace("import keras\n", "import keras\nfrom layers import Dense, Twice\n")
    Path("net.py").write_text(network.replace("keras.layers.Flatten()", "keras.layers.Flatten(), Twice()"))
    ran("--network", "net.py:build_model", "--name", "own", "--trials", "2", "--workers", "1")
    run_id = str(read_mlflow("own").frame["run_id"][0])
    kept = MlflowClient().list_artifacts(str(read_mlflow("own").parent_run_id), "network")
    assert sorted(file.path for file in kept) == ["network/layers.py", "network/net.py"]
    assert "gives the logged scores" in ran("inspect", "--run-id", run_id)
    Path("layers.py").write_text(f"import keras\nDense = keras.layers.Dense  # changed\n{own}")
    said = " ".join(ran("inspect", "--run-id", run_id, code=1).split())
    assert "got one with Twice; " in said
    assert "must be what it was when the trial was trained" in said
    said = ran("--network", "net.py:build_model", "--name", "own", "--trials", "3", code=2)
    assert "a study keeps the settings that decide its trials" in said
    assert "network.files.layers.py: " in said
    diff = "\n-Dense = keras.layers.Dense\n+Dense = keras.layers.Dense  # changed"
    assert diff in said
    said = ran("replay", "--run-id", run_id, code=2)
    assert diff in said
    assert "must be what it was when the trial was trained" in said
    assert "trust=true runs the copy on the study's run" in said
    assert "bit-equal" in ran("replay", "--run-id", run_id, "--trust")


WRONG = {
    "def build(hp):\n    return 1 / 0": "failed at net.py line 2: ZeroDivisionError",
    "def build(hp):\n    return 'a model'": "build must return a keras.Model",
    "from keras import Sequential, layers\ndef build(hp):\n    return Sequential([layers.Dense(3, 'softmax')])": (
        "a network must answer each row with 10 probabilities"
    ),
    "import keras\ndef build(units=3):\n    return keras.Sequential([keras.layers.Dense(units)])": (
        "a study needs a space for build, which takes units: `space:` beside `network:` in a study file (--network"
    ),
    "def built(hp):\n    return 3": "network must name a definition of its file, got 'build'",
    "def build(hp:\n": "network must be Python, got net.py line 1",
    "def build(hp):\n    hp.Choice('monitor', [1])": "a hyperparameter may have any name but",
    "import os\ndef build(hp):\n    os._exit(3)": "the network's function must leave its process alive",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_function_that_cannot_work_is_told_in_one_line_before_anything_is_made(
    workdir: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("net.py").write_text(text)
    before = sorted(workdir.rglob("*"))
    assert main(["--network", "net.py:build", "--workers", "0"]) == 2
    said = capsys.readouterr().err
    assert WRONG[text] in said
    assert said.count("\n") == 1
    assert sorted(path for path in workdir.rglob("*") if "__pycache__" not in str(path)) == before


def test_names_of_a_study_are_those_of_the_function(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("net.py").write_text(
        "import keras\ndef build(units=3):\n    return keras.Sequential([keras.layers.Flatten(),"
        " keras.layers.Dense(units, 'relu'), keras.layers.Dense(10, 'softmax')])"
    )
    study = "{sampler: random, trials: 2, network: 'net.py:build', space: {%s}, training: {epochs: 1}}"
    for space, message in (
        ("unit: [4, 8]", "got 'unit'; did you mean 'units'?"),
        ("units: [[4], 8]", "units must have numbers, words or booleans as values"),
        ("units: [4, 8], batch_size: [0]", "batch_size must be a whole number, 1"),
        ("monitor: [val_rmse], units: [4]", "monitor of a classification must be one of"),
    ):
        Path("s.yaml").write_text(study % space)
        assert main(["--study", "s.yaml", "--workers", "0"]) == 2
        assert message in capsys.readouterr().err
    Path("s.yaml").write_text(study % "units: [4, 8], learning_rate: {low: 1e-3, high: 1e-1, log: true}")
    ran("--study", "s.yaml", "--workers", "1")
    assert set(read_mlflow("s").frame["params.units"]) <= {4, 8}


def test_a_trial_whose_function_raises_fails_with_its_traceback_and_the_others_go_on(workdir: Path) -> None:
    Path("net.py").write_text(
        NETWORK.replace(
            '    if hp.Boolean("deep"):', '    if hp.Boolean("deep"):\n        raise RuntimeError("too deep")'
        )
    )
    ran("--network", "net.py:build_model", "--name", "own", "--trials", "5", "--seed", "0", "--workers", "1")
    table = read_mlflow("own")
    states = dict(zip(table.frame["params.deep"].astype(str), table.frame["state"], strict=True))
    assert states == {"True": "failed", "False": "complete"}
    failed = table.frame[table.frame["state"] == "failed"].iloc[0]
    path = MlflowClient().download_artifacts(str(failed["run_id"]), "failure.txt", ".")
    text = Path(path).read_text()
    assert "too deep" in text
    assert "net.py" in text
    assert failed["state_reason"] == "exception"
