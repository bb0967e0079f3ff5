"""What must hold after the last resume, read back through MLflow's and Optuna's own clients."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import optuna
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Run

from analysis.reading.mlflow_studies import attempts_frame, read_mlflow
from search.stores.paths import StudyPaths
from tests.faults.killing import Attempt, Disturbed, epochs_of, kills_of

_DIFFERING = ["run_id", "attempt", "seconds"]
"""What may differ between two runs of the same trials."""
_STATES = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}

Epochs = dict[int, list[tuple[str, int, float]]]
"""Every value of every metric of a plan number's last attempt: key, step, value."""


@dataclass(frozen=True)
class Stores:
    """A study as MLflow and Optuna have it."""

    table: pd.DataFrame
    attempts: pd.DataFrame
    runs: list[Run]
    epochs: Epochs
    trials: list[optuna.trial.FrozenTrial]
    waiting: list[Path]
    """Files in the outbox."""
    objective: str


def read_stores(folder: Path, study: str, tracking_uri: str | None = None, storage: str | None = None) -> Stores:
    uri = tracking_uri or f"sqlite:///{folder}/mlflow.db"
    client = MlflowClient(uri)
    read = read_mlflow(study, uri)
    table = read.frame
    experiments = [each.experiment_id for each in client.search_experiments()]
    epochs: Epochs = {}
    for row in table.itertuples():
        keys = client.get_run(row.run_id).data.metrics
        values = [
            (key, each)
            for key in keys
            if not key.endswith("seconds")
            for each in client.get_metric_history(row.run_id, key)
        ]
        epochs[int(row.number)] = sorted((key, each.step, each.value) for key, each in values)
    stored = optuna.load_study(
        study_name=study,
        storage=storage or f"sqlite:///{folder}/optuna.db",
        sampler=optuna.samplers.RandomSampler(),
    )
    return Stores(
        table.drop(columns=[*_DIFFERING, *(name for name in table.columns if name.endswith("_seconds"))]),
        attempts_frame(study, uri),
        list(client.search_runs(experiments, max_results=5000)),
        epochs,
        stored.trials,
        StudyPaths(study, folder).outcomes(),
        read.objective.name,
    )


def assert_same_trials(disturbed: Stores, reference: Stores) -> None:
    """Bit for bit: parameters, seeds, states, scores, weights and the value of every metric at every epoch."""
    pd.testing.assert_frame_equal(disturbed.table, reference.table, check_exact=True)
    assert disturbed.epochs == reference.epochs


def assert_in_order(stores: Stores) -> None:
    """No duplicate, no gap, nothing RUNNING, nothing left to deliver; MLflow and Optuna tell the same story."""
    assert stores.waiting == []
    assert [run.info.run_name for run in stores.runs if run.info.status in ("RUNNING", "SCHEDULED")] == []
    told = {_key(trial): trial for trial in stores.trials}
    assert len(told) == len(stores.trials), Counter(map(_key, stores.trials)).most_common(3)
    rows = {(int(row.number), int(row.attempt)): row for row in stores.attempts.itertuples()}
    assert len(rows) == len(stores.attempts)
    assert told.keys() == rows.keys()
    for number in {number for number, _ in rows}:
        tried = sorted(attempt for each, attempt in rows if each == number)
        assert tried == list(range(len(tried))), (number, tried)
    for key, row in rows.items():
        trial = told[key]
        assert trial.state.name == _STATES[row.state], (key, trial.state, row.state)
        reason = "" if pd.isna(row.state_reason) else row.state_reason
        assert trial.user_attrs.get("state_reason", "") == reason, key
        assert trial.user_attrs["run_id"] == row.run_id
        if row.state == "complete":
            assert trial.value == getattr(row, stores.objective)


def assert_nothing_wasted(search: Disturbed, stores: Stores, epochs: int) -> int:
    """Only attempts that a kill cost were trained in vain. Returns how many epochs those were.

    `epochs` is what each trial of the undisturbed search trains. An attempt whose driver was killed before either store
    had heard of it runs again under its own number.
    """
    entries = search.entries
    trained = epochs_of(entries)
    kills = kills_of(entries)
    finished = stores.attempts[stores.attempts["state"] == "complete"]
    kept = {(int(row.number), int(row.attempt)) for row in finished.itertuples()}
    cost = {attempt for kill in kills for attempt in kill.in_flight}
    wasted = {attempt: count - epochs * (attempt in kept) for attempt, count in trained.items()}
    assert min(wasted.values()) >= 0
    in_vain = {attempt for attempt, count in wasted.items() if count}
    assert in_vain <= cost, sorted(in_vain - cost)
    extra = sum(trained.values()) - len(stores.table) * epochs
    assert extra == sum(wasted.values()) <= epochs * sum(len(kill.in_flight) for kill in kills)
    return extra


def _key(trial: optuna.trial.FrozenTrial) -> Attempt:
    return trial.user_attrs["trial_number"], trial.user_attrs["attempt"]
