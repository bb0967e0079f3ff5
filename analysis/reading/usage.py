"""Lines of Python that use a study's result; the summary in the terminal and the report's page show the same lines."""

from __future__ import annotations

import json
from pathlib import Path

from analysis.reading.table import TrialTable
from models.data.sources import Source

TITLE = "Use it in Python, where the search ran"
_READERS = {".csv": "read_csv", ".parquet": "read_parquet"}


def lines(table: TrialTable) -> list[str]:
    """Statements that run in this order without changes; empty for a study that is not in MLflow."""
    if table.parent_run_id is None:
        return []
    study = [f"study = search.load({json.dumps(table.study)})", "study.trials  # a DataFrame, one row a trial"]
    report = "webbrowser.open(study.report().absolute().as_uri())  # the report"
    if not (table.network_logged and table.dataset_location):
        return ["import search, webbrowser", *study, report]
    needed, rows = _rows(table.dataset_location)
    load = loading(table, f"runs:/{table.network_run_id}/model")
    return [
        f"import {'keras, ' * table.own_network}mlflow, search, webbrowser",
        needed,
        *study,
        *load,
        f"rows = {rows}  # raw rows: put yours here",
        "network.predict(rows)",
        report,
    ]


def loading(table: TrialTable, address: str) -> list[str]:
    """The lines that load a logged network. A user's own network may need classes that only the user's file defines."""
    load = f'network = mlflow.pyfunc.load_model("{address}")'
    if not table.own_network:
        return [load]
    return ["with keras.saving.custom_object_scope(study.own_classes()):", f"    {load}"]


def _rows(location: str) -> tuple[str, str]:
    """An import and an expression that give raw rows of the study's own data; a table keeps all of its columns."""
    dataset = Source.read(location).dataset
    reader = _READERS.get(Path(dataset).suffix)
    if reader is not None:
        return "import pandas", f"pandas.{reader}({json.dumps(dataset)})"
    said = json.dumps(location) if location == dataset else repr(location)
    return "from models.data.sources import raw_rows", f"raw_rows({said})"
