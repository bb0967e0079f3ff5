"""A trial and its data in MLflow's terms: metrics, tags, data sets and artifact files. Writes to no store."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import mlflow
from mlflow.data.code_dataset_source import CodeDatasetSource
from mlflow.data.sources import LocalArtifactDatasetSource
from mlflow.entities import DatasetInput, InputTag, Metric, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_DATASET_CONTEXT, MLFLOW_SOURCE_NAME

from models.core.results import EpochReport
from models.data.dataset import Dataset
from models.data.splits import Split
from search.workers.outcome import Outcome

ENVIRONMENT = "environment."
"""Before the names of models.core.runtime.environment() in a child's tags."""


def run_tags(values: Mapping[str, object]) -> list[RunTag]:
    return [RunTag(key, str(value)) for key, value in values.items()]


def epoch_metrics(reports: Iterable[EpochReport]) -> list[Metric]:
    return [
        Metric(key, value, report.timestamp_ms, report.epoch)
        for report in reports
        for key, value in report.metrics.items()
    ]


def dataset_inputs(dataset: Dataset, split: Split) -> list[DatasetInput]:
    file = Path(dataset.source)
    source = (
        LocalArtifactDatasetSource(str(file.resolve()))
        if file.is_file()
        else CodeDatasetSource({MLFLOW_SOURCE_NAME: dataset.source})
    )
    inputs = []
    for context, part in (("training", "train"), ("validation", "validation"), ("test", "test")):
        entity = mlflow.data.from_numpy(
            split.inputs[part],
            targets=split.labels[part],
            source=source,
            name=f"{dataset.name}-{part}",
            digest=dataset.sha256[:32],
        )._to_mlflow_entity()
        inputs.append(DatasetInput(entity, [InputTag(MLFLOW_DATASET_CONTEXT, context)]))
    return inputs


def write_artifacts(folder: Path, outcome: Outcome) -> None:
    if outcome.message:
        (folder / "failure.txt").write_text(outcome.message, encoding="utf-8")
    if outcome.picture:
        (folder / "confusion.png").write_bytes(outcome.picture)
    if outcome.result is not None:
        for part, matrix in outcome.result.confusion.items():
            (folder / f"confusion_{part}.json").write_text(json.dumps(matrix.tolist()), encoding="utf-8")
        for part, rows in outcome.result.per_class.items():
            columns = list(rows[0])
            table = {"columns": columns, "data": [[row[column] for column in columns] for row in rows]}
            (folder / f"per_class_{part}.json").write_text(json.dumps(table), encoding="utf-8")
