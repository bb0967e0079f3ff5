"""A study that was begun elsewhere in time: with other versions of packages, or with an earlier version of the project."""

from dataclasses import replace

import pytest
from mlflow import MlflowClient

from analysis.reading.mlflow_studies import read_mlflow
from search.workers.job import Job
from search.workers.outcome import Outcome
from tests.faults.conftest import TRIALS, Command, assert_complete_and_once, said_without_traceback
from tests.search.fakes import Behaviour, complete


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
