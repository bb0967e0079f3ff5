"""docs/adaptive.md: its commands, in its order, and what they leave."""

import re
import subprocess
from pathlib import Path

import mlflow
import optuna
import pytest

from analysis.__main__ import run as analyse
from analysis.reading.mlflow_studies import read_mlflow
from tests.project import PROJECT, environment
from tests.search.own_study import everything_else_works

PAGE = (PROJECT / "docs" / "adaptive.md").read_text()
COMMANDS = [line for block in re.findall(r"^```bash\n(.*?)^```", PAGE, re.M | re.S) for line in block.splitlines()]
FEWER = {
    "search --study digits-tpe": " --trials 11",
    "search --study digits-random": " --trials 12",
    "search confirm": " --repeats 2",
}
"""What makes the page's searches short."""


def test_the_pages_commands_work_and_say_what_may_be_said(workdir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(COMMANDS) == 5
    said = ""
    for command in COMMANDS:
        short = command + next((more for start, more in FEWER.items() if command.startswith(f"python -m {start}")), "")
        variables = environment() | {
            "PYTHONPATH": str(PROJECT),
            "MLFLOW_TRACKING_URI": f"sqlite:///{workdir}/mlflow.db",
        }
        ran = subprocess.run(["bash", "-c", short], env=variables, capture_output=True, text=True, timeout=300)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        said += ran.stdout
    assert "In 5 independent searches the best of 11 trials by TPE reached a validation accuracy of" in said
    assert "with a probability of at most 1/6" in said
    assert "--trials 22" in said  # to extend: twice the trials of each

    table = read_mlflow("digits-tpe")
    assert (table.replicates, table.start_up_trials, table.planned_trials) == (5, 10, 55)
    page = Path("gained/report.html").read_text()
    assert "Gain over digits-random" in page
    assert "On fresh seeds and on test: the gain of the network found here over" in page
    assert "Together they are a random search of 50 trials" in page

    parent = mlflow.get_run(str(table.parent_run_id))
    assert "In 5 independent searches" in parent.data.tags["mlflow.note.content"]
    assert not any(name.startswith("expected_best_of") for name in parent.data.metrics)
    assert "best_test_accuracy_low" in parent.data.metrics
    assert mlflow.get_run(str(table.frame["run_id"][6])).data.tags["replicate"] == "1"
    study = optuna.load_study(study_name="digits-tpe", storage="sqlite:///optuna.db")
    scores = dict(zip(table.frame["number"], table.frame["val_accuracy"], strict=True))
    assert {trial.user_attrs["trial_number"]: trial.value for trial in study.trials} == scores

    with pytest.raises(ValueError, match="--study digits-tpe --versus digits-random"):
        analyse(["--study", "digits-random", "--versus", "digits-tpe", "--out", "no"])
    assert not Path("no").exists()
    everything_else_works(table, capsys)
