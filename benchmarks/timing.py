"""Whole commands, timed in a folder of their own, and the machine that they run on."""

import json
import os
import platform
import subprocess
import sys
import sysconfig
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models.core.runtime import versions

PROJECT = Path(__file__).parent.parent


def compile_packages() -> None:
    """Compiles the bytecode of all installed packages, so that no timed process compiles thousands of files."""
    command = [sys.executable, "-m", "compileall", "-q", "-j", "2", sysconfig.get_paths()["purelib"]]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # some packages' tests do not compile


def timed(command: list[str], folder: str) -> dict[str, Any]:
    """Runs a command to its exit, and returns its output and times.

    `seconds`: on the clock, from command to exit. `cpu_seconds`: CPU time of the command and all its children.
    `own_cpu_seconds`: CPU time of the command's own process.
    """
    paths = [str(PROJECT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "TF_CPP_MIN_LOG_LEVEL": "3"}
    began_at, began = time.time(), time.perf_counter()
    with open(Path(folder, "out.txt"), "w+") as out, open(Path(folder, "err.txt"), "w+") as err:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=err)
        own, ended = 0.0, (0, 0, None)
        while ended[0] == 0:
            time.sleep(0.05)
            own = max(own, own_cpu(process.pid))
            ended = os.wait4(process.pid, os.WNOHANG)  # type: ignore[assignment]
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        out.seek(0), err.seek(0)
        if process.returncode:
            raise SystemExit(
                f"{' '.join(command)} ended with {process.returncode}:\n{out.read()}\n{err.read()[-4000:]}"
            )
        usage: Any = ended[2]
        return {
            "began_at": began_at, "seconds": seconds, "own_cpu_seconds": own, "out": out.read(),
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
        }  # fmt: skip


def own_cpu(pid: int) -> float:
    """User and system seconds of one process without its children (proc(5), fields 14 and 15)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def last_line(ended: Mapping[str, Any]) -> Any:
    """The value that a timed command printed as JSON on its last line."""
    return json.loads(ended["out"].strip().splitlines()[-1])


def machine() -> dict[str, Any]:
    """Processor, cores, system, load and versions of packages."""
    import mlflow
    import optuna

    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "")
    found = versions() | {"mlflow": mlflow.__version__, "optuna": optuna.__version__}
    return {"cpu": model, "cores": os.cpu_count(), "system": platform.platform(), "load": os.getloadavg(), **found}
