"""What is changed inside dask, which offers no setting for it.

tests/search/workers/test_dask_internals.py fails first when an upgrade has it otherwise. Without these changes workers
start slower and print more; trials come out the same.
"""

import distributed.gc
import distributed.utils


def leave_garbage_collection_alone() -> None:
    """To be called before dask starts anything in a process.

    dask times each collection, and begins to do so in whatever moment it is: in the middle of one that another thread
    makes, it prints an AssertionError to the terminal.
    """
    distributed.gc._gc_diagnosis._gc_callback = lambda phase, info: None


def leave_fork_server_alone() -> None:
    """dask would have the fork server import a choice of its own; fork_server.py has one already."""
    distributed.utils._forkserver_preload_set = True
