"""The processes of an engine with workers on this machine, as the operating system shows them."""

import psutil


def fork_server() -> psutil.Process:
    """The fork server that this process has started."""
    (server,) = [each for each in psutil.Process().children() if "forkserver" in " ".join(each.cmdline())]
    return server


def listening(process: psutil.Process) -> set[str]:
    """The addresses on which a process accepts TCP connections."""
    connections = process.net_connections("tcp")
    return {connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN}


def worker_processes() -> list[psutil.Process]:
    """The workers on this machine: unlike other processes below this one, a worker listens for dask."""
    return [each for each in psutil.Process().children(recursive=True) if listening(each)]
