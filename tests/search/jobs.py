"""Jobs on digits, and what becomes of them in an engine."""

import time
from dataclasses import replace

import psutil

from models.core.config import TrialConfig
from models.core.seeds import derive_seed
from models.data.sources import load_dataset
from models.data.splits import split_dataset
from search.workers.engine import Done, Engine, Epoch, Event, Lost
from search.workers.job import Job

SPLIT = split_dataset(load_dataset("digits"), 0.2, seed=1)
CONFIG = TrialConfig.from_parameters({"width": 8, "epochs": 2, "batch_size": 64, "dropout": 0.2})
LONG = replace(CONFIG, epochs=100_000, batch_size=16)


def job(number: int, config: TrialConfig = CONFIG) -> Job:
    return Job("test", number, 0, config, derive_seed(5, number))


def wait(engine: Engine, count: int, seconds: float = 90) -> list[Event]:
    """The events until `count` jobs have ended."""
    events: list[Event] = []
    until = time.monotonic() + seconds
    while sum(isinstance(event, Done | Lost) for event in events) < count:
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


def hashes(events: list[Event]) -> dict[int, str]:
    done = [event.outcome for event in events if isinstance(event, Done)]
    return {outcome.number: outcome.result.weights_sha256 for outcome in done if outcome.result is not None}


def first_epoch(engine: Engine, number: int) -> None:
    until = time.monotonic() + 60
    while not any(isinstance(event, Epoch) and event.number == number for event in engine.events(0.2)):
        assert time.monotonic() < until


def running(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
