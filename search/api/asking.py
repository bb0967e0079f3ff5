"""How a program has its requests done in a process of their own, so that nothing in the program's process changes."""

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
from search.api.shown import Shown, Silent
from search.command_line.exit_codes import BAD_INPUT, COMPLETE, MISSING


class SearchError(RuntimeError):
    """A request could not be done; the message is one line that says why."""


def ask(request: Mapping[str, Any], tracking_uri: str | None, shown: Shown) -> tuple[Any, int]:
    """Has a process of its own do `request` (search.api.process), and shows its lines meanwhile.

    At a KeyboardInterrupt the process first ends in order; then the interrupt is raised.

    Returns:
        The answer, None if the process gives none, and the exit code, COMPLETE or MISSING.

    Raises:
        ConfigError: bad input.
        SearchError: an unforeseen error.
    """
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer"
        line = _as_json({**request, "answer": str(answer)})
        code, errors = _run_process(line, tracking_uri, shown)
        if code == BAD_INPUT:
            raise ConfigError(errors.rpartition("error: ")[2].strip())
        if code not in (COMPLETE, MISSING):
            reason = errors.rpartition("error: ")[2].strip() or f"its process ended with exit code {code}"
            raise SearchError(reason if code == UNFORESEEN else f"{reason} (exit code {code})")
        return (pickle.loads(answer.read_bytes()) if answer.is_file() else None), code


def answer_to(request: Mapping[str, Any], tracking_uri: str | None) -> Any:
    """The answer alone, with nothing shown; raises as `ask`."""
    return ask(request, tracking_uri, Silent())[0]


def _run_process(request: str, tracking_uri: str | None, shown: Shown) -> tuple[int, str]:
    """The exit code and the standard error of the process that does a request, one line of JSON."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "search.api.process"],
        env=_environment(tracking_uri), text=True, encoding="utf-8", errors="replace",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,  # so that a terminal's Ctrl-C reaches the process once, from here
    )  # fmt: skip
    errors: list[str] = []
    listener = threading.Thread(target=_take, args=(process.stderr, errors.append), daemon=True)
    listener.start()
    try:
        _write(process, request)
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
            process.kill()  # as if the program itself had ended: the next search goes on
            process.wait()
        listener.join(timeout=10)
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
    return code, "".join(errors)


def _environment(tracking_uri: str | None) -> dict[str, str]:
    environment = os.environ | variables_to_import()
    environment.pop("MLFLOW_RUN_ID", None)  # the program's own MLflow run does not belong to the study
    environment.pop("PYTHONWARNINGS", None)  # warnings of other packages must not end a search
    return environment | ({} if tracking_uri is None else {"MLFLOW_TRACKING_URI": tracking_uri})


def _write(process: "subprocess.Popen[str]", line: str) -> None:
    """Writes a line and leaves the pipe open: its end tells the process that the program is gone."""
    assert process.stdin is not None
    try:
        process.stdin.write(line + "\n")
        process.stdin.flush()
    except BrokenPipeError:  # the process has ended; its exit code and standard error say why
        return


def _take(pipe: Any, hear: Callable[[str], None]) -> None:
    for line in pipe:
        hear(line)


def _as_json(request: Mapping[str, Any]) -> str:
    try:
        return json.dumps(request, default=_plain)
    except TypeError as error:  # a key of the study is not a string
        raise ConfigError(
            f"a study must be of words, numbers, lists and dicts, got one that JSON cannot hold: {error}"
        ) from None


def _plain(value: Any) -> Any:
    """What JSON writes for a NumPy number or array, or a path, in a study that is a dict."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise ConfigError(f"a study must be of words, numbers, lists and dicts, got {value!r}"[:200])
