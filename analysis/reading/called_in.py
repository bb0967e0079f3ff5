"""The folder that a command was typed in, where its results belong."""

import os
from pathlib import Path

import psutil

from analysis.reading.addresses import sqlite_file

_RUN = "MLFLOW_RUN_ID"
"""The variable that `mlflow run` sets for the project's processes, and not for itself."""


def called_in(own_run: str | None = None) -> Path:
    """The folder that the command was typed in, as Path() where it is the working directory.

    `own_run` is the ID of the run that `mlflow run` made, where the environment does not say it any more.

    `mlflow run` has the project's processes work in the project's folder, which may not be writable; of a project that
    MLflow fetches from an address, it is a new temporary folder for each command. Results then belong beside MLflow's
    own file or, with an MLflow server, into the working directory of `mlflow run` itself.
    """
    if own_run is None and _RUN not in os.environ:
        return Path()
    tracking = sqlite_file(os.environ.get("MLFLOW_TRACKING_URI", ""))
    folder = tracking.parent.absolute() if tracking is not None else _folder_of_mlflow()
    return Path() if folder == Path.cwd() else folder


def _folder_of_mlflow() -> Path:
    """The working directory of the process that called `mlflow run`; this process's own where it cannot be found."""
    try:
        for process in psutil.Process().parents():
            # The first process of a machine adopts processes whose parent is gone: it says nothing of the user.
            if process.pid != 1 and _RUN not in process.environ():
                return Path(process.cwd())
    except psutil.Error:  # the process has ended, or is another user's
        pass
    return Path.cwd()
