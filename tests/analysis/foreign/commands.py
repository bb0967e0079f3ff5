"""What the tests of foreign studies share: made-up scores, and what the command writes or refuses."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.__main__ import main, run


def score(lr: float, units: int, kind: str) -> float:
    """Of an accuracy's kind, best in the middle of the rates."""
    return 0.95 - 0.1 * abs(np.log10(lr) + 2) ** 1.5 - 1 / units - 0.01 * (kind == "b")


def reported(*arguments: str, folder: Path) -> dict[str, Any]:
    """What best_of_n.json holds of a study that is read."""
    run([*arguments, "--out", str(folder / "report")])
    assert (folder / "report" / "report.html").is_file()
    return dict(json.loads((folder / "report" / "best_of_n.json").read_text()))


def refused(capsys: pytest.CaptureFixture[str], *arguments: str, folder: Path) -> str:
    capsys.readouterr()
    assert main([*arguments, "--out", str(folder / "none")]) == 2
    assert not (folder / "none").exists()
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said
