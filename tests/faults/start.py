"""`python -m search`, traced, that kills itself (kill -9) at a named point once it is told to.

`python -m tests.faults.start ARGUMENTS`. The file of FAULTS_KILL holds the point and which of its calls from then on is
the last: the wrappers below look at it at each call.
"""

import faulthandler
import json
import os
import signal
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from models.core import names
from tests.faults import trace

KILL = "FAULTS_KILL"
"""The environment variable that names the file."""

POINTS = (
    "before the outbox rename",
    "after the outbox rename",
    "between MLflow's writes",
    "between MLflow and tell",
    "between tell and the outbox removal",
)
ONCE = (
    "before the report",
    "between the report and its upload",
    "before the report is noted",
    "before the run of the study is closed",
    "after the run of the refit is made",
    "before the refit is measured",
    "before a second look is written",
)
"""What happens once at the end of a session, at most: the first call is the last."""
WRITES = "between two cures"
"""Of `doctor` alone."""
_MLFLOW_WRITES = (
    "create_run", "log_batch", "log_inputs", "log_artifacts", "create_logged_model", "log_model_artifacts",
    "finalize_logged_model", "log_outputs", "set_terminated",
)  # fmt: skip


def die_at(point: str) -> None:
    """Counts down to the last call of a point that was armed, and dies there."""
    file = Path(os.environ[KILL])
    if not file.exists():
        return
    armed, calls = json.loads(file.read_text())
    if armed != point:
        return
    if calls > 1:
        file.write_text(json.dumps([point, calls - 1]))
        return
    file.unlink()
    trace.note("kill", point, os.getpid())
    os.kill(os.getpid(), signal.SIGKILL)


def _around(owner: Any, name: str, before: str = "", after: str = "", only: Callable[..., bool] | None = None) -> None:
    whole = getattr(owner, name)

    @wraps(whole)
    def wrapped(*arguments: Any, **named: Any) -> Any:
        concerned = only is None or only(*arguments)
        if before and concerned:
            die_at(before)
        result = whole(*arguments, **named)
        if after and concerned:
            die_at(after)
        return result

    setattr(owner, name, wrapped)


def _is_commit(path: Path, *_: Any) -> bool:
    return path.suffix == ".partial"


def _is_refit(_: Any, run_id: str, *others: Any) -> bool:
    from mlflow import MlflowClient

    return names.REFIT_OF in MlflowClient().get_run(run_id).data.tags


def main(arguments: list[str]) -> int:
    faulthandler.register(signal.SIGUSR1)
    from mlflow import MlflowClient

    from analysis.adaptive import report
    from search.__main__ import main as search
    from search.stores import outbox
    from search.stores.optuna_study import StudyStore
    from search.tracking.parent_run import ParentRun
    from search.tracking.trial_runs import TrialRuns

    rename_before, rename_after, writing, told, removed = POINTS
    _around(Path, "replace", before=rename_before, after=rename_after, only=_is_commit)
    for name in _MLFLOW_WRITES:
        _around(MlflowClient, name, after=writing)
    _around(StudyStore, "finish", before=told)
    _around(outbox, "remove", before=removed)
    reporting, reported, noting, closing, refitting, measuring, looking = ONCE
    second = {"before": looking} if arguments[0] == "confirm" else {"before": reporting, "after": reported}
    _around(report, "write_study_report", **second)
    _around(ParentRun, "set_report_of", before=noting)
    _around(ParentRun, "close", before=closing)
    _around(TrialRuns, "start_refit", after=refitting)
    _around(TrialRuns, "finish", before=measuring, only=_is_refit)
    if arguments[0] == "doctor":
        for name in ("end", "tag", "score_again", "discard", "restore", "start"):
            _around(TrialRuns, name, after=WRITES)
        for name in ("set_aside", "record"):
            _around(StudyStore, name, after=WRITES)
    return search(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
