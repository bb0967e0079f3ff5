"""The notebook for a class runs from its first cell to its last, and is stored with what they gave."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.project import PROJECT, environment

STORED = nbformat.read(PROJECT / "docs" / "class.ipynb", as_version=4)


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def said(notebook: nbformat.NotebookNode) -> str:
    outputs = (output for cell in code_cells(notebook) for output in cell.outputs)
    return "\n".join(str(output.get("text") or output.get("data", {}).get("text/plain", "")) for output in outputs)


def check(notebook: nbformat.NotebookNode) -> None:
    found = re.search(r"test accuracy (0\.\d+), logged (0\.\d+)", said(notebook))
    assert found is not None
    assert found[1] == found[2]
    assert "study class-own: 20 trials (20 complete). Trial " in said(notebook)
    kinds = [kind for cell in code_cells(notebook) for output in cell.outputs for kind in output.get("data", {})]
    assert kinds.count("image/png") == 2
    assert not any(output.output_type == "error" for cell in code_cells(notebook) for output in cell.outputs)


def test_it_is_stored_with_its_outputs_and_without_a_machine_s_paths() -> None:
    check(STORED)
    assert all(cell.execution_count for cell in code_cells(STORED))
    assert not re.search(r"/(home|root|tmp|Users)/", said(STORED))


def test_it_runs(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (environment() | {"PYTHONPATH": str(PROJECT), "IPYTHONDIR": str(workdir / "ipython")}).items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.from_dict(STORED)
    for cell in code_cells(notebook):
        cell.outputs, cell.execution_count = [], None
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(workdir)}}).execute()
    check(notebook)
