"""How a program asks a process of its own: nothing of the program's process is changed, whatever is done there."""

import json
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from models.core.errors import UNFORESEEN, ConfigError
from models.core.runtime import variables_to_import
from search.api.shown import Shown
from search.command_line.exit_codes import BAD_INPUT, COMPLETE, MISSING


class SearchError(RuntimeError):
    """What was asked for could not be done; the message is the one line that says why."""


def ask(request: Mapping[str, Any], tracking_uri: str | None, shown: Shown) -> tuple[Any, int]:
    """The answer of a process that does `request`, None where it has none, and its exit code, COMPLETE or MISSING.

    A KeyboardInterrupt is handed on: the process ends in order, then it is raised.

    Raises:
        ConfigError: bad input.
        SearchError: an error that nobody foresaw.
    """
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer"
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "search.api.process"],
            env=_environment(tracking_uri), text=True, encoding="utf-8", errors="replace",
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,  # a terminal's Ctrl-C is handed on once, below
        )  # fmt: skip
        errors: list[str] = []
        listener = threading.Thread(target=_take, args=(process.stderr, errors.append), daemon=True)
        listener.start()
        try:
            _write(process, _as_json({**request, "answer": str(answer)}))
            try:
                _take(process.stdout, shown.hear)
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)
                _take(process.stdout, shown.hear)
                process.wait()
                raise
            code = process.wait()
        finally:
            shown.close()
            if process.poll() is None:
                process.kill()  # as when the program itself is gone: the next one goes on
                process.wait()
            listener.join(timeout=10)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
        said = "".join(errors)
        if code == BAD_INPUT:
            raise ConfigError(said.rpartition("error: ")[2].strip())
        if code not in (COMPLETE, MISSING):
            reason = said.rpartition("error: ")[2].strip() or f"its process ended with exit code {code}"
            raise SearchError(reason if code == UNFORESEEN else f"{reason} (exit code {code})")
        return (pickle.loads(answer.read_bytes()) if answer.is_file() else None), code


def _environment(tracking_uri: str | None) -> dict[str, str]:
    environment = os.environ | variables_to_import()
    environment.pop("MLFLOW_RUN_ID", None)  # the program's own run is no study's
    environment.pop("PYTHONWARNINGS", None)  # other packages' warnings are no errors of the search
    return environment | ({} if tracking_uri is None else {"MLFLOW_TRACKING_URI": tracking_uri})


def _write(process: "subprocess.Popen[str]", line: str) -> None:
    """Its standard input stays open: where it ends, the process knows that the program is gone."""
    assert process.stdin is not None
    try:
        process.stdin.write(line + "\n")
        process.stdin.flush()
    except BrokenPipeError:  # it has ended: its exit code and its errors say why
        return


def _take(pipe: Any, hear: Callable[[str], None]) -> None:
    for line in pipe:
        hear(line)


def _as_json(request: Mapping[str, Any]) -> str:
    try:
        return json.dumps(request, default=_plain)
    except TypeError as error:  # a key that is no word
        raise ConfigError(
            f"a study must be of words, numbers, lists and dicts, got one of which Python says: {error}"
        ) from None


def _plain(value: Any) -> Any:
    """NumPy's numbers and arrays in a study that is a dict, and paths."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise ConfigError(f"a study must be of words, numbers, lists and dicts, got {value!r}"[:200])
