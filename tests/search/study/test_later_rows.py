"""The rest of a plan is what would have been drawn at once, and the process that draws it ends with ours."""

import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from models.core.errors import ConfigError
from models.data.sources import load_dataset
from models.data.splits import Split, split_dataset
from models.spaces.source import read_source
from search.study.later_rows import LaterRows
from search.study.own_space import OwnSpace, ask_network
from search.study.settings import StudySettings
from search.study.study_file import Said, make_settings

NETWORK = """
import keras, time

def build(hp):
    time.sleep({seconds})
    hidden = [keras.layers.Dense(hp.Int("units", 2, 64)) for _ in range(hp.Int("layers", 1, 3))]
    if hp.Int("units", 2, 64) > 64:
        raise SystemExit
    return keras.Sequential([keras.layers.Flatten(), *hidden, keras.layers.Dense(10, "softmax")])
"""


@pytest.fixture(scope="module")
def split() -> Split:
    return split_dataset(load_dataset("digits"), 0.2, seed=1)


def study(folder: Path, seconds: float) -> StudySettings:
    (folder / "net.py").write_text(NETWORK.format(seconds=seconds))
    settings = make_settings({"sampler": "random", "network": "net.py:build"}, "own", folder, Said())
    return replace(settings, asks=True)


def taken(later: LaterRows) -> OwnSpace:
    until = time.monotonic() + 60
    while (found := later.take()) is None:
        assert time.monotonic() < until
        time.sleep(0.05)
    return found


def test_rows_drawn_later_are_those_that_are_drawn_at_once(workdir: Path, split: Split) -> None:
    settings = study(workdir, 0)
    first = ask_network(settings, split, 3)
    later = taken(LaterRows(settings, split, 8, first))
    assert later == ask_network(settings, split, 8)
    assert later.rows[:3] == first.rows
    assert later.n_parameters > 0


def test_a_function_that_reads_a_file_which_changed_is_refused_with_what_it_asks_for_now(
    workdir: Path, split: Split
) -> None:
    settings = study(workdir, 0)
    (workdir / "most.txt").write_text("2")
    most = f"int(open({str(workdir / 'most.txt')!r}).read())"
    text = NETWORK.format(seconds=0).replace("1, 3)", f"1, {most})")
    (workdir / "net.py").write_text(text)
    settings = replace(settings, source=read_source("net.py:build", workdir))
    first = ask_network(settings, split, 3)
    assert ask_network(settings, split, 4, first).rows[:3] == first.rows
    (workdir / "most.txt").write_text("4")
    with pytest.raises(ConfigError, match=r"the same values as when its plan was begun.*got layers of tri"):
        ask_network(settings, split, 4, first)


def test_its_process_ends_when_it_is_stopped(workdir: Path, split: Split) -> None:
    settings = study(workdir, 0.3)
    first = ask_network(settings, split, 1)
    others = psutil.Process().children()  # of other tests
    later = LaterRows(settings, split, 100, first)
    until = time.monotonic() + 30
    while not (below := [each for each in psutil.Process().children() if each not in others]):
        assert time.monotonic() < until
    later.stop()
    assert psutil.wait_procs(below, timeout=5)[1] == []


def test_what_cannot_be_drawn_is_told_by_whoever_takes_it(workdir: Path, split: Split) -> None:
    settings = study(workdir, 0)
    first = ask_network(settings, split, 1)
    (workdir / "net.py").write_text("import os\ndef build(hp):\n    os._exit(3)")
    broken = replace(settings, source=read_source("net.py:build", workdir))
    later = LaterRows(broken, split, 4, first)
    with pytest.raises(ConfigError, match="must leave its process alive"):
        taken(later)
