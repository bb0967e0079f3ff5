"""Changes inside dask, for which dask has no setting.

tests/search/workers/test_dask_internals.py fails first when an upgrade changes these internals. Without the changes
workers start more slowly and print more; the trials are the same.
"""

import distributed.gc
import distributed.utils


def leave_garbage_collection_alone() -> None:
    """Keeps dask from timing garbage collections; to be called before dask starts anything in a process.

    If dask begins to time while another thread collects garbage, dask prints an AssertionError to the terminal.
    """
    distributed.gc._gc_diagnosis._gc_callback = lambda phase, info: None


def leave_fork_server_alone() -> None:
    """Keeps dask from choosing the modules that the fork server imports, which fork_server.py has chosen already."""
    distributed.utils._forkserver_preload_set = True
