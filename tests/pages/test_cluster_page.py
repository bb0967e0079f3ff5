"""The commands of docs/cluster.md do what it says, in its order, on one machine."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest

from tests.project import PROJECT, copy_project, environment

pytestmark = pytest.mark.slow

PAGE = (PROJECT / "docs" / "cluster.md").read_text()
# Those for root are for root alone: PostgreSQL refuses to run as root.
FENCE = r"^```bash(?: root)?\n(.*?)^```" if os.getuid() == 0 else r"^```bash\n(.*?)^```"
COMMANDS = "\n".join(re.findall(FENCE, PAGE, re.M | re.S))
OTHERS = "".join(re.findall(r"^```bash others\n(.*?)^```", PAGE, re.M | re.S))
PORTS = ("5432", "5000", "8786", "8787", "8785", "8788")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A copy of the project where nobody may look."""
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))
    folder.chmod(0o755)
    try:
        copy_project(folder)
        yield folder
    finally:
        left = [each for each in psutil.process_iter(["cwd"]) if str(each.info["cwd"] or "").startswith(str(folder))]
        for process in left:
            process.kill()
        psutil.wait_procs(left, timeout=10)
        shutil.rmtree(folder)


def run(folder: Path, script: str) -> str:
    """What the script prints, on ports that are free; fails with it when a command in it does."""
    with ExitStack() as held:  # all at once, so that no two are the same
        free = {port: held.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for port in PORTS}
    script = re.sub("|".join(PORTS), lambda found: str(free[found[0]]), script)
    command = ["bash", "-euo", "pipefail", "-c", script]
    with open(folder / "printed", "w+b") as printed:  # a pipe would wait for the servers to close it too
        ran = subprocess.Popen(
            command, cwd=folder, env=environment(), stdout=printed, stderr=printed, start_new_session=True
        )
        try:
            code = ran.wait(timeout=300)
        finally:
            with suppress(ProcessLookupError):  # it failed before it started a server
                os.killpg(ran.pid, signal.SIGKILL)
        text = (folder / "printed").read_text()
    logs = "".join(f"\n{log}: {log.read_text()[-1500:]}" for log in folder.glob("*.log"))
    assert code == 0, text + logs
    return text


def test_its_commands_search_on_postgresql_with_an_mlflow_server_and_a_dask_cluster(folder: Path) -> None:
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        pytest.skip("needs PostgreSQL, as Debian's package postgresql installs it")
    again = COMMANDS.strip().splitlines()[-1]
    look = f"{sys.executable} -c 'from analysis.reading.mlflow_studies import read_mlflow; "
    states = look + 'table = read_mlflow("digits-random").frame; print("STATES", set(table["state"]), len(table))\''
    best = look + 'print(read_mlflow("digits-random").frame["run_id"][0])\''
    stop = "pg_ctl -D postgres -m fast stop"
    text = run(folder, f"{COMMANDS}\n{again}\n{states}\nRUN=$({best})\n{OTHERS}\n{stop}")
    assert "STATES {'complete'} 8" in text
    for words in ("15 of 15 trials", "bit-equal:", "inspect.html are on the run", "Optuna and MLflow agree"):
        assert words in text, text
    assert len(list((folder / "artifacts").rglob("*.keras"))) >= 8
    assert not (folder / "mlruns").exists()
    assert not (folder / "mlflow.db").exists()
    password = (folder / ".pgpass").read_text().strip().split(":")[-1]
    assert len(password) == 32
    for file in folder.rglob("*"):
        if file.is_file() and file.name != ".pgpass" and "postgres" not in file.parts:
            assert password.encode() not in file.read_bytes(), file


def test_its_commands_search_over_tls(folder: Path) -> None:
    first, *_ = re.findall(r"^```bash\n(.*?)^```", PAGE, re.M | re.S)
    (over_tls,) = re.findall(r"^```bash tls\n(.*?)^```", PAGE, re.M | re.S)
    wrong = over_tls.strip().splitlines()[-1].replace("tls://", "tcp://")
    text = run(folder, f"{first}\n{over_tls}\n{wrong} && exit 1 || test $? = 2")
    assert "2 of 2 trials" in text
    assert "error: scheduler must be the address of a dask scheduler that answers, got 'tcp://" in text
