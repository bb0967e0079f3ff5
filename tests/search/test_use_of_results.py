"""The lines that a finished search shows are a program that runs as it stands, whatever the data are."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.reading.columns import trials_frame
from analysis.reading.mlflow_studies import read_mlflow
from analysis.reading.table import TrialTable
from analysis.reading.usage import TITLE, lines
from models.data.sources import Source, load_dataset
from tests.models.made_up import penguins
from tests.project import PROJECT, environment

STUDY = "sampler: list\nconfigurations: [{width: 4}, {width: 8}]\ntraining: {epochs: 2}\n"
OPENER = '#!/bin/sh\necho "$1" > opened\n'


@pytest.fixture
def folder(workdir: Path) -> Path:
    (workdir / "used.yaml").write_text(STUDY)
    (workdir / "opener").write_text(OPENER)
    (workdir / "opener").chmod(0o755)
    return workdir


def python(folder: Path, *arguments: str) -> str:
    variables = environment() | {"PYTHONPATH": str(PROJECT), "BROWSER": f"{folder}/opener %s"}
    command = [sys.executable, *arguments]
    ran = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=240)
    assert ran.returncode == 0, ran.stderr[-2000:]
    return ran.stdout


def test_the_lines_load_the_network_predict_from_a_raw_table_and_open_the_report(folder: Path) -> None:
    penguins().to_csv(folder / "birds.csv", index=False)
    data = ["--dataset", "birds.csv", "--target", "species", "--leave_out", "number,seen,nest"]
    told = python(folder, "-m", "search", "--study", "used.yaml", "--workers", "0", *data)
    shown = told.partition(f"{TITLE}:\n")[2].splitlines()
    assert shown == lines(read_mlflow("used"))
    shown[shown.index("network.predict(rows)")] = "print('ROWS', len(rows), len(network.predict(rows)))"
    shown[next(k for k, line in enumerate(shown) if line.startswith("study.trials"))] = "print(len(study.trials))"
    (folder / "program.py").write_text("\n".join(shown))
    printed = python(folder, "program.py")
    rows, answers = printed.partition("ROWS ")[2].split()[:2]
    assert rows == answers != "0"
    assert printed.splitlines()[0] == "2"
    opened = (folder / "opened").read_text().strip()
    assert opened == (folder / "report" / "report.html").as_uri()
    page = (folder / "report" / "report.html").read_text()
    assert TITLE in page
    assert "network.predict(rows)" in page


@pytest.mark.parametrize(("location", "rows"), [("digits", (360, 8, 8)), ("own.npz", (50, 5)), ("wine", (36, 13))])
def test_raw_rows_of_arrays_are_what_the_search_tests_on(workdir: Path, location: str, rows: tuple[int, ...]) -> None:
    random = np.random.default_rng(1)
    np.savez(workdir / "own.npz", x=random.normal(size=(200, 5)), y=np.arange(200) % 2)
    said = Source.read({"dataset": location, "test": "0.25"} if location == "own.npz" else location)
    study = TrialTable(
        trials_frame([{"number": 0, "state": "complete", "val_accuracy": 0.5, "run_id": "abc"}]), "s", "random",
        dataset_location=load_dataset(said).location, network_logged=True, parent_run_id="def",
    )  # fmt: skip
    shown = lines(study)
    assert 'network = mlflow.pyfunc.load_model("runs:/abc/model")' in shown
    program = [line for line in shown if line.startswith(("from ", "rows = "))]
    found: dict[str, Any] = {}
    exec("\n".join(program), found)
    assert found["rows"].shape == rows


def test_a_table_of_trials_that_is_not_in_mlflow_has_no_lines() -> None:
    frame = trials_frame([{"number": 0, "state": "complete", "val_accuracy": 0.5}])
    assert lines(TrialTable(frame, "s", "random")) == []


def test_without_models_the_lines_name_none(folder: Path) -> None:
    told = python(folder, "-m", "search", "--study", "used.yaml", "--workers", "0", "--models", "none")
    shown = told.partition(f"{TITLE}:\n")[2].splitlines()
    assert shown[0] == "import search, webbrowser"
    assert not [line for line in shown if "network" in line]
    assert "search inspect" not in told
    assert "search register" not in told
