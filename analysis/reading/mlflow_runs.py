"""Single runs of a study in MLflow: tags, epochs, matrices, and an inspection's files. Nothing here writes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from mlflow.entities import Metric, Run
from mlflow.tracking import MlflowClient
from numpy.typing import NDArray

from analysis.reading.mlflow_client import needed, real_number, whole_number
from models.core import names
from models.core.results import SCORED_PARTS

INSPECTED = "inspect"
"""The folder of a trial's artifacts that its inspection fills."""

Epochs = dict[tuple[str, int], list[float]]


@dataclass(frozen=True)
class Trained:
    """A complete trial as its run describes it."""

    epochs: Mapping[int, Mapping[str, float]]
    """Number of an epoch, from 1 -> its metrics."""
    kept: int
    """The epoch whose weights were scored."""
    monitor: str
    confusions: Mapping[str, NDArray[np.int64]]
    """A classification's matrices by part (`confusions_of`); empty for a regression."""
    scores: Mapping[str, float]
    """Name -> number: scores of the kept weights, and counts."""
    predictions: Mapping[str, Mapping[str, Any]]
    """A regression's evidence by part (`evidence_of`); empty for a classification."""


def split_arguments(run: Run) -> dict[str, Any]:
    """The arguments of models.data.splits.split_by, from the tags of a study's run or a trial's run.

    Raises:
        ConfigError: a tag is missing, or holds no number.
    """
    return {
        "validation": needed(real_number(run, "validation"), run, "validation"),
        "preprocessing": run.data.tags.get("preprocessing", "none"),
        "split_seed": needed(whole_number(run, "split_seed"), run, "split_seed"),
        "folds": whole_number(run, "folds") or 0,
        "reduction": run.data.tags.get("reduction", "none"),
        "class_weight": run.data.tags.get(names.CLASS_WEIGHT, "none"),
        "objective": run.data.tags.get(names.OBJECTIVE, ""),
    }


def is_tag(name: str) -> bool:
    """Whether a number that a trial ends with is kept as a tag, not as a metric.

    MLflow draws a chart for each metric, and the chart of such a number would be a single bar. Scores are metrics,
    because MLflow sorts runs by metrics. The number of parameters is a metric, because a chart can have it as an axis.
    MLflow's own table shows a run's duration.
    """
    return name in (names.N_TRAINABLE, names.BEST_EPOCH) or name.endswith((names.SECONDS, "_epochs", "_best_epoch"))


def numbers_of(run: Run) -> dict[str, float]:
    """The numbers that a trial ended with, by name, from MLflow's metrics and tags.

    Raises:
        ConfigError: such a tag holds no number.
    """
    metrics = {name: value for name, value in run.data.metrics.items() if not name.startswith(names.EPOCH)}
    told = {name: real_number(run, name) for name in run.data.tags if is_tag(name)}
    return metrics | {name: value for name, value in told.items() if value is not None}


def values_of(client: MlflowClient, run: Run) -> tuple[Epochs, dict[str, float]]:
    """The values of each (metric, epoch), and the numbers that the trial ended with, by name."""
    epochs: Epochs = defaultdict(list)
    final: dict[str, float] = {}
    for name in run.data.metrics:
        history: list[Metric] = client.get_metric_history(run.info.run_id, name)
        if name.startswith(names.EPOCH):
            for metric in history:
                epochs[name.removeprefix(names.EPOCH), metric.step].append(metric.value)
        else:  # several values come from another program; MLflow shows the value of the last step
            final[name] = max(history, key=lambda metric: metric.step).value
    return dict(epochs), numbers_of(run) | final


def by_epoch(epochs: Mapping[tuple[str, int], list[float]]) -> dict[int, dict[str, float]]:
    """The metrics of each epoch, from 1; of several values for one metric and epoch, the first."""
    found: dict[int, dict[str, float]] = defaultdict(dict)
    for (name, epoch), values in sorted(epochs.items(), key=lambda each: each[0][1]):
        found[epoch][name] = values[0]
    return dict(found)


def confusions_of(client: MlflowClient, run_id: str) -> dict[str, NDArray[np.int64]]:
    """The matrices (n_classes, n_classes) logged for the "validation" and the "test" part; rows the truth."""
    return {part: np.asarray(kept, np.int64) for part, kept in _fetched(client, run_id, confusion_file).items()}


def evidence_of(client: MlflowClient, run_id: str) -> dict[str, dict[str, Any]]:
    """A regression's evidence (models.tasks.regression) on the "validation" and the "test" part."""
    return _fetched(client, run_id, predictions_file)


def read_run(run_id: str, tracking_uri: str | None = None) -> Run:
    """A run as MLflow has it."""
    return MlflowClient(tracking_uri).get_run(run_id)


def read_trained(run_id: str, tracking_uri: str | None = None) -> Trained | None:
    """The training of a complete trial from its run; None for a run that this project did not write completely."""
    client = MlflowClient(tracking_uri)
    run = client.get_run(run_id)
    epochs, final = values_of(client, run)
    there = {file.path for file in client.list_artifacts(run_id)}
    classes, numbers = (there.issuperset(map(file, SCORED_PARTS)) for file in (confusion_file, predictions_file))
    if not epochs or names.BEST_EPOCH not in final or not (classes or numbers):
        return None
    kept, monitor = int(final[names.BEST_EPOCH]), str(run.data.params["monitor"])
    confusions = confusions_of(client, run_id) if classes else {}
    predictions = {} if classes else evidence_of(client, run_id)
    return Trained(by_epoch(epochs), kept, monitor, confusions, final, predictions)


def confusion_file(part: str) -> str:
    """The name of the artifact with a part's matrix."""
    return f"confusion_{part}.json"


def predictions_file(part: str) -> str:
    """The name of the artifact with a regression's evidence on a part."""
    return f"predictions_{part}.json"


def _fetched(client: MlflowClient, run_id: str, file: Callable[[str], str]) -> dict[str, Any]:
    """The JSON artifact of each of the "validation" and the "test" part."""
    with TemporaryDirectory() as folder:
        paths = {part: client.download_artifacts(run_id, file(part), folder) for part in SCORED_PARTS}
        return {part: json.loads(Path(path).read_text()) for part, path in paths.items()}


def fetch_inspection(run_id: str, folder: str, tracking_uri: str | None = None) -> Path | None:
    """Fetches the files of a run's inspection into `folder` and returns their folder; None without an inspection."""
    client = MlflowClient(tracking_uri)
    if not client.list_artifacts(run_id, INSPECTED):
        return None
    return Path(client.download_artifacts(run_id, INSPECTED, folder))
