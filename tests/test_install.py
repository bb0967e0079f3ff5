"""`pip install` of a checkout: the packages, the studies, the commands, and conda.yaml's requirements."""

import os
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
import yaml

from tests.project import PROJECT
from tests.project import environment as people_s

PACKAGES = ("models", "search", "analysis")
PARTS = (*PACKAGES, "pyproject.toml", "setup.py", "MANIFEST.in", "conda.yaml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the packages are installed to, without what they need, which is here already."""
    checkout, target = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("installed")
    for name in PARTS:
        part = PROJECT / name
        if part.is_dir():
            shutil.copytree(part, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(part, checkout / name)
    pip = [sys.executable, "-m", "uv", "pip", "install", "--no-deps", "--target", str(target), str(checkout)]
    ran = subprocess.run(pip, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    return target


def said(installed: Path, folder: Path, *command: str, code: int = 0) -> str:
    variables = people_s() | {"PYTHONPATH": str(installed), "PATH": f"{installed}/bin:{os.environ['PATH']}"}
    ran = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=300)
    assert ran.returncode == code, ran.stdout + ran.stderr
    return ran.stdout + ran.stderr


def test_its_requirements_are_those_of_conda_yaml(installed: Path) -> None:
    (found,) = distributions(path=[str(installed)])
    required = [each.split(";")[0].strip() for each in found.requires or []]
    listed = yaml.safe_load((PROJECT / "conda.yaml").read_text())["dependencies"][-1]["pip"]
    assert sorted(required) == sorted(each for each in listed if not each.startswith("uv=="))
    tests = [each for each in found.requires or [] if 'extra == "tests"' in each]
    assert any(each.startswith("pytest==") for each in tests)
    assert not any(each.startswith("mlflow==") for each in tests)


def test_its_commands_work_in_a_folder_with_packages_of_the_same_names(installed: Path, tmp_path: Path) -> None:
    for name in PACKAGES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('the wrong one')")
    ran = said(installed, tmp_path, "search", "--study", "digits-random", "--trials", "2", "--workers", "1")
    assert "2 of 2 trials, 0 failed, best val_accuracy so far 0." in ran
    assert "usage: search ui" in said(installed, tmp_path, "search-ui", "--help")


def test_the_module_works_beside_folders_of_these_names_and_refuses_packages_in_a_line(
    installed: Path, tmp_path: Path
) -> None:
    for name in PACKAGES:
        (tmp_path / name).mkdir()
    assert "usage: python -m search" in said(installed, tmp_path, sys.executable, "-m", "search", "--help")
    (tmp_path / "models" / "__init__.py").touch()
    refused = said(installed, tmp_path, sys.executable, "-m", "search", "--help", code=2)
    assert refused.startswith("error: the working directory must have no package models or analysis")
    assert refused.count("\n") == 1
