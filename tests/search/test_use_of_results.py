"""The lines that a finished search shows are a program that runs as it stands, whatever the data are."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from analysis.reading.mlflow_studies import read_mlflow
from analysis.reading.usage import TITLE, lines
from tests.models.made_up import penguins
from tests.project import PROJECT, environment

STUDY = "sampler: list\nconfigurations: [{width: 4}, {width: 8}]\ntraining: {epochs: 2}\n"
OPENER = '#!/bin/sh\necho "$1" > opened\n'


def table(folder: Path) -> list[str]:
    penguins().to_csv(folder / "birds.csv", index=False)
    return ["--dataset", "birds.csv", "--target", "species", "--leave_out", "number,seen,nest"]


def arrays(folder: Path) -> list[str]:
    random = np.random.default_rng(1)
    np.savez(folder / "own.npz", x=random.normal(size=(200, 5)), y=np.arange(200) % 2)
    return ["--dataset", "own.npz", "--test", "0.25"]


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


@pytest.mark.parametrize("data", [lambda _: [], table, arrays], ids=["digits", "table", "arrays"])
def test_the_lines_load_the_network_predict_and_open_the_report(
    folder: Path, data: Callable[[Path], list[str]]
) -> None:
    told = python(folder, "-m", "search", "--study", "used.yaml", "--workers", "0", *data(folder))
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


def test_without_models_the_lines_name_none(folder: Path) -> None:
    told = python(folder, "-m", "search", "--study", "used.yaml", "--workers", "0", "--models", "none")
    shown = told.partition(f"{TITLE}:\n")[2].splitlines()
    assert shown[0] == "import search, webbrowser"
    assert not [line for line in shown if "network" in line]
    assert "search inspect" not in told
    assert "search register" not in told
