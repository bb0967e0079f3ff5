"""The commands of the README and of docs/options.md do what they say.

The README's first block is for a fresh machine: it installs, and runs these tests.
"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.datasets import load_iris

from models.core.parameters import PARAMETERS
from search.study.reading import read_settings
from tests.project import PROJECT, copy_project, environment

README = (PROJECT / "README.md").read_text()
OPTIONS = (PROJECT / "docs" / "options.md").read_text()


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.M | re.S)


def commands(page: str) -> list[str]:
    """All of a page's bash blocks but those of a fresh machine."""
    return [line for block in blocks(page, "bash") for line in block.strip().splitlines() if ".venv" not in line]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with the files that the pages speak of: a small mnist.npz, mine.csv and mine.yaml."""
    folder = copy_project(tmp_path_factory.mktemp("project"))
    random = np.random.default_rng(0)
    labels = np.arange(400) % 10
    images = random.integers(0, 256, (400, 28, 28), np.uint8)
    arrays = {"x_train": images[:300], "y_train": labels[:300], "x_test": images[300:], "y_test": labels[300:]}
    np.savez(folder / "mnist.npz", **arrays)  # type: ignore[arg-type]
    flowers = load_iris(as_frame=True)
    species = flowers.target.map(lambda code: flowers.target_names[code])
    pd.concat([flowers.data, species.rename("species")], axis=1).to_csv(folder / "mine.csv", index=False)
    (folder / "mine.yaml").write_text(blocks(README, "yaml")[0])
    return folder


def test_the_first_block_holds_two_commands() -> None:
    first = blocks(README, "bash")[0].strip().splitlines()
    assert len(first) == 2
    assert first[0].endswith(" && mlflow run . --env-manager uv")
    assert first[1].endswith(" && mlflow run . --env-manager uv -e test")


def test_the_readme_is_read_in_a_few_minutes_and_says_first_what_the_project_is_and_is_not() -> None:
    lines = README.splitlines()
    assert len(lines) < 120
    beginning = "\n".join(lines[:10])
    assert "A search over Keras networks" in beginning
    assert "**It is not**" in beginning


@pytest.mark.parametrize("command", [*commands(README), *commands(OPTIONS)])
def test_a_command_of_the_pages_succeeds(folder: Path, command: str) -> None:
    here = command.replace("--env-manager uv", "--env-manager local")
    ran = subprocess.run(
        ["bash", "-c", here], cwd=folder, env=environment(), capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_no_command_of_the_pages_runs_twice() -> None:
    found = [*commands(README), *commands(OPTIONS)]
    assert len(set(found)) == len(found) > 8


def test_the_program_of_the_readme_runs(tmp_path: Path) -> None:
    (program,) = blocks(README, "python")
    (tmp_path / "program.py").write_text(program.replace("trials=20", "trials=6") + 'print(search.load("mine"))')
    variables = environment() | {"PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "program.py"]
    ran = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "study mine: 6 trials (6 complete). Trial " in ran.stdout
    assert (tmp_path / "report" / "report.html").is_file()


@pytest.mark.parametrize("page", [README, OPTIONS])
def test_the_study_file_of_a_page_is_one(page: str) -> None:
    (written,) = blocks(page, "yaml")
    settings = read_settings(yaml.safe_load(written.replace("1e-", "1.0e-")), "readme")
    assert settings.searched == ("width", "learning_rate", "dropout", "optimizer", "momentum")


def test_every_parameter_is_described() -> None:
    for name in PARAMETERS:
        assert f"`{name}`" in OPTIONS
