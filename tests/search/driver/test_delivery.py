"""A driver that dies after any one of its writes is followed by one that comes to the same end."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from mlflow import MlflowClient
from optuna.storages import RDBStorage

from analysis.reading.mlflow_studies import read_mlflow
from search.driver.driver import Ended
from search.stores import optuna_study as study
from search.stores import outbox
from search.stores.paths import StudyPaths
from search.study.settings import StudySettings
from tests.search.fakes import FakeEngine
from tests.search.reading_back import nothing_is_running, optuna_trials

WRITES: tuple[tuple[Any, str], ...] = (
    *((RDBStorage, name) for name in ("create_new_trial", "set_trial_state_values")),
    *((study, name) for name in ("write_trial", "write_note")),
    *((MlflowClient, name) for name in ("create_run", "log_batch", "log_inputs", "set_terminated")),
    *((MlflowClient, name) for name in ("create_logged_model", "finalize_logged_model", "log_outputs")),
    *((outbox, name) for name in ("put", "remove")),
)


class Died(BaseException):
    pass


class Mortal(FakeEngine):
    """Counts the writes from its first job on, and dies after the one that is due."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, due: int) -> None:
        super().__init__()
        self.due, self.written = due, 0
        for owner, name in WRITES:
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            result = write(*arguments, **named)
            self.written += bool(self.jobs)
            if self.jobs and self.written == self.due:
                raise Died
            return result

        return counted


def left(name: str) -> dict[str, Any]:
    """All that a study of one trial leaves of it, but for what differs from run to run."""
    client = MlflowClient()
    (row,) = read_mlflow(name).frame.to_dict("records")
    run = client.get_run(row["run_id"])
    history = {key: client.get_metric_history(run.info.run_id, key) for key in run.data.metrics}
    models = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
    trial = optuna_trials(name)[-1]
    return {
        "row": {key: value for key, value in row.items() if key not in ("run_id", "attempt")},
        "params": run.data.params,
        "metrics": {key: [(each.step, each.value, each.timestamp) for each in found] for key, found in history.items()},
        "inputs": sorted(each.dataset.name for each in run.inputs.dataset_inputs),
        "models": [str(model.status) for model in models],
        "artifacts": sorted(file.path for file in client.list_artifacts(run.info.run_id)),
        "optuna": (trial.state, trial.value, trial.intermediate_values, trial.user_attrs["test_accuracy"]),
        "pictures": sum(key.startswith("artifacts:") for key in trial.system_attrs),
    }


def test_after_a_death_at_any_write_the_next_driver_leaves_what_an_undisturbed_one_does(
    search: Callable[..., Ended], settings: StudySettings
) -> None:
    one = replace(settings, trials=1)
    search(replace(one, name="undisturbed"), FakeEngine())
    wanted = left("undisturbed")
    assert len(wanted["models"]) == 1
    due, retrained = 1, 0
    while True:
        name = f"died-{due}"
        with pytest.MonkeyPatch.context() as monkeypatch:
            mortal = Mortal(monkeypatch, due)
            try:
                search(replace(one, name=name), mortal)
            except Died:
                due += 1
            else:
                break
        following = FakeEngine()
        assert search(replace(one, name=name), following).complete
        assert left(name) == wanted, f"died after write {due - 1}"
        assert StudyPaths(name).outcomes() == []
        assert nothing_is_running(name)
        retrained += len(following.jobs)
    assert mortal.written == due - 1 > 10
    # Only a death before the outcome lay in the outbox costs the trial another run.
    assert 0 < retrained < due - 5


def test_the_look_ups_of_a_session_do_not_grow_with_its_trials(
    search: Callable[..., Ended], settings: StudySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def counted(name: str, whole: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            asked.append(name)
            return whole(*arguments, **named)

        return call

    lookups = ("search_runs", "search_logged_models", "get_run", "get_metric_history")
    for name in lookups:
        monkeypatch.setattr(MlflowClient, name, counted(name, getattr(MlflowClient, name)))
    counts = []
    for trials in (2, 6):
        asked.clear()
        search(replace(settings, name=f"of-{trials}", trials=trials), FakeEngine())
        counts.append(sorted(asked))
    assert counts[0] == counts[1]
