"""What the driver's two stores raise when they cannot be written, and how that is said."""

from analysis.reading.addresses import in_one_line
from search.stores.optuna_study import StudyError, study_reason
from search.tracking.tracking_store import TrackingError, refuses

StoreError = (*TrackingError, *StudyError)


def explain(error: BaseException) -> str:
    """One line for the user, without secrets."""
    if refuses(error):
        return f"the tracking store refuses to keep results: {in_one_line(error)}"
    if isinstance(error, OSError):  # a disk, or the connection to a store of artifacts
        return f"a store cannot be written: {in_one_line(error)}"
    if isinstance(error, StudyError):
        return f"Optuna's storage does not answer: {in_one_line(study_reason(error))}"
    return f"the tracking store does not answer: {in_one_line(error)}"
