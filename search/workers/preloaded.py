"""All that a worker process needs, imported by the fork server alone.

Importing is all that may happen here: a process is not to be forked once TensorFlow has run an operation.
"""

from models.core.runtime import prepare_process, settle

prepare_process()

from models.training import trial as trial  # noqa: E402
from search.workers import worker_process as worker_process  # noqa: E402
from search.workers.dask_internals import leave_garbage_collection_alone  # noqa: E402

leave_garbage_collection_alone()
settle()
