"""The README's commands do what it says. Its first block is for a fresh machine: it installs, and runs these tests."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from models.core.parameters import PARAMETERS
from search.study.reading import read_settings
from tests.project import PROJECT, copy_project, environment

README = (PROJECT / "README.md").read_text()
BLOCKS = [block.strip().splitlines() for block in re.findall(r"^```bash\n(.*?)^```", README, re.M | re.S)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a small mnist.npz."""
    folder = copy_project(tmp_path_factory.mktemp("project"))
    random = np.random.default_rng(0)
    labels = np.arange(400) % 10
    images = random.integers(0, 256, (400, 28, 28), np.uint8)
    arrays = {"x_train": images[:300], "y_train": labels[:300], "x_test": images[300:], "y_test": labels[300:]}
    np.savez(folder / "mnist.npz", **arrays)  # type: ignore[arg-type]
    return folder


def test_the_first_block_holds_two_commands() -> None:
    assert len(BLOCKS[0]) == 2
    assert BLOCKS[0][0].endswith("mlflow run . --env-manager uv")
    assert BLOCKS[0][1].endswith("mlflow run . --env-manager uv -e test")


@pytest.mark.parametrize("command", [command for block in BLOCKS[1:] for command in block])
def test_a_command_of_the_readme_succeeds(folder: Path, command: str) -> None:
    here = command.replace("--env-manager uv", "--env-manager local")
    ran = subprocess.run(
        ["bash", "-c", here], cwd=folder, env=environment(), capture_output=True, text=True, timeout=300
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_program_of_the_readme_runs(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)
    (tmp_path / "program.py").write_text(program.replace("trials=20", "trials=6") + 'print(search.load("mine"))')
    variables = environment() | {"PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "program.py"]
    ran = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "study mine: 6 trials (6 complete). Trial " in ran.stdout
    assert (tmp_path / "report" / "report.html").is_file()


def test_the_study_file_of_the_readme_is_one() -> None:
    (written,) = re.findall(r"^```yaml\n(.*?)^```", README, re.M | re.S)
    settings = read_settings(yaml.safe_load(written.replace("1e-", "1.0e-")), "readme")
    assert settings.searched == ("width", "learning_rate", "dropout", "optimizer", "momentum")


def test_every_parameter_and_every_file_that_the_readme_names_is_there() -> None:
    for name in PARAMETERS:
        assert f"`{name}`" in README
    for name in re.findall(r"`((?:models|search|analysis|tests|benchmarks|\.ci)/[\w./*-]*)`", README):
        assert list(PROJECT.glob(name)), name
