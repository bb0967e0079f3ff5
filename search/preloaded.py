"""All that a worker process needs, imported by the fork server alone.

Importing is all that may happen here: a process is not to be forked once TensorFlow has run an operation.
"""

from models.runtime import prepare_process, settle

prepare_process()

from analysis import figures_confusion as figures_confusion  # noqa: E402
from models import trial as trial  # noqa: E402
from search import worker_process as worker_process  # noqa: E402
from search.cluster import leave_garbage_collection_alone  # noqa: E402

leave_garbage_collection_alone()
settle()
