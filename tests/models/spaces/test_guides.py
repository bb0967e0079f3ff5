"""Functions as in KerasTuner's guides run unchanged, and give the same plan with and without KerasTuner."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from models.core.runtime import HASH_SEED
from tests.project import PROJECT

USERS = Path(__file__).parent / "users"
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
PARITY = """
import random, warnings
from models.core.runtime import prepare_process
prepare_process()
warnings.simplefilter("ignore")
from keras_tuner.engine import hyperparameters as theirs
from models.spaces.domains import real, whole
draws, others = random.Random(0), []
for _ in range(3000):
    sampling, p = draws.choice(["linear", "log", "reverse_log"]), draws.random()
    low, high, step = draws.randint(1, 50), draws.randint(50, 500), draws.choice([None, 2, 3, 7])
    value = theirs.Int("x", low, high, step, sampling).prob_to_value(p)
    if value != whole("x", low, high, step, sampling).at_fraction(p):
        others.append((low, high, step, sampling, p))
    low, high, step = draws.choice([0.001, 0.1, 1.0]), draws.choice([1.0, 10.0, 37.5]), draws.choice([None, 2, 10, 1.5])
    value = theirs.Float("x", low, high, step, sampling).prob_to_value(p)
    if abs(value - real("x", low, high, step, sampling).at_fraction(p)) > 1e-9 * value:
        others.append((low, high, step, sampling, p))
print(others, len(list(theirs.Float("x", 0, 0.5, 0.1).values)), real("x", 0, 0.5, 0.1).count)
"""
PLAIN = ("units", "several", "separate", "conditional", "tailored", "Fitted")
OF_KERAS_TUNER = ("OfKerasTuner", "WithoutBase", "untunable", "annotated")


def output(code: str, *arguments: str) -> str:
    """The output of `code` in a process of its own."""
    environment = {**os.environ, **HASH_SEED}
    ran = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=PROJECT, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@cache
def planned(how: str) -> dict:
    """The rows of each function, by its name."""
    said = json.loads(output(ROWS, how, str(USERS), *PLAIN, *(OF_KERAS_TUNER if how == "with" else ())))
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
    assert all(
        set(row) == {"batch_size"} for row in rows["untunable"]
    )  # hyperparameters that build asks of a copy have their defaults


def test_a_fraction_becomes_the_value_that_keras_tuner_makes_of_it_and_the_top_of_a_float_is_kept() -> None:
    assert output(PARITY).strip() == "[] 5 6"
