"""Workers on a dask cluster that the user started: a real scheduler and real workers, each a process of its own."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from search.workers.cluster import check_scheduler
from search.workers.dask_engine import DaskEngine
from search.workers.engine import Done, EngineError, Epoch, Lost, Watch
from search.workers.in_process import InProcessEngine
from tests.search.cluster import Cluster, on, worker_pid
from tests.search.jobs import LONG, SPLIT, first_epoch, hashes, job, running, submit, wait

SECRET = "n0-w0rker-may-kn0w-this"


def test_data_comes_once_by_its_hash_and_a_process_trains_one_trial_at_a_time_on_one_thread(
    cluster: Cluster, engines: list[DaskEngine]
) -> None:
    cluster.worker("--nthreads", "2")
    results = {}

    def search(number: int, **changes: object) -> dict[str, int]:
        """Runs one job in a search of its own; the hash and the address of the data that the worker then holds."""
        engine = on(cluster, engines, **changes)
        submit(engine, [job(number)])
        results.update(hashes(wait(engine, 1)))
        with cluster.client() as client:
            (held,) = client.run(_held).values()
        engine.close()
        return held

    first = search(0)
    assert search(1) == first  # the data were neither sent nor prepared again
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
    with cluster.client() as client:
        assert set(client.run(_threads).values()) == {(1, 1)}
    submit(other, [job(3)])
    time.sleep(1)
    assert not [event for event in other.events(0) if isinstance(event, Done | Lost | Epoch)]
    one.close()  # as when a driver dies: its trial stops and makes room
    assert hashes(wait(other, 1, seconds=20))[3] == results[3]


def _held() -> dict[str, int]:
    from search.workers.worker_process import resident

    return {key: id(data) for key, data in resident.items()}


def _threads() -> tuple[int, int]:
    import tensorflow as tf

    settings = tf.config.threading
    return settings.get_intra_op_parallelism_threads(), settings.get_inter_op_parallelism_threads()


def training(cluster: Cluster, engines: list[DaskEngine], watch: Watch | None = None) -> DaskEngine:
    """An engine on the cluster, in the middle of trial 0."""
    engine = on(cluster, engines, watch)
    submit(engine, [job(0, LONG)])
    first_epoch(engine, 0)
    return engine


def test_a_worker_that_joins_late_is_used_and_one_that_leaves_loses_only_its_trial(
    cluster: Cluster, engines: list[DaskEngine]
) -> None:
    cluster.worker()
    engine = training(cluster, engines)
    with cluster.client() as client:
        early = list(client.scheduler_info()["workers"])
        late = cluster.worker()
        submit(engine, [job(1, LONG)])
        first_epoch(engine, 1)
        client.retire_workers(early)
    (lost,) = [event for event in wait(engine, 1, seconds=20) if isinstance(event, Done | Lost)]
    assert lost == Lost(0, 0, "its worker left")
    first_epoch(engine, 1)
    os.kill(worker_pid(late), signal.SIGKILL)
    (lost,) = [event for event in wait(engine, 1, seconds=20) if isinstance(event, Done | Lost)]
    assert lost == Lost(1, 0, "its worker left")
    engine.submit(replace(job(2), attempt=1))  # the driver has not noticed the loss yet: the successor takes the job
    assert hashes(wait(engine, 1)).keys() == {2}


def test_when_the_scheduler_dies_the_search_ends_and_no_attempt_counts_as_lost(
    cluster: Cluster, engines: list[DaskEngine]
) -> None:
    cluster.worker()
    engine = training(cluster, engines)
    cluster.scheduler.kill()
    with pytest.raises(EngineError, match=f"the dask scheduler must answer until the search ends, {cluster.address}"):
        wait(engine, 1, seconds=20)  # which would return with a Done or a Lost


def test_a_worker_that_falls_silent_is_given_up_and_used_again_once_it_is_heard(
    cluster: Cluster, engines: list[DaskEngine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.workers.cluster.ANSWERS_WITHIN", 1.0)
    nanny = cluster.worker()
    engine = training(cluster, engines, Watch(silent_for=3.0))
    pid = worker_pid(nanny)
    os.kill(pid, signal.SIGSTOP)
    try:
        (lost,) = [event for event in wait(engine, 1, seconds=10) if isinstance(event, Done | Lost)]
        assert lost == Lost(0, 0, "its worker fell silent")
        assert engine.free() == 0
        cluster.worker()
        cluster.wait_for_workers(2)
        check_scheduler(cluster.address)
        later = on(cluster, engines)  # a search that begins meanwhile does without the silent worker
        submit(later, [job(1)])
        assert hashes(wait(later, 1, seconds=30)).keys() == {1}
        later.close()
    finally:
        os.kill(pid, signal.SIGCONT)
    while engine.free() < 2:
        time.sleep(0.1)
    submit(engine, [replace(job(0), attempt=1), job(2)])  # the end of the stale attempt is never told
    ended = [event for event in wait(engine, 2) if isinstance(event, Done | Lost)]
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
    # A process that does hold a password shows that in_memory finds one.
    holder = subprocess.Popen([sys.executable, "-c", "print(input())"], env=os.environ | secrets, stdin=subprocess.PIPE)
    try:
        time.sleep(0.5)
        assert in_memory(holder.pid, SECRET.encode())
    finally:
        holder.kill()
        holder.communicate()


def in_memory(pid: int, what: bytes) -> bool:
    """Whether the memory that a process can write to contains the bytes."""
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
