"""Functions of the shapes of KerasTuner's guides run unchanged, with KerasTuner and without it, to the same plan."""

import json
import os
import subprocess
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.project import PROJECT

USERS = Path(__file__).parent / "users"
NEEDED = (
    "KerasTuner is no part of the environment: uv pip install --no-deps --target FOLDER keras-tuner==1.4.8 kt-legacy, "
    "and KERAS_TUNER=FOLDER"
)
ROWS = """
import json, sys, warnings
from models.core.runtime import prepare_process
prepare_process()
if sys.argv[1] == "without":
    sys.modules["keras_tuner"] = None
else:
    warnings.simplefilter("ignore")
    import keras_tuner
from models.spaces.planner import grid_rows, random_rows
from models.spaces.source import read_source
said = {}
for name in sys.argv[3:]:
    source = read_source(f"{sys.argv[2]}/guides.py:{name}")
    rows = random_rows(source, {"input_shape": (28, 28), "n_outputs": 10}, 7, range(12))
    said[name] = [[dict(row.parameters), row.problem and row.problem.traceback] for row in rows]
said["grid"] = len(grid_rows(read_source(f"{sys.argv[2]}/guides.py:conditional"), {}, 0, 100))
print(json.dumps(said))
"""
PLAIN = ("units", "several", "separate", "conditional", "tailored", "Fitted")
OF_KERAS_TUNER = ("OfKerasTuner", "WithoutBase", "untunable", "annotated")


@cache
def planned(how: str) -> dict:
    """Rows by the name of the function."""
    if how == "with" and "KERAS_TUNER" not in os.environ and find_spec("keras_tuner") is None:
        pytest.skip(NEEDED)
    folder = os.environ.get("KERAS_TUNER", "")
    environment = {**os.environ, "PYTHONPATH": folder if how == "with" else "", "PYTHONHASHSEED": "0"}
    command = [sys.executable, "-c", ROWS, how, str(USERS), *PLAIN, *(OF_KERAS_TUNER if how == "with" else ())]
    ran = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert [row[1] for name, rows in said.items() if name != "grid" for row in rows if row[1]] == []
    return {name: rows if name == "grid" else [row[0] for row in rows] for name, rows in said.items()}


@pytest.mark.parametrize("how", ["without", "with"])
def test_functions_of_the_guides_ask_for_what_they_show(how: str) -> None:
    rows = planned(how)
    for row in rows["several"]:
        layers = [f"units_{i}" for i in range(row["num_layers"])]
        assert set(row) == {"num_layers", *layers, "activation", "dropout", "lr"}
    assert {row["num_layers"] for row in rows["several"]} == {1, 2, 3}
    kinds = {"mlp": {"model_type", "mlp_layers when model_type is mlp", "units when model_type is mlp"}}
    kinds["cnn"] = {"model_type", "units when model_type is cnn"}
    assert all(set(row) == kinds[row["model_type"]] for row in rows["conditional"])
    for row in rows["tailored"]:
        assert ("momentum when optimizer is sgd" in row) == (row["optimizer"] == "sgd")
        assert row.get("block_0/factor when block_0/kind is wide", 1) == (2 if row["block_0/kind"] == "wide" else 1)
        assert ("block_1/units" in row) == (row["blocks"] == 2)
    assert all(set(row) == {"units", "normalize", "batch_size", "shuffle"} for row in rows["Fitted"])
    assert {row["batch_size"] for row in rows["Fitted"]} == {16, 32}
    assert rows["grid"] == 2 * 2 + 2


def test_the_plan_is_the_same_with_keras_tuner_and_without() -> None:
    with_it, without = planned("with"), planned("without")
    assert {name: with_it[name] for name in without} == without


def test_classes_of_keras_tuner_are_built_through_its_wrapper() -> None:
    rows = planned("with")
    assert rows["annotated"] == rows["several"]
    for row, plain in zip(rows["OfKerasTuner"], rows["several"], strict=True):
        assert row == plain | {"batch_size": row["batch_size"]}
    assert rows["WithoutBase"] == rows["OfKerasTuner"]
    assert all(set(row) == {"batch_size"} for row in rows["untunable"])  # what build asks of a copy has its default
