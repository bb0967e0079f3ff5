"""An attempt in MLflow's terms: its metrics, tags and artifact files. Writes to no store."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlflow.entities import Metric, RunTag
from mlflow.utils.mlflow_tags import MLFLOW_LOGGED_ARTIFACTS

from analysis.reading.mlflow_runs import confusion_file, is_tag, predictions_file
from models.core import names
from models.core.results import EpochReport, Result, TrialResult
from search.workers.outcome import Outcome


def run_tags(values: Mapping[str, object]) -> list[RunTag]:
    return [RunTag(key, str(value)) for key, value in values.items()]


def epoch_metrics(reports: Iterable[EpochReport]) -> list[Metric]:
    """One series a metric, with the epoch as step: `epoch/loss` at step 1, 2 and so on."""
    return [
        Metric(names.EPOCH + key, value, report.timestamp_ms, report.epoch)
        for report in reports
        for key, value in report.metrics.items()
    ]


@dataclass(frozen=True)
class Tie:
    """The connection of metrics to a logged model and to parts of the data, by which MLflow ranks models."""

    model_id: str
    parts: Mapping[str, tuple[str, str]]
    """As StudyData.parts."""

    def of(self, metric: str) -> dict[str, str]:
        """The arguments of a Metric that connect it."""
        name, digest = next((part for prefix, part in self.parts.items() if metric.startswith(prefix)), ("", ""))
        return {"model_id": self.model_id} | ({"dataset_name": name, "dataset_digest": digest} if name else {})


def final_metrics(result: Result | None, ended_ms: int, tie: Tie | None = None) -> list[Metric]:
    """One value a metric, measured on the kept weights; with `tie`, the metrics are the logged model's too."""
    values = {} if result is None else {key: value for key, value in result.metrics.items() if not is_tag(key)}
    return [Metric(key, value, ended_ms, 0, **(tie.of(key) if tie else {})) for key, value in values.items()]


def ending_tags(outcome: Outcome) -> dict[str, object]:
    """Tags that say how and when the attempt ended, with its environment and weights."""
    tags: dict[str, object] = {
        names.STATE: outcome.state,
        names.STATE_REASON: outcome.reason,
        names.STARTED_MS: outcome.started_ms,
        names.ENDED_MS: outcome.ended_ms,
    }
    tags |= {f"{names.ENVIRONMENT}{name}": value for name, value in outcome.environment.items()}
    if outcome.picture:
        tags[names.PICTURE] = outcome.picture_file
    if outcome.result is not None:
        tags |= {name: value for name, value in outcome.result.metrics.items() if is_tag(name)}
        tags[names.WEIGHTS_SHA256] = outcome.result.weights_sha256
        if isinstance(outcome.result, TrialResult) and outcome.result.trained_by:
            tags[names.TRAINED_BY] = outcome.result.trained_by
        tables = [{"path": name, "type": "table"} for name in _tables(outcome.result)]
        tags[MLFLOW_LOGGED_ARTIFACTS] = json.dumps(tables)
    return tags


def write_artifacts(folder: Path, outcome: Outcome) -> None:
    if outcome.message:
        (folder / "failure.txt").write_text(outcome.message, encoding="utf-8")
    if outcome.picture:
        (folder / outcome.picture_file).write_bytes(outcome.picture)
    if outcome.result is not None:
        for part, matrix in outcome.result.confusion.items():
            (folder / confusion_file(part)).write_text(json.dumps(matrix.tolist()), encoding="utf-8")
        for part, kept in outcome.result.predictions.items():
            (folder / predictions_file(part)).write_text(json.dumps(kept), encoding="utf-8")
        for name, rows in _tables(outcome.result).items():
            columns = list(rows[0])
            table = {"columns": columns, "data": [[row[column] for column in columns] for row in rows]}
            (folder / name).write_text(json.dumps(table), encoding="utf-8")


def _tables(result: Result) -> dict[str, list[dict[str, Any]]]:
    """Tables for MLflow's UI, by file name: rates of each class, or the rows with a regression's largest errors."""
    found = {f"per_class_{part}.json": rows for part, rows in result.per_class.items()}
    for part, kept in result.predictions.items():
        worst = [{"target": target["name"]} | row for target in kept["targets"] for row in target["worst"]]
        found[f"worst_rows_{part}.json"] = worst
    return found
