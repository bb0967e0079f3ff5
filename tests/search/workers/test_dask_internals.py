"""The internals of dask that are changed still exist, and the changes still work."""

import distributed.gc
import distributed.utils
import pytest

from search.workers.dask_internals import leave_fork_server_alone, leave_garbage_collection_alone


def test_dask_still_keeps_these_switches(monkeypatch: pytest.MonkeyPatch) -> None:
    assert callable(distributed.gc._gc_diagnosis._gc_callback)
    assert isinstance(distributed.utils._forkserver_preload_set, bool)
    monkeypatch.setattr(distributed.utils, "_forkserver_preload_set", False)
    monkeypatch.setattr(distributed.gc._gc_diagnosis, "_gc_callback", distributed.gc._gc_diagnosis._gc_callback)
    leave_fork_server_alone()
    leave_garbage_collection_alone()
    assert distributed.utils._forkserver_preload_set
    assert distributed.gc._gc_diagnosis._gc_callback("start", {"generation": 2}) is None
