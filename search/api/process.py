"""`python -P -m search.api.process`: the process that does a request of a program.

The first line of standard input holds the request as JSON. Standard output has lines for a person and, after a mark,
lines of JSON for the program. When standard input ends, the program is gone, and this process ends at once.
"""

import json
import os
import pickle
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.reading.addresses import sqlite_file
from models.core.errors import ConfigError
from models.core.runtime import ensure_home
from models.tasks.objective import Objective
from search.api.shown import MARK
from search.command_line.console import make_console
from search.command_line.exit_codes import COMPLETE, run_command
from search.command_line.options import read_options
from search.study.settings import StudySettings
from search.study.study_file import Said, make_settings, read_study


class ToldProgress:
    """Writes each call of search.driver.progress.Progress as a line of JSON, which the program turns into the call."""

    def __init__(self, objective: Objective) -> None:
        _tell("objective", objective.name)

    def begin(self, total: int, done: int) -> None:
        _tell("begin", total, done)

    def seen(self, state: str, score: float | None) -> None:
        _tell("seen", state, score)

    def training(self) -> None:
        _tell("training")

    def advance(self) -> None:
        _tell("advance")

    def say(self, text: str) -> None:
        _tell("say", text)

    def close(self) -> None:
        _tell("close")


def _tell(call: str, *arguments: Any) -> None:
    sys.stdout.write(f"{MARK}{json.dumps([call, *arguments])}\n")
    sys.stdout.flush()


def _settings(request: Mapping[str, Any], said: Mapping[str, Any]) -> StudySettings:
    """The settings of the requested study, of a file or a dict, with the network that the program hands over."""
    study = request["study"]
    if isinstance(study, str):
        path, written = read_study(study)
        stem, folder = path.stem, path.parent
    else:
        stem, written, folder = "", study, Path()
    if request["own"] and isinstance(written, Mapping):
        written = {**written, **request["own"]}
    if not said["name"] and not stem:
        stem = request["stem"]
        if not stem:
            raise ConfigError("a study that is a dict must have a name (name=...), got none")
    return make_settings(written, stem, folder, Said(**said))


def _run(request: Mapping[str, Any]) -> int:
    from analysis.reading.mlflow_studies import read_mlflow
    from search.commands.session import run_study, said_of_study

    options = read_options(request["arguments"])
    settings = _settings(request, said_of_study(options))
    code = run_study(settings, options, make_console(), host=ToldProgress)
    if not options.dry_run:
        _hand_over((read_mlflow(settings.name), _store()), request["answer"])
    return code


def _load(request: Mapping[str, Any]) -> int:
    from analysis.reading.mlflow_studies import read_mlflow_or_say_why

    try:
        _hand_over((read_mlflow_or_say_why(request["name"]), _store()), request["answer"])
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return COMPLETE


def _fetch(request: Mapping[str, Any]) -> int:
    """Fetches the file of a trial's network into the folder that the request names."""
    from search.tracking.logged_models import fetch_model
    from search.tracking.logged_trials import read_trial

    trial = read_trial(request["run_id"], refits=True)
    _hand_over(str(fetch_model(trial, Path(request["folder"]))), request["answer"])
    return COMPLETE


def _source(request: Mapping[str, Any]) -> int:
    """Answers with the source of a study's own network, if its file still exists and is unchanged."""
    from search.tracking.logged_studies import source_at_hand

    _hand_over(source_at_hand(request["run_id"]), request["answer"])
    return COMPLETE


def _report(request: Mapping[str, Any]) -> int:
    from analysis.__main__ import write

    try:
        written = write({"study": request["name"], "out": request["folder"]})
    except ValueError as error:
        raise ConfigError(str(error)) from None
    _hand_over([str(path) for path in written], request["answer"])
    return COMPLETE


def _store() -> str:
    """The tracking store's address, with an absolute path: the program may change its working directory."""
    from search.tracking.tracking_store import tracking_uri

    file = sqlite_file(tracking_uri())
    return tracking_uri() if file is None else f"sqlite:///{file.absolute()}"


def _hand_over(answer: Any, path: str) -> None:
    """Puts the answer where the program reads it (search.api.asking)."""
    Path(path).write_bytes(pickle.dumps(answer))


_ACTIONS = {"run": _run, "load": _load, "fetch": _fetch, "source": _source, "report": _report}


def _end_with_the_program() -> None:
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> int:
    """Does the request on standard input; the exit code."""
    ensure_home()
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_the_program, daemon=True).start()
    return run_command(lambda: _ACTIONS[request["act"]](request))


if __name__ == "__main__":
    sys.exit(main())
