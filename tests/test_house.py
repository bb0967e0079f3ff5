"""The shape of the tree: what docs/code.md says of it, and sizes that keep files and folders readable."""

import re
import subprocess
from pathlib import Path
from statistics import median

import pytest

from tests.project import PROJECT

PACKAGES = ("models", "analysis", "search")
PAGE = (PROJECT / "docs" / "code.md").read_text()
_LEFT_OUT = {".git", ".venv", "__pycache__", "mlruns"}


def python_files(*tops: str) -> list[Path]:
    return [path for top in tops for path in sorted((PROJECT / top).rglob("*.py")) if not _LEFT_OUT & set(path.parts)]


def folders_of(package: str) -> set[str]:
    return {path.name for path in (PROJECT / package).iterdir() if (path / "__init__.py").is_file()}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_folder_has_its_sentence_in_itself_and_on_the_page(package: str) -> None:
    tree = PAGE[PAGE.index(f"\n{package}/ ") :]
    tree = tree[: re.search(r"\n(?=\S)", tree[1:]).end()]  # type: ignore[union-attr]
    named = set(re.findall(r"^  (\w+)/ ", tree, re.M))
    assert named - {"studies"} == folders_of(package)
    for folder in folders_of(package):
        text = (PROJECT / package / folder / "__init__.py").read_text()
        assert re.fullmatch(r'"""[A-Z][^"]+\.\n?"""\n', text), folder


def test_every_file_that_the_page_names_is_there() -> None:
    paths = re.findall(r"`((?:models|search|analysis|tests|benchmarks|docs)/[\w./*-]*)`", PAGE)
    assert len(paths) > 30
    for name in paths:
        assert list(PROJECT.glob(name)), name


def test_files_and_folders_stay_small() -> None:
    sizes = {path: len(path.read_text().splitlines()) for path in python_files(*PACKAGES, "tests", "benchmarks")}
    assert [str(path) for path, lines in sizes.items() if lines > 320] == []
    assert median(sizes.values()) < 120
    folders = [path.parent for path in sizes]
    assert [str(folder) for folder in set(folders) if folders.count(folder) > 14] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_tests_mirror_the_packages(package: str) -> None:
    for folder in folders_of(package):
        assert list((PROJECT / "tests" / package / folder).glob("test_*.py")), f"{package}/{folder} has no tests"


def test_the_import_contracts_are_kept() -> None:
    ran = subprocess.run(["lint-imports"], cwd=PROJECT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout
    assert "0 broken" in ran.stdout


def test_a_name_that_is_written_and_read_again_stands_once() -> None:
    words = ("val_accuracy", "test_accuracy", "state_reason", "trial_number", "config_hash", "weights_sha256")
    literal = re.compile("|".join(f"['\"]{word}['\"]" for word in words))
    own = PROJECT / "models" / "core" / "names.py"
    found = [
        f"{path.relative_to(PROJECT)}: {line.strip()}"
        for path in python_files(*PACKAGES)
        if path != own
        for line in path.read_text().splitlines()
        if literal.search(line)
    ]
    assert found == []
