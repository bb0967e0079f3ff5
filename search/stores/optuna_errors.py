"""Errors of Optuna when its storage is away."""

from optuna.exceptions import StorageInternalError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

StudyError = (StorageInternalError, SQLAlchemyError, OSError)
"""While a storage raises one of these, outcomes wait in the outbox."""


def study_reason(error: BaseException) -> BaseException:
    """The database's own error: Optuna wraps every one in the same words."""
    said = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ is not None else error
    return said.orig if isinstance(said, DBAPIError) and said.orig is not None else said
