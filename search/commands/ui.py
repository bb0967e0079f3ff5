"""`python -m search ui`: starts the MLflow UI and the Optuna dashboard on the studies here, on loopback alone."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from analysis.reading.addresses import in_one_line, password_apart, sqlite_file
from analysis.reading.moved import follow_moved_folder
from models.core.errors import ConfigError
from search.command_line.described import parser_of
from search.command_line.exit_codes import run_command
from search.command_line.options import whole_number
from search.stores.databases import check_sqlite
from search.stores.paths import optuna_artifacts, placed
from search.tracking.logged_studies import newest_studies
from search.tracking.tracking_store import TrackingError, tracking_ui, tracking_uri

HOST = "127.0.0.1"
_UP_WITHIN = 60.0  # seconds
_MOST_STUDIES = 5  # studies that the terminal names
_ENDING = (signal.SIGINT, signal.SIGTERM)


def commands(mlflow_port: int, optuna_port: int, storage: str) -> dict[str, list[str]]:
    """The command of each server, by the address at which the server answers."""
    started = {}
    uri = tracking_uri()
    if not uri.startswith("http"):
        started[f"http://{HOST}:{mlflow_port}"] = [
            sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(mlflow_port), "--workers", "1",
        ]  # fmt: skip
    address, _ = password_apart(storage)
    dashboard = [str(Path(sys.executable).with_name("optuna-dashboard")), address, "--host", HOST]
    folder = optuna_artifacts(storage)
    artifacts = ["--artifact-dir", str(folder)] if folder.is_dir() else []
    started[f"http://{HOST}:{optuna_port}"] = [*dashboard, "--port", str(optuna_port), *artifacts]
    return started


def serve(mlflow_port: int, optuna_port: int, storage: str) -> int:
    """Starts both servers, prints their addresses, and ends both when one of them ends or Ctrl-C comes.

    Raises:
        ConfigError: there is nothing to show, or a port is taken.
    """
    _check(mlflow_port, optuna_port, storage)
    for number in _ENDING:  # SIGINT too, which a shell's background job would ignore
        signal.signal(number, _leave)
    wanted = commands(mlflow_port, optuna_port, storage)
    environment = _environment(storage)
    # Process groups of their own: Ctrl-C reaches this process alone, which then ends the servers with their children.
    processes = {
        url: subprocess.Popen(
            command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        )
        for url, command in wanted.items()
    }
    watchman = _watch_over(processes.values())
    try:
        for url, process in processes.items():
            _wait_until_up(url, process)
        _tell_addresses(wanted)
        while all(process.poll() is None for process in processes.values()):
            time.sleep(0.2)
        return 1
    finally:
        for process in processes.values():
            _end(process)
        watchman.communicate()


def _check(mlflow_port: int, optuna_port: int, storage: str) -> None:
    """Raises ConfigError unless there is a study to show and both ports are free."""
    file = sqlite_file(storage)
    if file is not None:
        check_sqlite(file, "storage")
    if file is not None and not file.exists():
        raise ConfigError(f"the UIs show a study that was run here; run one first, got no {str(file)!r}")
    follow_moved_folder(tracking_uri())
    if mlflow_port == optuna_port:
        raise ConfigError(f"mlflow_port and optuna_port must be two ports, got {mlflow_port} for both")
    for name, port in (("mlflow_port", mlflow_port), ("optuna_port", optuna_port)):
        _check_free(name, port)


def _environment(storage: str) -> dict[str, str]:
    """The environment of both servers, with the addresses and passwords that must not show in their arguments."""
    # Without its job queue, which nothing here uses, MLflow needs a tenth of the memory and of the start-up time.
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_LOGGING_LEVEL": "WARNING"}
    environment |= {"MLFLOW_BACKEND_STORE_URI": tracking_uri()} | password_apart(storage)[1]
    environment.pop("MLFLOW_RUN_ID", None)
    return environment


def _tell_addresses(wanted: Mapping[str, Sequence[str]]) -> None:
    """Prints where the servers of these commands answer, and links to the trials of the newest studies."""
    for url, command in wanted.items():
        name = "MLflow UI" if "server" in command else "Optuna dashboard"
        _say(f"{name + ':':18} {url}")
    server = tracking_ui()
    if server is not None:
        _say(f"{'MLflow UI:':18} {server}, the tracking server's own")
    for study, link in _newest():
        _say(f"{'  ' + study + ':':18} {server or next(iter(wanted))}/{link}")
    _say("Ctrl-C ends both" if len(wanted) == 2 else "Ctrl-C ends the Optuna dashboard")


def _newest() -> list[tuple[str, str]]:
    """The newest studies, each with the link to its trials; none while the tracking store does not answer."""
    try:
        return newest_studies(_MOST_STUDIES)
    except TrackingError as error:
        _say(f"no study of the tracking store can be named: {in_one_line(error)}")
        return []


def _watch_over(processes: Iterable[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Starts a process that kills the groups of `processes` once this process is gone, for any reason.

    The watchman reads a pipe whose other end this process holds.
    """
    words = (
        "import os, signal, sys; sys.stdin.read()\n"
        "for group in map(int, sys.argv[1:]):\n"
        "    try: os.killpg(group, signal.SIGKILL)\n"
        "    except ProcessLookupError: continue"
    )
    groups = [str(process.pid) for process in processes]
    return subprocess.Popen([sys.executable, "-c", words, *groups], stdin=subprocess.PIPE, start_new_session=True)


def _leave(*_: object) -> None:
    """Ends the program, and ignores further signals: at one Ctrl-C, `mlflow run` sends SIGTERM after SIGINT."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)
    sys.exit(0)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _check_free(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise ConfigError(f"{name} must be a free port, got {port} ({error.strerror})") from error


def _wait_until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    host, port = url.removeprefix("http://").split(":")
    until = time.monotonic() + _UP_WITHIN
    while time.monotonic() < until and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex((host, int(port))) == 0:
                return
        time.sleep(0.1)
    said = process.stderr.read().decode(errors="replace") if process.poll() is not None and process.stderr else ""
    raise ConfigError(f"a server must be up within {_UP_WITHIN:g} s, got none at {url}: {said.strip()[-300:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the process and its group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(timeout=5)
            return
        except subprocess.TimeoutExpired:
            continue
        except ProcessLookupError:
            return


def main(arguments: Sequence[str]) -> int:
    def act() -> int:
        given = parser_of("ui").read(arguments)
        ports = [whole_number(name, given[name], 1, 65535) for name in ("mlflow_port", "optuna_port")]
        return serve(ports[0], ports[1], placed(given["storage"]))

    return run_command(act)
