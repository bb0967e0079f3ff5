"""Workers on a dask cluster that the user started: a real scheduler and real workers, each a process of its own."""

import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from models.core.errors import ConfigError
from search.workers.cluster import check_scheduler
from search.workers.dask_engine import DaskEngine
from search.workers.engine import EngineError, Epoch, Lost, Watch
from search.workers.in_process import InProcessEngine
from tests.project import PROJECT, copy_project
from tests.search.cluster import Cluster, worker_pid
from tests.search.jobs import LONG, SPLIT, first_epoch, hashes, job, running, submit, wait

SECRET = "n0-w0rker-may-kn0w-this"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.close()


@pytest.fixture
def engines(cluster: Cluster) -> Iterator[list[DaskEngine]]:
    """Those that a test puts into it are closed."""
    engines: list[DaskEngine] = []
    yield engines
    for engine in engines:
        engine.close()


def on(cluster: Cluster, engines: list[DaskEngine], watch: Watch | None = None, **changes: object) -> DaskEngine:
    engine = DaskEngine(replace(SPLIT, **changes), 0, cluster.address, watch)  # type: ignore[arg-type]
    engine.start()
    engines.append(engine)
    return engine


def test_data_comes_once_by_its_hash_and_a_process_trains_one_trial_at_a_time_on_one_thread(
    cluster: Cluster, engines: list[DaskEngine]
) -> None:
    cluster.worker("--nthreads", "2")
    results = {}

    def search(number: int, **changes: object) -> dict[str, int]:
        """One job in a search of its own; the data that the worker holds then, and where in its memory."""
        engine = on(cluster, engines, **changes)
        submit(engine, [job(number)])
        results.update(hashes(wait(engine, 1)))
        (held,) = engine._client.run(_held).values()
        engine.close()
        return held

    first = search(0)
    assert search(1) == first  # neither sent nor prepared again
    both = search(2, preprocessing="standardise")
    assert len(both) == 2
    assert first.items() <= both.items()
    third = search(3, preprocessing="none")
    assert len(third) == 2
    assert not first.items() & third.items()
    twin = InProcessEngine(SPLIT)
    twin.start()
    twin.submit(job(0))
    assert hashes(wait(twin, 1))[0] == results[0]
    twin.close()

    one, other = on(cluster, engines), on(cluster, engines, preprocessing="none")
    while not (one.free() and other.free()):
        time.sleep(0.1)
    submit(one, [job(0, LONG)])
    first_epoch(one, 0)
    assert set(one._client.run(_threads).values()) == {(1, 1)}
    submit(other, [job(3)])
    time.sleep(1)
    assert other.events(0) == []
    one.close()  # as when its driver dies: what it left behind stops, and makes room
    assert hashes(wait(other, 1, seconds=20))[3] == results[3]


def _held() -> dict[str, int]:
    from search.workers.worker_process import _resident

    return {key: id(data) for key, data in _resident.items()}


def _threads() -> tuple[int, int]:
    import tensorflow as tf

    settings = tf.config.threading
    return settings.get_intra_op_parallelism_threads(), settings.get_inter_op_parallelism_threads()


def test_a_worker_that_joins_late_is_used_and_one_that_leaves_loses_only_its_trial(
    cluster: Cluster, engines: list[DaskEngine]
) -> None:
    cluster.worker()
    engine = on(cluster, engines)
    submit(engine, [job(0, LONG)])
    first_epoch(engine, 0)
    (early,) = engine._slots
    late = cluster.worker()
    submit(engine, [job(1, LONG)])
    first_epoch(engine, 1)
    engine._client.retire_workers([early])
    (lost,) = [event for event in wait(engine, 1, seconds=20) if not isinstance(event, Epoch)]
    assert lost == Lost(0, 0, "its worker left")
    first_epoch(engine, 1)
    os.kill(worker_pid(late), signal.SIGKILL)
    (lost,) = [event for event in wait(engine, 1, seconds=20) if not isinstance(event, Epoch)]
    assert lost == Lost(1, 0, "its worker left")
    engine.submit(replace(job(2), attempt=1))  # a driver that has not noticed yet: the successor takes it
    assert hashes(wait(engine, 1)).keys() == {2}


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


def test_networks_of_ones_own_need_workers_in_which_sets_have_one_order(cluster: Cluster) -> None:
    cluster.worker(env={"DASK_DISTRIBUTED__NANNY__PRE_SPAWN_ENVIRON": "{'PYTHONHASHSEED': '77'}"})
    cluster.wait_for_workers(1)
    check_scheduler(cluster.address)
    with pytest.raises(ConfigError, match="in which sets of words have another order: dask's nanny gives it"):
        check_scheduler(cluster.address, own_code=True)
    cluster.worker()
    cluster.wait_for_workers(2)
    check_scheduler(cluster.address, own_code=True)


def test_a_scheduler_must_be_able_to_import_the_project(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path, env={"PYTHONPATH": ""})
    try:
        with pytest.raises(ConfigError, match="the dask scheduler must be able to import the project, got 'tcp://"):
            check_scheduler(cluster.address)
    finally:
        cluster.close()


def test_when_the_scheduler_dies_the_search_ends_and_no_attempt_counts_as_lost(
    cluster: Cluster, engines: list[DaskEngine]
) -> None:
    cluster.worker()
    engine = on(cluster, engines)
    submit(engine, [job(0, LONG)])
    first_epoch(engine, 0)
    cluster.scheduler.kill()
    with pytest.raises(EngineError, match=f"the dask scheduler must answer until the search ends, {cluster.address}"):
        wait(engine, 1, seconds=20)  # which would return with a Done or a Lost


def test_a_worker_that_falls_silent_is_given_up_and_used_again_once_it_is_heard(
    cluster: Cluster, engines: list[DaskEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.workers.cluster._ANSWERS_WITHIN", 1.0)
    nanny = cluster.worker()
    engine = on(cluster, engines, Watch(silent_for=3.0))
    submit(engine, [job(0, LONG)])
    first_epoch(engine, 0)
    pid = worker_pid(nanny)
    os.kill(pid, signal.SIGSTOP)
    try:
        (lost,) = [event for event in wait(engine, 1, seconds=10) if not isinstance(event, Epoch)]
        assert lost == Lost(0, 0, "its worker fell silent")
        assert engine.free() == 0
        cluster.worker()
        cluster.wait_for_workers(2)
        check_scheduler(cluster.address)
        later = on(cluster, engines)  # a search that begins meanwhile does without the silent one
        submit(later, [job(1)])
        assert hashes(wait(later, 1, seconds=30)).keys() == {1}
        later.close()
    finally:
        os.kill(pid, signal.SIGCONT)
    while engine.free() < 2:
        time.sleep(0.1)
    submit(engine, [replace(job(0), attempt=1), job(2)])  # the stale attempt's end is never told
    ended = [event for event in wait(engine, 2) if not isinstance(event, Epoch)]
    assert {(event.outcome.number, event.outcome.attempt, event.outcome.state) for event in ended} == {
        (0, 1, "complete"),
        (2, 0, "complete"),
    }
    assert worker_pid(nanny) == pid


STUDY = """
sampler: list
configurations: [{width: 4, epochs: 2}, {width: 6, epochs: 4000}, {width: 8, epochs: 2}]
training: {batch_size: 16}
"""


def test_no_process_of_the_cluster_ever_holds_a_password(cluster: Cluster, workdir: Path) -> None:
    nanny = cluster.worker()
    Path("few.yaml").write_text(STUDY.replace("4000", "2"))
    secrets = {"PGPASSWORD": SECRET, "MLFLOW_TRACKING_PASSWORD": SECRET, "OPTUNA_PASSWORD": SECRET}
    command = [sys.executable, "-m", "search", "--study", "few.yaml", "--scheduler", cluster.address]
    ran = subprocess.run(command, env=os.environ | secrets, capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    for pid in (cluster.scheduler.pid, nanny.pid, worker_pid(nanny)):
        assert running(pid)
        assert not in_memory(pid, SECRET.encode())
    # The search itself is shown to be able to find one.
    holder = subprocess.Popen([sys.executable, "-c", "print(input())"], env=os.environ | secrets, stdin=subprocess.PIPE)
    try:
        time.sleep(0.5)
        assert in_memory(holder.pid, SECRET.encode())
    finally:
        holder.kill()
        holder.communicate()


def in_memory(pid: int, what: bytes) -> bool:
    """Whether the bytes are anywhere in what a process can write to."""
    regions = [line.split() for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for span, mode, *_ in regions:
            if not mode.startswith("rw"):
                continue
            start, end = (int(address, 16) for address in span.split("-"))
            try:
                memory.seek(start)
                if what in memory.read(end - start):
                    return True
            except OSError:  # a region that the kernel keeps to itself
                continue
    return False


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
