"""The number of workers that a search chooses by itself: as many as the machine has room for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from models.core.errors import ConfigError
from search.command_line.options import options_of
from search.workers import choice
from search.workers.choice import cores_here, workers_for
from tests.search.jobs import SPLIT


@pytest.fixture(autouse=True)
def many_cores(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(choice.os, "sched_getaffinity", lambda _: set(range(32)))
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: 32 if logical else 16)
    share = tmp_path / "cpu.max"
    monkeypatch.setattr(choice, "CPU_SHARE", share)
    return share


def test_a_worker_a_physical_core_as_far_as_a_containers_share_goes(many_cores: Path) -> None:
    assert cores_here() == 16
    for told, cores in {"max 100000": 16, "250000 100000": 2, "50000 100000": 1, "nonsense": 16}.items():
        many_cores.write_text(told)
        assert cores_here() == cores, told


def test_no_more_workers_than_fit_into_memory_with_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "free_bytes", lambda: 8 * 10**9)
    count, why = workers_for(SPLIT)
    assert (count, why) == (7, "16 cores, 8.0 GB of memory free, 115.0 kB of data")
    large = replace(SPLIT, inputs=SPLIT.inputs | {"train": np.zeros((125, 10**6), np.uint8)})
    assert workers_for(large)[0] == 3
    monkeypatch.setattr(choice, "free_bytes", lambda: 10**8)
    assert workers_for(SPLIT)[0] == 1


def test_auto_is_the_default_and_a_number_is_taken_as_it_is() -> None:
    assert options_of({}).workers is None
    assert options_of({"workers": "3"}).workers == 3
    with pytest.raises(ConfigError, match="workers must be auto or a whole number, 0 or more, got 'many'"):
        options_of({"workers": "many"})
