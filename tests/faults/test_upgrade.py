"""A study begun with other versions of packages, or with an earlier version of the project, is finished with these.

begun_earlier/ is what commit 374c64f left of three trials, by `--workers 0 --models none`: the rows of both databases
and the texts among the artifacts. The earlier version knew fewer metrics and no view of a study's trials.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from mlflow import MlflowClient

from analysis.reading.mlflow_studies import read_mlflow
from search.doctor.command import main as examine_study
from search.workers.job import Job
from search.workers.outcome import Outcome
from tests.faults.checks import assert_in_order, read_stores
from tests.faults.conftest import TRIALS, Command, assert_complete_and_once, said_without_traceback
from tests.faults.killing import undisturbed
from tests.search.fakes import Behaviour, complete

EARLIER = Path(__file__).parent / "begun_earlier"
BEGUN = 3


def bring_back(folder: Path) -> None:
    """The earlier study into the empty stores of a folder."""
    shutil.copytree(EARLIER / "artifacts", folder / "mlruns")
    for name in ("mlflow", "optuna"):
        with closing(sqlite3.connect(folder / f"{name}.db")) as database:
            database.execute("pragma foreign_keys = off")
            if name == "mlflow":
                database.execute("delete from experiments")
            database.executescript((EARLIER / f"{name}.sql").read_text().replace("FOLDER", str(folder)))
            database.commit()


def with_tensorflow(version: str) -> Behaviour:
    def train(job: Job) -> Outcome:
        return replace(complete(job), environment={"python": "3.11.0", "tensorflow": version})

    return train


def test_versions_that_trials_differ_in_are_named_with_their_trials(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("--trials", "2", behave=with_tensorflow("2.19.1")) == 0
    assert "different" not in said_without_traceback(capsys)
    assert command(behave=with_tensorflow("2.20.0")) == 0
    words = f"Trials were trained with different tensorflow (2.19.1: 2 trials, 2.20.0: {TRIALS - 2} trials)"
    assert words in " ".join(said_without_traceback(capsys).split())
    assert_complete_and_once()
    parent = MlflowClient().get_run(str(read_mlflow("small").parent_run_id))
    assert words in parent.data.tags["mlflow.note.content"]
    page = MlflowClient().download_artifacts(parent.info.run_id, "report/report.html")
    with open(page, encoding="utf-8") as file:
        assert words in file.read()


def test_a_study_begun_with_an_earlier_version_is_finished_and_keeps_its_trials(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    bring_back(Path())
    before = read_mlflow("small").frame
    assert command() == 0
    assert command.trained == list(range(BEGUN, TRIALS))  # type: ignore[attr-defined]
    said_without_traceback(capsys)
    stores = read_stores(Path(), "small", os.environ["MLFLOW_TRACKING_URI"])
    assert_in_order(stores)
    assert list(stores.table["state"]) == ["complete"] * TRIALS
    pd.testing.assert_frame_equal(read_mlflow("small").frame.head(BEGUN)[before.columns], before, check_exact=True)
    assert examine_study(["--study", "small"]) == 0


@pytest.mark.slow
def test_finished_with_the_same_packages_the_earlier_study_is_the_one_of_a_single_version(
    command: Command, tmp_path: Path, empty_stores: tuple[Path, Path]
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    for store in empty_stores:
        shutil.copy(store, whole)
    bring_back(tmp_path)
    command_line = ["--study", str(tmp_path / "small.yaml")]
    for folder in (tmp_path, whole):
        assert undisturbed(folder, command_line, workers=0).wait(timeout=300) == 0
    upgraded, single = (read_stores(folder, "small") for folder in (tmp_path, whole))
    assert_in_order(upgraded)
    table = read_mlflow("small", f"sqlite:///{tmp_path}/mlflow.db")
    if table.trained_with:
        assert "Trials were trained with different" in (tmp_path / "driver.log").read_text()
        pytest.skip(f"bits are compared between equal versions on one processor, got {table.trained_with}")
    for column in ("number", "state", "seed", "config_hash", "val_accuracy", "test_accuracy", "weights_sha256"):
        assert list(upgraded.table[column]) == list(single.table[column]), column
