"""The lines of Python that use a study's result: the summary in the terminal and the report's page show the same."""

from __future__ import annotations

from pathlib import Path

from analysis.reading.table import TrialTable
from models.data.sources import Source

TITLE = "Use it in Python, where the search ran"
_READERS = {".csv": "read_csv", ".parquet": "read_parquet"}


def lines(table: TrialTable) -> list[str]:
    """Statements that run as they stand, in order; empty of a study that is not in MLflow."""
    if table.parent_run_id is None:
        return []
    found = ["import search", f"study = search.load({table.study!r})", "study.trials  # a DataFrame, one row a trial"]
    if table.network_logged and table.dataset_location:
        found += [
            *_rows(table.dataset_location),
            "import mlflow",
            f'network = mlflow.pyfunc.load_model("runs:/{table.network_run_id}/model")',
            "network.predict(rows)",
        ]
    return [*found, "import webbrowser", "webbrowser.open(study.report().absolute().as_uri())  # the report"]


def _rows(location: str) -> list[str]:
    """Raw rows of the study's own data: a table's as the user has it, its target column and others beside."""
    source, own = Source.read(location), "  # raw rows; your own go here"
    reader = _READERS.get(Path(source.dataset).suffix)
    if reader is not None:
        return ["import pandas", f"rows = pandas.{reader}({source.dataset!r}){own}"]
    if source == Source(source.dataset):
        return ["from models.data.sources import load_dataset", f"rows = load_dataset({location!r}).x_test{own}"]
    load = "from models.data.sources import Source, load_dataset"
    return [load, f"rows = load_dataset(Source.read({location!r})).x_test{own}"]
