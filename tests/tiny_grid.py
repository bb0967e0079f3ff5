"""A grid of six small trials, run as a user would."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import optuna
from mlflow import MlflowClient
from mlflow.entities import Run

TINY = """
data: {reduction: pca:0.95}
sampler: grid
space:
  width: [8, "16-8"]
  optimizer: [adam, sgd]
  momentum: {choices: [0.0, 0.9], when: {optimizer: sgd}}
training: {epochs: 3, patience: 2, batch_size: 64, dropout: 0.1, l2: 0.001, learning_rate: 0.02, batch_norm: after}
"""


TRIALS = 6


@dataclass(frozen=True)
class Finished:
    """A study that `mlflow run` finished."""

    folder: Path
    ran: subprocess.CompletedProcess[str]
    client: MlflowClient
    parent: Run
    children: list[Run]
    study: optuna.Study


def artifact(finished: Finished, run: Run, name: str) -> Path:
    return Path(finished.client.download_artifacts(run.info.run_id, name))
