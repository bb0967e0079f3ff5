"""Schedulers and workers of a user's cluster that a search refuses, and the least that it accepts."""

import gc
import logging
import os
import shutil
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from models.core.config import OwnConfig
from models.core.errors import ConfigError
from models.spaces.source import read_source
from search.workers.cluster import check_scheduler
from search.workers.dask_engine import DaskEngine
from tests.project import PROJECT, copy_project
from tests.search.cluster import Cluster, on
from tests.search.jobs import SPLIT, hashes, job, submit, wait


def test_a_worker_that_cannot_keep_the_promises_is_refused_alone_with_the_reason(
    cluster: Cluster, engines: list[DaskEngine], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    package = tmp_path / "other" / "tensorflow-1.2.3.dist-info" / "METADATA"
    package.parent.mkdir(parents=True)
    package.write_text("Metadata-Version: 2.1\nName: tensorflow\nVersion: 1.2.3\n")
    cluster.worker(env={"PYTHONPATH": f"{tmp_path / 'other'}{os.pathsep}{PROJECT}"})
    cluster.wait_for_workers(1)
    with pytest.raises(ConfigError, match=r"got worker tcp://\S+, whose versions .*: tensorflow 1\.2\.3 \(here 2"):
        check_scheduler(cluster.address)
    cluster.worker(env={"PYTHONPATH": ""})
    cluster.worker("--no-nanny")
    (tmp_path / "older").mkdir()
    stale = copy_project(tmp_path / "older") / "models" / "core" / "seeds.py"
    stale.write_text(stale.read_text().replace("digest[:4]", "digest[4:8]"))
    cluster.worker(env={"PYTHONPATH": str(tmp_path / "older")})
    engine = on(cluster, engines)
    until = time.monotonic() + 30
    with caplog.at_level(logging.WARNING, "search"):
        while len(caplog.messages) < 4:
            assert time.monotonic() < until
            time.sleep(0.1)
    assert any("No module named 'search'" in message for message in caplog.messages)
    for reason in (
        "tensorflow 1.2.3",
        "cannot import the project",
        "has no nanny",
        "which has other files of this project",
    ):
        assert any(reason in message and "\n" not in message for message in caplog.messages), caplog.messages
    assert engine.events(0) == []
    assert engine.free() == 0
    cluster.worker()
    submit(engine, [job(0)])
    assert hashes(wait(engine, 1)).keys() == {0}
    assert len(caplog.messages) == 4


NETWORK = """
import keras
from layers_of_mine import hidden

def build(width=4):
    return keras.Sequential([keras.Input((64,)), hidden(width), keras.layers.Dense(10, activation="softmax")])
"""
BESIDE = """
import keras

def hidden(width):
    return keras.layers.Dense(width, activation="relu")
"""


def test_networks_of_ones_own_need_workers_in_which_sets_have_one_order_and_no_file_there(
    cluster: Cluster, engines: list[DaskEngine], tmp_path: Path
) -> None:
    # dask's nanny sets PYTHONHASHSEED unless the environment has it, and this process may have it by now.
    other = {"PYTHONHASHSEED": "77", "DASK_DISTRIBUTED__NANNY__PRE_SPAWN_ENVIRON": "{'PYTHONHASHSEED': '77'}"}
    cluster.worker(env=other)
    cluster.wait_for_workers(1)
    check_scheduler(cluster.address)
    with pytest.raises(ConfigError, match="in which sets of words have another order: dask's nanny sets"):
        check_scheduler(cluster.address, own_code=True)
    cluster.worker()
    cluster.wait_for_workers(2)
    check_scheduler(cluster.address, own_code=True)

    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "network.py").write_text(NETWORK)
    (folder / "layers_of_mine.py").write_text(BESIDE)
    source = read_source(f"{folder}/network.py:build")
    shutil.rmtree(folder)  # no worker can read the files
    config = OwnConfig.from_parameters(str(source), source.hash, {"width": 8}, {"epochs": 1})
    engines.append(DaskEngine(SPLIT, 0, cluster.address, own_code=True))
    engines[0].start()
    submit(engines[0], [replace(job(0), config=config, source=source)])
    assert hashes(wait(engines[0], 1)).keys() == {0}


def test_a_scheduler_must_be_able_to_import_the_project(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, env={"PYTHONPATH": ""})
    try:
        with pytest.raises(ConfigError, match="the dask scheduler must be able to import the project, got 'tcp://"):
            check_scheduler(cluster.address)
    finally:
        cluster.close()


@pytest.mark.parametrize("scheme", ["tls", "tcp"])
def test_a_scheduler_of_the_other_kind_is_refused_within_seconds_and_leaves_no_traceback(
    cluster: Cluster, scheme: str, capfd: pytest.CaptureFixture[str]
) -> None:
    if scheme == "tcp":  # a port that takes connections and speaks something else, as a TLS scheduler does
        listener = socket.create_server(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    else:
        listener, address = None, cluster.address.replace("tcp://", "tls://")
    began = time.monotonic()
    with pytest.raises(ConfigError, match=f"a dask scheduler that answers, got '{scheme}"):
        check_scheduler(address)
    assert time.monotonic() - began < 10
    gc.collect()
    assert "Traceback" not in capfd.readouterr().err
    if listener is not None:
        listener.close()
