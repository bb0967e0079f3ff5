"""Errors of MLflow and Optuna when they cannot be written, and their explanation to the user."""

from analysis.reading.addresses import in_few_words, in_one_line, shown_address
from search.stores.optuna_errors import StudyError, study_reason
from search.tracking.tracking_store import TrackingError, refuses, tracking_uri

StoreError = (*TrackingError, *StudyError)


def explain(error: BaseException) -> str:
    """One line for the user, without secrets."""
    if refuses(error):
        return f"the tracking store {shown_address(tracking_uri())} refuses to keep results: {in_one_line(error)}"
    if isinstance(error, OSError):  # of a disk, or of the connection to an artifact store
        return f"a store cannot be written: {in_few_words(error)}"
    if isinstance(error, StudyError):
        return f"Optuna's storage does not answer: {in_few_words(study_reason(error))}"
    return f"the tracking store {shown_address(tracking_uri())} does not answer: {in_few_words(error)}"
