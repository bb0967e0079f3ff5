"""Worker processes: real ones, on this machine."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from models.config import TrialConfig
from models.data import load_dataset
from models.seeds import derive_seed
from models.splits import split_dataset
from search.engine import Done, Engine, Epoch, Event, InProcessEngine, Lost
from search.task import Job
from search.workers import DaskEngine

SPLIT = split_dataset(load_dataset("digits"), 0.2, seed=1)
CONFIG = TrialConfig.from_parameters({"width": 8, "epochs": 2, "batch_size": 64, "dropout": 0.2})
LONG = replace(CONFIG, epochs=100_000, batch_size=16)


def job(number: int, config: TrialConfig = CONFIG) -> Job:
    return Job("test", number, 0, config, derive_seed(5, number))


def wait(engine: Engine, count: int, seconds: float = 90) -> list[Event]:
    """The events until `count` jobs have ended."""
    events: list[Event] = []
    until = time.monotonic() + seconds
    while sum(not isinstance(event, Epoch) for event in events) < count:
        assert time.monotonic() < until, events
        events += engine.events(0.2)
    return events


def submit(engine: Engine, jobs: list[Job]) -> None:
    for each in jobs:
        until = time.monotonic() + 90
        while not engine.free():
            assert time.monotonic() < until
            time.sleep(0.05)
        engine.submit(each)


@pytest.fixture
def engine() -> Iterator[DaskEngine]:
    engine = DaskEngine(SPLIT, workers=2)
    engine.start()
    yield engine
    engine.close()


def hashes(events: list[Event]) -> dict[int, str]:
    done = [event.outcome for event in events if isinstance(event, Done)]
    return {outcome.number: outcome.result.weights_sha256 for outcome in done if outcome.result is not None}


def test_two_processes_and_this_one_give_the_same_bits(engine: DaskEngine) -> None:
    jobs = [job(number) for number in range(4)]
    submit(engine, jobs[:2])
    events = wait(engine, 2)
    submit(engine, jobs[2:])
    events += wait(engine, 2)
    epochs = [event for event in events if isinstance(event, Epoch)]
    assert len(epochs) == 8
    twin, here = InProcessEngine(SPLIT), []
    for each in jobs:
        twin.submit(each)
        here += wait(twin, 1)
    twin.close()
    assert hashes(events) == hashes(here)
    assert len(set(hashes(here).values())) == 4


def test_a_killed_worker_loses_its_trial_alone_and_another_takes_its_place(
    engine: DaskEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit(engine, [job(0, LONG), job(1, LONG)])
    seen: set[int] = set()
    until = time.monotonic() + 60
    while seen != {0, 1}:  # both are in the middle of a trial
        assert time.monotonic() < until
        seen |= {event.number for event in engine.events(0.2) if isinstance(event, Epoch)}
    assert engine._client is not None
    victim = next(iter(engine._slots))
    victims_job = engine._slots[victim].job
    os.kill(engine._client.run(os.getpid, workers=[victim])[victim], signal.SIGKILL)
    lost = [event for event in wait(engine, 1) if not isinstance(event, Epoch)]
    assert [type(event) for event in lost] == [Lost]
    assert victims_job is not None
    assert lost[0].number == victims_job.number  # type: ignore[union-attr]
    submit(engine, [job(2)])
    assert hashes(wait(engine, 1)).keys() == {2}


def _listening_addresses() -> list[str]:
    """The addresses that this process accepts TCP connections on."""
    import psutil

    return [c.laddr.ip for c in psutil.Process().net_connections("tcp") if c.status == psutil.CONN_LISTEN]


def test_nothing_listens_beyond_loopback_and_workers_know_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    engine = DaskEngine(SPLIT, workers=1)
    engine.start()
    try:
        submit(engine, [job(0)])
        wait(engine, 1)
        assert engine._client is not None
        listening = engine._client.run(_listening_addresses)
        assert set(_listening_addresses()).union(*listening.values()) == {"127.0.0.1"}
        environments = engine._client.run(lambda: sorted(os.environ)).values()
        assert all("MLFLOW_TRACKING_PASSWORD" not in names for names in environments)
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
