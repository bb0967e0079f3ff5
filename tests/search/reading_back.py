"""A finished study as its two stores have it."""

from pathlib import Path

import optuna
import pandas as pd
from mlflow import MlflowClient

from analysis.reading.mlflow_studies import read_mlflow
from tests.search.conftest import STORAGE


def optuna_trials(name: str = "small") -> list[optuna.trial.FrozenTrial]:
    return optuna.load_study(study_name=name, storage=STORAGE, sampler=optuna.samplers.RandomSampler()).trials


def comparable(name: str = "small") -> pd.DataFrame:
    """The trials table without what differs between two runs of the same trials."""
    return read_mlflow(name).frame.drop(columns=["run_id", "attempt", "seconds"])


def nothing_is_running(name: str = "small") -> bool:
    client = MlflowClient()
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    running = client.search_runs(experiments, "attributes.status = 'RUNNING'")
    return not running and all(trial.state.is_finished() for trial in optuna_trials(name))


def failure_text(run_id: str) -> str:
    return Path(MlflowClient().download_artifacts(run_id, "failure.txt")).read_text()
