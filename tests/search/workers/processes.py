"""The processes of an engine with workers on this machine, as the operating system shows them."""

import time
from contextlib import suppress

import psutil


def fork_server() -> psutil.Process:
    """The fork server that this process has started; waits until the new process runs its own program."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        for child in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):
                if "forkserver" in " ".join(child.cmdline()):
                    return child
        time.sleep(0.01)
    raise AssertionError("this process has no fork server")


def listening(process: psutil.Process) -> set[str]:
    """The addresses on which a process accepts TCP connections; none once the process has ended."""
    connections = []
    with suppress(psutil.NoSuchProcess):
        connections = process.net_connections("tcp")
    return {connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN}


def worker_processes() -> list[psutil.Process]:
    """The workers on this machine: unlike other processes below this one, a worker listens for dask."""
    return [each for each in psutil.Process().children(recursive=True) if listening(each)]
