"""Imports everything that a worker process needs. Only the fork server imports this module.

The module may do nothing but import: no process may be forked once TensorFlow has run an operation.
"""

from models.core.runtime import prepare_process, settle, without_collections

with without_collections():
    prepare_process()

    from models.training import trial as trial
    from search.workers import worker_process as worker_process
    from search.workers.dask_internals import leave_garbage_collection_alone

    leave_garbage_collection_alone()
    settle()
