"""The fork server, from which workers are forked."""

import os
import subprocess
import sys

import pytest

from search.workers import fork_server as product
from tests.search.workers.processes import fork_server

_PROGRAM = """
import search.workers.preloaded, os, sys
print("tensorflow" in sys.modules, len(os.listdir("/proc/self/task")))
import tensorflow
tensorflow.config.threading.set_inter_op_parallelism_threads(3)  # raises once an operation has run
"""


def test_what_it_imports_runs_no_operation_and_starts_no_thread() -> None:
    ran = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=120)
    assert (ran.stdout.split(), ran.returncode) == (["True", "1"], 0), ran.stderr


def test_it_ends_when_told_to_even_while_it_imports_and_can_be_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    product.stop()
    product.stop()
    for _ in range(2):
        product.start()
        pid = fork_server().pid
        product.start()
        assert fork_server().pid == pid, "started once"
        product.stop()
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert os.environ["PYTHONPATH"] == "elsewhere"
