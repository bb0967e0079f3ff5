"""A search over three hosts, each a network namespace of its own, while one's link is cut and restored."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from analysis.reading.mlflow_studies import attempts_frame, read_mlflow
from tests.search.cluster import Cluster

pytestmark = pytest.mark.slow

EPOCHS = 300
# The second trial ends about when the first one's worker is given up, so that the other host is free to take it over;
# the last two last for as long as TCP waits, after the cut, before it sends again what got lost.
STUDY = f"""
sampler: list
configurations: [{{width: 4, epochs: {EPOCHS}}}, {{width: 6, epochs: 400}}, {{width: 8, epochs: 1500}},
                 {{width: 5, epochs: 1500}}]
training: {{batch_size: 16}}
"""
# A driver that tells what its engine does, and which words of an attempt come after it was given up.
DRIVER = """
import sys
from search.workers.engine import Epoch, Lost
from search.command_line.console import make_console
from search.command_line.exit_codes import run_command
from search.command_line.options import read_options
from search.commands.session import run_search
from search.workers.dask_engine import DaskEngine
from search.workers.engine import Watch

events, submit, lost = DaskEngine.events, DaskEngine.submit, set()

def told(self, timeout):
    found = events(self, timeout)
    for event in found:
        if isinstance(event, Lost):
            lost.add((event.number, event.attempt))
            print("LOST", event.number, event.attempt, event.message, flush=True)
        elif isinstance(event, Epoch):
            late = "LATE" if (event.number, event.attempt) in lost else "EPOCH"
            print(late, event.number, event.attempt, event.report.epoch, flush=True)
    return found

def telling(self, job):
    submit(self, job)
    where = next(address for address, slot in self._slots.items() if slot.job is job)
    print("SUBMIT", job.number, job.attempt, where, flush=True)

DaskEngine.events, DaskEngine.submit = told, telling

def make(workers, scheduler, split, *means):
    return DaskEngine(split, workers, scheduler, Watch(silent_for=4.0))

if __name__ == "__main__":
    sys.exit(run_command(lambda: run_search(read_options(sys.argv[1:]), make_console(), make=make)))
"""


def ip(*arguments: str) -> None:
    ran = subprocess.run(["ip", *arguments], capture_output=True, text=True)
    if ran.returncode != 0:
        raise OSError(f"ip {' '.join(arguments)}: {ran.stderr.strip()}")


class Network:
    """Hosts 10.77.0.1 to .3, and a switch between them."""

    def __init__(self) -> None:
        self._name = f"hosts{os.getpid()}"
        self._made: list[str] = []

    def host(self, number: int) -> list[str]:
        """What a command starts with to run on a host."""
        return ["ip", "netns", "exec", f"{self._name}-{number}"]

    def up(self) -> None:
        for number in range(4):  # 0 is the switch
            ip("netns", "add", f"{self._name}-{number}")
            self._made.append(f"{self._name}-{number}")
            ip("-n", f"{self._name}-{number}", "link", "set", "lo", "up")
        switch = ["-n", f"{self._name}-0"]
        ip(*switch, "link", "add", "switch", "type", "bridge")
        ip(*switch, "link", "set", "switch", "up")
        for number in (1, 2, 3):
            host = f"{self._name}-{number}"
            ip(*switch, "link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns", host)
            ip(*switch, "link", "set", f"port{number}", "master", "switch", "up")
            ip("-n", host, "address", "add", f"10.77.0.{number}/24", "dev", "eth0")
            ip("-n", host, "link", "set", "eth0", "up")

    def link(self, number: int, state: str) -> None:
        ip("-n", f"{self._name}-0", "link", "set", f"port{number}", state)

    def down(self) -> None:
        for name in self._made:
            ip("netns", "del", name)


@pytest.fixture
def network() -> Iterator[Network]:
    if shutil.which("ip") is None:
        pytest.skip("network namespaces need iproute2's ip")
    network = Network()
    try:
        network.up()
    except OSError as error:
        network.down()
        pytest.skip(f"network namespaces are not permitted here: {error}")
    yield network
    network.down()


def test_a_link_cut_in_mid_trial_costs_that_attempt_alone_and_its_late_words_are_dropped(
    network: Network, workdir: Path, empty_stores: tuple[Path, Path]
) -> None:
    for store in empty_stores:
        shutil.copy(store, workdir)
    Path("hosts.yaml").write_text(STUDY)
    Path("drive.py").write_text(DRIVER)
    # The connections outlive the cut, as they do when it is short: the stale attempt's words then arrive.
    patient = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "300s"}
    started: list[subprocess.Popen[bytes]] = []
    cluster = Cluster(workdir, host="10.77.0.1", prefix=network.host(1), env=patient)
    try:
        for number in (2, 3):
            cluster.worker(host=f"10.77.0.{number}", prefix=network.host(number), env=patient)

        def search(*arguments: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "drive.py", "--study", "hosts.yaml", "--scheduler", cluster.address, *arguments]
            with open(f"told{len(arguments)}", "wb") as told:
                started.append(subprocess.Popen([*network.host(1), *command], stdout=told, stderr=subprocess.STDOUT))
            return started[-1]

        driver = search()
        told = told_in(Path("told0"), driver)
        cut = int(told(r"^SUBMIT 0 0 tcp://10\.77\.0\.(\d)"))
        told(r"^EPOCH 0 0 ()")
        network.link(cut, "down")
        began = time.monotonic()
        told(r"^LOST 0 0 (its worker fell silent|its worker left)")
        assert time.monotonic() - began < 10
        other = int(told(r"^SUBMIT 0 1 tcp://10\.77\.0\.(\d)"))
        assert {cut, other} == {2, 3}
        told(rf"^EPOCH 0 1 ({EPOCHS})$")  # so the cut-off worker has ended its attempt too, in the dark
        network.link(cut, "up")
        told(rf"^LATE 0 0 ({EPOCHS})$")
        assert driver.wait(timeout=240) == 0
        assert search("--name", "undisturbed").wait(timeout=240) == 0
    finally:
        for driver in started:
            driver.kill()
            driver.wait()
        cluster.close()
    table, other_table = read_mlflow("hosts").frame, read_mlflow("undisturbed").frame
    differing = ["run_id", "attempt", "seconds"]
    pd.testing.assert_frame_equal(table.drop(columns=differing), other_table.drop(columns=differing))
    assert list(table["state"]) == ["complete"] * 4
    attempts = attempts_frame("hosts")
    assert sorted(zip(attempts["number"], attempts["attempt"], strict=True)) == [
        (0, 0), (0, 1), (1, 0), (2, 0), (3, 0),
    ]  # fmt: skip
    assert list(attempts_frame("undisturbed")["attempt"]) == [0] * 4


def told_in(file: Path, driver: subprocess.Popen[bytes]) -> Callable[[str], str]:
    """Waits for a line of the file; returns its first group."""

    def told(pattern: str) -> str:
        until = time.monotonic() + 90
        while (found := re.search(pattern, file.read_text(), re.MULTILINE)) is None:
            assert time.monotonic() < until, (pattern, file.read_text()[-3000:])
            assert driver.poll() is None, (pattern, file.read_text()[-3000:])
            time.sleep(0.1)
        return found[1]

    return told
