"""The process that workers are forked from."""

import os
import subprocess
import sys

import pytest

from search.workers import fork_server

_PROGRAM = """
import search.workers.preloaded, os, sys
from tensorflow.python.eager import context
print("tensorflow" in sys.modules, len(os.listdir("/proc/self/task")), context.context()._initialized)
"""


def test_what_it_imports_runs_no_operation_and_starts_no_thread() -> None:
    ran = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=120)
    assert ran.stdout.split() == ["True", "1", "False"], ran.stderr


def test_it_ends_when_told_to_even_while_it_imports_and_can_be_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    fork_server.stop()
    fork_server.stop()
    for _ in range(2):
        fork_server.start()
        pid = _pid()
        fork_server.start()
        assert _pid() == pid, "started once"
        fork_server.stop()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert os.environ["PYTHONPATH"] == "elsewhere"


def _pid() -> int:
    from multiprocessing import forkserver

    return int(forkserver._forkserver._forkserver_pid)  # type: ignore[attr-defined]
