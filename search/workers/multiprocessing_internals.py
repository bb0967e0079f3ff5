"""What multiprocessing's fork server does not offer: to be ended.

tests/search/workers/test_fork_server.py fails first when another version of Python has it otherwise.
"""

import os
import signal
from multiprocessing import forkserver
from typing import Any


def kill_fork_server() -> None:
    """Ends the fork server of this process, whatever it is doing, if there is one."""
    server: Any = forkserver._forkserver
    if server._forkserver_pid is not None:
        os.kill(server._forkserver_pid, signal.SIGKILL)
        server._stop()
