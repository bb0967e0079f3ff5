"""Worker processes on this machine; all are real."""

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import dask
import numpy as np
import psutil
import pytest

from models.core.config import OwnConfig
from models.spaces.source import read_source
from search.workers.dask_engine import DaskEngine
from search.workers.engine import Done, Epoch, Lost, Started, Watch
from search.workers.in_process import InProcessEngine
from tests.search.jobs import CONFIG, LONG, SPLIT, first_epoch, hashes, job, running, submit, wait
from tests.search.workers.processes import fork_server, listening, worker_processes


@pytest.fixture
def engine() -> Iterator[DaskEngine]:
    engine = DaskEngine(SPLIT, workers=2)
    engine.start()
    yield engine
    engine.close()


def test_two_processes_and_this_one_give_the_same_bits(engine: DaskEngine) -> None:
    jobs = [job(number) for number in range(4)]
    submit(engine, jobs[:2])
    events = wait(engine, 2)
    submit(engine, jobs[2:])
    events += wait(engine, 2)
    epochs = [event for event in events if isinstance(event, Epoch)]
    assert len(epochs) == 8
    twin, here = InProcessEngine(SPLIT), []
    twin.start()
    for each in jobs:
        twin.submit(each)
        here += wait(twin, 1)
    twin.close()
    assert hashes(events) == hashes(here)
    assert len(set(hashes(here).values())) == 4
    # There is room for one more job per worker, so no worker waits while the driver writes to its stores.
    assert (engine.free(), engine.room()) == (2, 4)
    for each in (job(4), job(5), job(6), job(7)):
        engine.submit(each)
    assert (engine.free(), engine.room()) == (0, 0)
    time.sleep(2)
    events = wait(engine, 4, seconds=30)
    began = {event.number: event.at_ms for event in events if isinstance(event, Started)}
    ended = sorted(event.outcome.ended_ms for event in events if isinstance(event, Done))
    assert [max(began[number] - free, 0) < 150 for number, free in zip((6, 7), ended, strict=False)] == [True, True]


def test_a_killed_worker_loses_its_trial_alone_and_another_takes_its_place(
    engine: DaskEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(engine, [job(0, LONG), job(1, LONG)])
    seen: set[int] = set()
    until = time.monotonic() + 60
    while seen != {0, 1}:  # both are in the middle of a trial
        assert time.monotonic() < until
        seen |= {event.number for event in engine.events(0.2) if isinstance(event, Epoch)}
    worker_processes()[0].kill()
    lost = [event for event in wait(engine, 1) if isinstance(event, Done | Lost)]
    assert [type(event) for event in lost] == [Lost]
    first_epoch(engine, 1 - lost[0].number)  # type: ignore[union-attr]
    submit(engine, [job(2)])
    assert hashes(wait(engine, 1)).keys() == {2}


def test_an_attempt_stops_at_its_epochs_end_when_asked_and_its_process_ends_when_it_does_not() -> None:
    times = 40  # rows enough for an epoch, one graph call, of a minute
    rows = {part: np.repeat(values, times, axis=0) for part, values in SPLIT.inputs.items()}
    labels = {part: np.repeat(values, times) for part, values in SPLIT.labels.items()}
    slow = replace(CONFIG, width=(1024, 1024), dropout=(0.0, 0.0), epochs=2, batch_size=4)
    engine = DaskEngine(replace(SPLIT, inputs=rows, labels=labels), workers=1)
    engine.start()
    try:
        submit(engine, [job(0, replace(LONG, batch_size=512))])
        first_epoch(engine, 0)
        (worker,) = worker_processes()
        began = time.monotonic()
        engine.ask_to_stop(0, 0, "pruned")
        assert time.monotonic() - began < 0.05
        (done,) = [event for event in wait(engine, 1, seconds=10) if isinstance(event, Done | Lost)]
        assert isinstance(done, Done)
        assert done.outcome.state == "pruned"
        assert 1 <= len(done.outcome.history) < LONG.epochs
        engine.ask_to_stop(0, 0, "timeout")  # changes nothing: the attempt has ended
        submit(engine, [replace(job(0, slow), attempt=1)])
        time.sleep(3)  # into its first epoch
        assert [type(event) for event in engine.events(0)] == [Started]
        assert worker_processes() == [worker]
        began = time.monotonic()
        engine.abandon(0, 1)
        assert time.monotonic() - began < 0.05
        while running(worker.pid):
            assert time.monotonic() - began < 5
            time.sleep(0.05)
        submit(engine, [job(2)])
        ended = [event for event in wait(engine, 1) if isinstance(event, Done | Lost)]
        assert [event.outcome.number for event in ended if isinstance(event, Done)] == [2]
    finally:
        engine.close()


def test_a_worker_that_is_there_is_never_taken_for_one_that_left() -> None:
    # dask's client empties its list of workers every two seconds; here as often as the engine looks.
    with dask.config.set({"distributed.client.scheduler-info-interval": "10ms"}):
        engine = DaskEngine(SPLIT, workers=1, watch=Watch(look_every=0.01))
        engine.start()
        try:
            until = time.monotonic() + 30
            while not engine.free():
                assert time.monotonic() < until
                time.sleep(0.05)
            until = time.monotonic() + 2
            while time.monotonic() < until:
                assert engine.free() == 1
                time.sleep(0.001)
        finally:
            engine.close()


TELLS_ITS_ENVIRONMENT = """
import os

def build(width=4):
    raise ValueError(" ".join(os.environ))
"""


def test_nothing_listens_beyond_loopback_and_workers_know_no_secret(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    (tmp_path / "network.py").write_text(TELLS_ITS_ENVIRONMENT)
    source = read_source(f"{tmp_path}/network.py:build")
    config = OwnConfig.from_parameters(str(source), source.hash, {"width": 8}, {"epochs": 1})
    engine = DaskEngine(SPLIT, workers=1, own_code=True)
    engine.start()
    try:
        submit(engine, [replace(job(0), config=config, source=source)])
        (done,) = [event for event in wait(engine, 1) if isinstance(event, Done)]
        assert "PATH" in done.outcome.message
        assert "MLFLOW_TRACKING_PASSWORD" not in done.outcome.message
        workers = worker_processes()
        assert listening(psutil.Process()).union(*map(listening, workers)) == {"127.0.0.1"}
        # Forked from one process that has imported everything, which is not this one.
        assert [worker.ppid() for worker in workers] == [fork_server().pid]
    finally:
        engine.close()


def test_the_driver_process_never_imports_tensorflow(workdir: Path) -> None:
    program = (
        "import sys\n"
        "from search.__main__ import main\n"
        "if __name__ == '__main__':\n"
        "    code = main(['--trials', '1', '--workers', '1'])\n"
        "    found = [name for name in ('tensorflow', 'keras') if name in sys.modules]\n"
        "    sys.exit(f'exit {code}, imported {found}')\n"
    )
    Path("drive.py").write_text(program)
    ran = subprocess.run([sys.executable, "drive.py"], capture_output=True, text=True, timeout=120)
    assert ran.stderr.strip().splitlines()[-1] == "exit 0, imported []"


def test_after_its_fork_server_was_killed_another_one_brings_workers_and_the_search_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)  # with PYTHONPATH any fork server would find the project
    engine = DaskEngine(SPLIT, workers=1)
    engine.start()
    try:
        submit(engine, [job(0, LONG)])
        first_epoch(engine, 0)
        server = fork_server()
        server.kill()
        (lost,) = [event for event in wait(engine, 1) if isinstance(event, Done | Lost)]
        assert isinstance(lost, Lost)
        submit(engine, [replace(job(0), attempt=1)])
        ended = [event for event in wait(engine, 1) if isinstance(event, Done | Lost)]
        assert [(event.outcome.attempt, event.outcome.state) for event in ended] == [(1, "complete")]
        assert fork_server() != server
    finally:
        engine.close()
