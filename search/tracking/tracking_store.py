"""The tracking store: its address, whether it answers, and the meaning of its errors.

MlflowClient alone is used, never the fluent interface: the latter follows MLFLOW_RUN_ID, and would reopen, rename and
end the run that `mlflow run` made.
"""

import logging
import os
import socket
from urllib.parse import urlsplit

# Set before the import: MLflow's own waits (120 s, seven times) would hold the whole search for a server that is away.
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "10")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")  # two lines a trial, through the progress

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from analysis.reading.addresses import in_one_line, shown_address, sqlite_file
from analysis.reading.moved import follow_moved_folder
from models.core.errors import ConfigError
from search.stores.databases import check_sqlite, check_writable

logging.getLogger("mlflow").setLevel(logging.WARNING)  # how it makes its tables is of no interest to a user
logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)  # prints the traceback of what it then raises

TrackingError = (MlflowException, OSError)
"""Errors of MLflow when its store is away: outcomes wait in the outbox meanwhile."""
_REFUSALS = (
    "RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "INVALID_STATE", "RESOURCE_ALREADY_EXISTS", "NOT_FOUND",
    "ENDPOINT_NOT_FOUND", "PERMISSION_DENIED", "UNAUTHENTICATED", "CUSTOMER_UNAUTHORIZED",
)  # fmt: skip


def tracking_uri() -> str:
    return str(mlflow.get_tracking_uri())


def tracking_ui() -> str | None:
    """The address of the tracking server's own UI, when there is a server."""
    uri = tracking_uri()
    return shown_address(uri).rstrip("/") if uri.startswith("http") else None


def check_tracking() -> None:
    """Raises ConfigError unless the tracking store answers, or can be made. Makes nothing.

    In a store that was moved or copied with its folder, the paths of artifacts are corrected.
    """
    uri = tracking_uri()
    file = sqlite_file(uri)
    if file is not None:
        check_writable(file.parent, "the tracking store")
        check_sqlite(file, "the tracking store")
        follow_moved_folder(uri)
        return
    try:
        address = urlsplit(uri)
        if address.hostname is not None:  # a closed port says so at once, MLflow's client only after its retries
            port = address.port or {"http": 80}.get(address.scheme, 443)
            socket.create_connection((address.hostname, port), timeout=10).close()
        MlflowClient().search_experiments(max_results=1)
    except Exception as error:  # whatever keeps it from answering, the user has to hear it in one line
        raise ConfigError(
            f"MLFLOW_TRACKING_URI must be a tracking server that answers, got {shown_address(uri)!r}: "
            f"{in_one_line(error)}"
        ) from None


def open_tracking() -> MlflowClient:
    """A client for the tracking store.

    Raises:
        ConfigError: the store does not answer, or is a file that does not exist. No file is made.
    """
    check_tracking()
    file = sqlite_file(tracking_uri())
    if file is not None and not file.exists():
        raise ConfigError(f"the tracking store must exist, got {tracking_uri()!r}")
    return MlflowClient()


def refuses(error: BaseException) -> bool:
    """Whether the store answered, and would answer the same again: a run is deleted, or may not be written."""
    return isinstance(error, MlflowException) and error.error_code in _REFUSALS
