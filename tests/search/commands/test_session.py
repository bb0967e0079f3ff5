"""A whole session as a process of its own: what MLflow shows while it runs, and how the next session goes on."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import psutil
import pytest
from mlflow import MlflowClient

from analysis.reading.mlflow_studies import attempts_frame, read_mlflow

STUDY = """
sampler: list
configurations: [{width: 4, epochs: 2}, {width: 6, epochs: 500}, {width: 8, epochs: 500}, {width: 10, epochs: 2}]
training: {batch_size: 16}
"""


@pytest.fixture
def study(workdir: Path, empty_stores: tuple[Path, Path]) -> Path:
    """The study file, beside stores whose tables exist: two processes must not make the tables at the same time."""
    for store in empty_stores:
        shutil.copy(store, workdir)
    Path("long.yaml").write_text(STUDY)
    return Path("long.yaml")


def start(*arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "search", "--study", "long.yaml", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def newest_epoch(client: MlflowClient) -> float | None:
    """When the newest epoch that MLflow shows of a running trial ended, in seconds since 1970."""
    found = client.get_experiment_by_name("long")
    if found is None:
        return None
    running = client.search_runs([found.experiment_id], "attributes.status = 'RUNNING' and tags.attempt = '0'")
    shown = [
        metric.timestamp / 1000
        for run in running
        if "epoch/loss" in run.data.metrics
        for metric in client.get_metric_history(run.info.run_id, "epoch/loss")
    ]
    return max(shown, default=None)


def children_of(pid: int) -> set[int]:
    return {child.pid for child in psutil.Process(pid).children(recursive=True)}


def test_epochs_show_at_once_and_after_kill_9_the_same_command_gives_the_undisturbed_table(study: Path) -> None:
    driver = start("--workers", "2")
    until, lags = time.monotonic() + 120, []
    while len(lags) < 5:
        assert time.monotonic() < until
        assert driver.poll() is None
        newest = newest_epoch(MlflowClient())
        lags += [time.time() - newest] if newest is not None else []
        time.sleep(0.3)
    # An epoch takes some 20 ms here, so the age of the newest epoch in MLflow is the delay of showing it.
    assert sorted(lags)[2] < 2, lags
    workers = children_of(driver.pid)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    gone = time.monotonic() + 30
    while any(psutil.pid_exists(pid) for pid in workers):
        assert time.monotonic() < gone, "workers outlive their driver"
        time.sleep(0.2)

    assert start("--workers", "1").wait(timeout=180) == 0
    table = read_mlflow("long").frame
    assert list(table["state"]) == ["complete"] * 4
    assert "driver lost" in set(attempts_frame("long")["state_reason"])
    experiments = [each.experiment_id for each in MlflowClient().search_experiments()]
    assert not MlflowClient().search_runs(experiments, "attributes.status = 'RUNNING'")

    assert start("--workers", "4", "--name", "undisturbed").wait(timeout=180) == 0
    other = read_mlflow("undisturbed").frame
    differing = ["run_id", "attempt", "seconds"]
    pd.testing.assert_frame_equal(table.drop(columns=differing), other.drop(columns=differing))


@pytest.mark.parametrize("signals", [("SIGINT", "SIGTERM"), pytest.param(("SIGTERM",), marks=pytest.mark.slow)])
def test_ctrl_c_ends_within_ten_seconds_with_the_trials_in_flight_interrupted(
    study: Path, signals: tuple[str, ...]
) -> None:
    study.write_text(STUDY.replace("500", "100000"))
    driver = start("--workers", "2")
    until = time.monotonic() + 120
    while newest_epoch(MlflowClient()) is None:
        assert time.monotonic() < until
        assert driver.poll() is None
        time.sleep(0.3)
    for name in signals:  # the last one is what `mlflow run` sends after the terminal's
        driver.send_signal(getattr(signal, name))
        time.sleep(0.05)
    assert driver.wait(timeout=10) == 1
    ended = attempts_frame("long")
    assert "interrupted" in set(ended["state_reason"])
    assert "running" not in set(ended["state"])
    assert os.listdir("outbox/long") == ["driver.lock"]
