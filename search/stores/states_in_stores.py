"""The one table of how the state of an attempt is written in Optuna and in MLflow."""

from typing import Final, NamedTuple

from models.core import states
from models.core.states import is_final


class InStores(NamedTuple):
    """One state of an attempt, as each store has it."""

    optuna: str
    """The name of an optuna.trial.TrialState."""
    mlflow: str
    """An mlflow.entities.RunStatus, as text."""


_LOST: Final = InStores("FAIL", "KILLED")
"""An attempt that the machine ended (models.core.states.MACHINE_REASONS): the number runs again."""
_IN_STORES: Final = {
    states.RUNNING: InStores("RUNNING", "RUNNING"),
    states.COMPLETE: InStores("COMPLETE", "FINISHED"),
    states.PRUNED: InStores("PRUNED", "FINISHED"),
    states.FAILED: InStores("FAIL", "FAILED"),
}
_STATES: Final = {in_stores.optuna: state for state, in_stores in _IN_STORES.items()}


def in_stores(state: str, reason: str = "") -> InStores:
    """How both stores write an attempt of this state, `states.RUNNING` included, and this reason."""
    return _LOST if state == states.FAILED and not is_final(state, reason) else _IN_STORES[state]


def state_in_optuna(name: str) -> str:
    """The state of an attempt whose Optuna trial has the state of this name.

    Optuna alone does not tell a failed trial from a lost attempt: the reason beside it does. A trial that waits in
    Optuna's queue counts as running: it has not ended.
    """
    return _STATES.get(name, states.RUNNING)
