"""One table of states: every end of an attempt has a state that Optuna has and a status that MLflow has."""

import pytest
from mlflow.entities import RunStatus
from optuna.trial import TrialState

from models.core import states
from models.core.states import CONFIGURATION_REASONS, MACHINE_REASONS, STATES, is_final
from search.stores.states_in_stores import in_stores, state_in_optuna

ENDS = [
    (states.COMPLETE, ""),
    (states.PRUNED, ""),
    *((states.FAILED, reason) for reason in CONFIGURATION_REASONS + MACHINE_REASONS),
]


@pytest.mark.parametrize(("state", "reason"), ENDS)
def test_every_end_of_an_attempt_ends_it_in_both_stores(state: str, reason: str) -> None:
    found = in_stores(state, reason)
    assert TrialState[found.optuna].is_finished()
    assert RunStatus.is_terminated(RunStatus.from_string(found.mlflow))
    assert state_in_optuna(found.optuna) == state


def test_both_stores_show_a_running_attempt_as_running() -> None:
    found = in_stores(states.RUNNING)
    assert not TrialState[found.optuna].is_finished()
    assert not RunStatus.is_terminated(RunStatus.from_string(found.mlflow))


@pytest.mark.parametrize("reason", MACHINE_REASONS)
def test_mlflow_tells_an_attempt_that_the_machine_ended_from_a_failed_trial(reason: str) -> None:
    assert in_stores(states.FAILED, reason).mlflow == "KILLED"
    assert not is_final(states.FAILED, reason)
    assert {in_stores(states.FAILED, each).mlflow for each in CONFIGURATION_REASONS} == {"FAILED"}


def test_each_of_optunas_states_is_read_as_one_of_ours() -> None:
    read = {state.name: state_in_optuna(state.name) for state in TrialState}
    assert set(read.values()) == {*STATES, states.RUNNING}
    assert read["WAITING"] == states.RUNNING
