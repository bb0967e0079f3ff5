"""What multiprocessing's fork server does not offer: to be ended, and to be asked whether it lives.

tests/search/workers/test_fork_server.py fails first when another version of Python has it otherwise.
"""

import os
import signal
from multiprocessing import forkserver
from pathlib import Path
from typing import Any


def fork_server_died() -> bool:
    """Whether the fork server of this process was started and is gone, though nobody has noticed."""
    server: Any = forkserver._forkserver
    if server._forkserver_pid is None:
        return False
    try:
        state = Path(f"/proc/{server._forkserver_pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def kill_fork_server() -> None:
    """Ends the fork server of this process, whatever it is doing, if there is one."""
    server: Any = forkserver._forkserver
    if server._forkserver_pid is not None:
        os.kill(server._forkserver_pid, signal.SIGKILL)
        server._stop()
