"""The lines of Python that use a study's result: the summary in the terminal and the report's page show the same."""

from __future__ import annotations

import json
from pathlib import Path

from analysis.reading.table import TrialTable
from models.data.sources import Source

TITLE = "Use it in Python, where the search ran"
_READERS = {".csv": "read_csv", ".parquet": "read_parquet"}


def lines(table: TrialTable) -> list[str]:
    """Statements that run as they stand, in order; none of a study that is not in MLflow."""
    if table.parent_run_id is None:
        return []
    modules: list[str] = ["search", "webbrowser"]
    imported: list[str] = []
    found: list[str] = []
    if table.network_logged and table.dataset_location:
        modules.insert(0, "mlflow")
        imported, rows = _rows(table.dataset_location)
        found = [
            f'network = mlflow.pyfunc.load_model("runs:/{table.network_run_id}/model")',
            f"rows = {rows}  # raw rows: yours instead",
            "network.predict(rows)",
        ]
    return [
        f"import {', '.join(modules)}",
        *imported,
        f"study = search.load({json.dumps(table.study)})",
        "study.trials  # a DataFrame, one row a trial",
        *found,
        "webbrowser.open(study.report().absolute().as_uri())  # the report",
    ]


def _rows(location: str) -> tuple[list[str], str]:
    """The import and the expression that give raw rows of the study's own data, of a table with all of its columns."""
    source = Source.read(location)
    reader = _READERS.get(Path(source.dataset).suffix)
    if reader is not None:
        return ["import pandas"], f"pandas.{reader}({json.dumps(source.dataset)})"
    if source == Source(source.dataset):
        return ["from models.data.sources import load_dataset"], f"load_dataset({json.dumps(location)}).x_test"
    return ["from models.data.sources import Source, load_dataset"], f"load_dataset(Source.read({location!r})).x_test"
