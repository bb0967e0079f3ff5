"""docs/quote.md: what the other programs are shown to do, they do here, and what they leave is read."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project import PROJECT
from tests.project import environment as people_s

PAGE = (PROJECT / "docs" / "quote.md").read_text()
PAIRS = re.findall(r"^```python\n(.*?)^```\n+```bash\n(.*?)^```", PAGE, re.M | re.S)


def test_every_program_has_its_command() -> None:
    assert len(PAIRS) == 3
    assert PAGE.count("```bash") == 3


@pytest.mark.parametrize(("program", "command"), PAIRS, ids=["Optuna", "MLflow", "KerasTuner"])
def test_the_command_reads_what_the_program_made(program: str, command: str, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(program)
    variables = people_s() | {"PYTHONPATH": str(PROJECT), "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}
    for line in (f"{sys.executable} program.py", command.strip()):
        ran = subprocess.run(
            ["bash", "-c", line], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=200
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
    page = (tmp_path / "quoted" / "report.html").read_text()
    assert re.search(r"To quote: Of M = (40|30|8) random trials \((learning_rate|units) ", page)
