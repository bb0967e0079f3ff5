"""Ends multiprocessing's fork server and tells whether it lives; Python offers no public way to either.

tests/search/workers/test_fork_server.py fails first when another version of Python changes these internals.
"""

import os
import signal
from multiprocessing import forkserver
from pathlib import Path
from typing import Any


def fork_server_died() -> bool:
    """Whether the fork server of this process was started and has died since."""
    server: Any = forkserver._forkserver
    if server._forkserver_pid is None:
        return False
    try:
        state = Path(f"/proc/{server._forkserver_pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def kill_fork_server() -> None:
    """Kills the fork server of this process, if there is one."""
    server: Any = forkserver._forkserver
    if server._forkserver_pid is not None:
        os.kill(server._forkserver_pid, signal.SIGKILL)
        server._stop()
