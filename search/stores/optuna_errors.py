"""What Optuna raises when its storage is away."""

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

StudyError = (StorageInternalError, SQLAlchemyError, OSError)
"""The outcome waits in the outbox meanwhile."""


def study_reason(error: BaseException) -> BaseException:
    """What the database itself said: Optuna's words for it are the same whatever happened."""
    said = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ is not None else error
    return said.orig if isinstance(said, DBAPIError) and said.orig is not None else said
