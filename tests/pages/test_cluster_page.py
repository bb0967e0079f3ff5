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
from pathlib import Path

import psutil
import pytest

from tests.project import PROJECT, copy_project, environment

pytestmark = pytest.mark.slow

PAGE = (PROJECT / "docs" / "cluster.md").read_text()
COMMANDS = "\n".join(re.findall(r"^```bash\n(.*?)^```", PAGE, re.M | re.S))
PORTS = ("5432", "5000", "8786", "8787", "8785", "8788")


# PostgreSQL refuses to run as root: a root who tests starts it as nobody.
AS_NOBODY = """#!/bin/bash
mkdir -p postgres && touch .password && chown nobody postgres postgres.log .password
exec setpriv --reuid nobody --clear-groups {program} "$@"
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A copy of the project where nobody may look."""
    folder = Path(tempfile.mkdtemp(prefix="cluster-"))
    folder.chmod(0o755)
    try:
        copy_project(folder)
        if os.getuid() == 0:
            (folder / "bin").mkdir()
            for program in Path("/usr/lib/postgresql").glob("*/bin/*"):
                if program.name in ("initdb", "pg_ctl"):
                    (folder / "bin" / program.name).write_text(AS_NOBODY.format(program=program))
                    (folder / "bin" / program.name).chmod(0o755)
        yield folder
    finally:
        left = [each for each in psutil.process_iter(["cwd"]) if str(each.info["cwd"] or "").startswith(str(folder))]
        for process in left:
            process.kill()
        psutil.wait_procs(left, timeout=10)
        shutil.rmtree(folder)


def run(folder: Path, script: str) -> str:
    """What the script prints, on ports that are free; fails with it when a command in it does."""
    for port in PORTS:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            script = script.replace(port, str(free.getsockname()[1]))
    everything = environment()
    everything["PATH"] = f"{folder / 'bin'}{os.pathsep}{everything['PATH']}"
    command = ["bash", "-euo", "pipefail", "-c", script]
    with open(folder / "printed", "w+b") as printed:  # a pipe would wait for the servers to close it too
        ran = subprocess.Popen(
            command, cwd=folder, env=everything, stdout=printed, stderr=printed, start_new_session=True
        )
        try:
            code = ran.wait(timeout=300)
        finally:
            os.killpg(ran.pid, signal.SIGKILL)
        text = (folder / "printed").read_text()
    logs = "".join(f"\n{log}: {log.read_text()[-1500:]}" for log in folder.glob("*.log"))
    assert code == 0, text + logs
    return text


def test_its_commands_search_on_postgresql_with_an_mlflow_server_and_a_dask_cluster(folder: Path) -> None:
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        pytest.skip("needs PostgreSQL, as Debian's package postgresql installs it")
    again = COMMANDS.strip().splitlines()[-1]
    check = (
        f"{sys.executable} -c 'from analysis.reading.mlflow_studies import read_mlflow; "
        'table = read_mlflow("digits-random").frame; print("STATES", set(table["state"]), len(table))\''
    )
    text = run(folder, f"{COMMANDS}\n{again}\n{check}\npg_ctl -D postgres -m fast stop")
    assert "STATES {'complete'} 8" in text
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
    assert "2/2 trials" in text
    assert "error: scheduler must be the address of a dask scheduler that answers, got 'tcp://" in text
