"""Programs that search: a script that is killed, one with an event loop and TensorFlow, an interrupted notebook."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import yaml
from jupyter_client.manager import start_new_kernel

from analysis.reading.mlflow_studies import read_mlflow
from tests.project import PROJECT
from tests.project import environment as people_s

NETWORK = """
ACTIVATION = "relu"

def hidden(units):
    return keras.layers.Dense(units, ACTIVATION)

def build(hp):
    model = keras.Sequential([keras.layers.Flatten(), hidden(hp.Int("units", 8, 64))])
    model.add(keras.layers.Dense(10, "softmax"))
    return model
"""
SCRIPT = f"""
import keras, search
from sklearn.datasets import load_digits
{NETWORK}
x, y = load_digits(return_X_y=True)
study = search.run({{"sampler": "random", "seed": 3, "training": {{"epochs": 40}}}}, network=build,
                   data=(x[:1400], y[:1400], x[1400:], y[1400:]), trials=6, name="mine", workers=2)
model = study.best_model()
print("TEST", study.best.test, float((model.predict(x[1400:], verbose=0).argmax(1) == y[1400:]).mean()))
print("N", study.best_of_n(2).value, study.best_of_n(2).low, study.report())
"""
UNTOUCHED = f"""
import asyncio, gc, logging, os, signal, sys, threading, warnings
import keras, numpy as np, search, tensorflow as tf
{NETWORK}
rng = np.random.default_rng(0)
x, y = rng.normal(size=(80, 4)).astype("float32"), np.arange(80) % 2

def three(hp):
    return keras.Sequential([keras.layers.Dense(hp.Int("units", 2, 4)), keras.layers.Dense(2, "softmax")])

def state():
    return (dict(os.environ), list(warnings.filters), {{n: signal.getsignal(n) for n in (2, 15)}}, os.getcwd(),
            logging.getLogger("mlflow").level, tf.config.threading.get_intra_op_parallelism_threads(),
            np.random.get_state()[1].tolist(), threading.active_count(), len(os.listdir("/proc/self/fd")))

async def main():
    async def ticking():
        while True:
            ticks.append(0)
            await asyncio.sleep(0.05)
    ticks, task = [], None
    task = asyncio.create_task(ticking())
    run = lambda: search.run(network=three, data=(x, y), trials=2, workers=0, name="mine", show=False)
    study = await asyncio.to_thread(run)
    assert len(ticks) > 20
    again = run()  # within the loop
    assert (again.trials["weights_sha256"] == study.trials["weights_sha256"]).all()
    task.cancel()
    return study

untouched = state()[:7]
asyncio.run(main())
gc.collect()
before = state()
assert before[:7] == untouched, [i for i in range(7) if before[i] != untouched[i]]
study = asyncio.run(main())
for _ in range(CALLS):
    search.load("mine").best_of_n(1)
gc.collect()
differing = [i for i, (old, new) in enumerate(zip(before, state())) if old != new]
assert not differing, differing
assert "mlflow" not in sys.modules
print("UNTOUCHED")
"""


def variables(folder: Path) -> dict[str, str]:
    return people_s() | {"PYTHONPATH": str(PROJECT), "TF_CPP_MIN_LOG_LEVEL": "3"}


def output(folder: Path, code: str, *, name: str = "script.py") -> str:
    """The output of a script, which must end with exit code 0."""
    (folder / name).write_text(code)
    ended = subprocess.run(
        [sys.executable, name], cwd=folder, env=variables(folder), capture_output=True, text=True, timeout=300
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def finished(folder: Path) -> int:
    """The number of finished trial runs in the folder's MLflow store."""
    try:
        with closing(sqlite3.connect(f"file:{folder}/mlflow.db?mode=ro", uri=True)) as store:
            return int(store.execute("select count(*) from runs where status = 'FINISHED'").fetchone()[0])
    except sqlite3.Error:
        return 0


def test_a_script_that_is_killed_and_run_again_gives_the_table_of_the_command(workdir: Path) -> None:
    (workdir / "script.py").write_text(SCRIPT)
    first = subprocess.Popen(
        [sys.executable, "script.py"], cwd=workdir, env=variables(workdir), stdout=subprocess.DEVNULL
    )
    until = time.monotonic() + 120
    while finished(workdir) < 1:
        assert time.monotonic() < until
        assert first.poll() is None
        time.sleep(0.02)
    below = psutil.Process(first.pid).children(recursive=True)
    first.send_signal(signal.SIGKILL)
    first.wait()
    _, alive = psutil.wait_procs(below, timeout=20)
    assert alive == []  # the search's own process ends with the program
    assert finished(workdir) < 6
    said = output(workdir, SCRIPT)
    test, again = map(float, next(line for line in said.splitlines() if line.startswith("TEST")).split()[1:])
    assert test == again
    _, value, low, report = next(line for line in said.splitlines() if line.startswith("N ")).split()
    exact = yaml.safe_load((workdir / report).with_name("best_of_n.json").read_text())["curves"]["best_val"]
    assert (float(value), float(low)) == (exact["2"]["value"], exact["2"]["low"])
    mine = read_mlflow("mine", f"sqlite:///{workdir}/mlflow.db")
    kept = next((workdir / "outbox" / ".handed-over").rglob("network.py"))
    assert "ACTIVATION = 'relu'" in kept.read_text()
    data = next((workdir / "outbox" / ".handed-over").glob("*.npz"))
    (workdir / "same.yaml").write_text(
        yaml.safe_dump(
            {
                "network": f"{kept}:build", "data": {"dataset": str(data)}, "sampler": "random", "seed": 3,
                "trials": 6, "training": {"epochs": 40},
            }
        )
    )  # fmt: skip
    command = [sys.executable, "-m", "search", "--study", "same.yaml", "--workers", "2"]
    subprocess.run(command, cwd=workdir, env=variables(workdir), check=True, capture_output=True, timeout=200)
    same = read_mlflow("same", f"sqlite:///{workdir}/mlflow.db")
    differing = ["run_id", "seconds", "attempt"]
    pd.testing.assert_frame_equal(mine.frame.drop(columns=differing), same.frame.drop(columns=differing))


def test_nothing_of_the_program_s_process_changes_in_a_thread_under_an_event_loop_after_tensorflow(
    workdir: Path,
) -> None:
    assert "UNTOUCHED" in output(workdir, UNTOUCHED.replace("CALLS", "2"))


@pytest.mark.slow
def test_a_hundred_studies_loaded_leave_nothing_behind(workdir: Path) -> None:
    assert "UNTOUCHED" in output(workdir, UNTOUCHED.replace("CALLS", "100"))


ERRORS = """
import numpy as np, search
def said(call):
    try:
        call()
    except (search.ConfigError, search.SearchError) as error:
        print(type(error).__name__, "|", error)
x, y = np.ones((40, 3)), np.arange(40) % 2
def endless(hp):
    return 1 / 0
def failing(hp):
    import keras
    if hp.Int("units", 2, 9) > 0 and keras.config.floatx() == "float32":
        model = keras.Sequential([keras.layers.Dense(2, "softmax")])
        model.compile("adam", lambda *_: 1 / 0)
        return model
said(lambda: search.run(network=endless, data=(x, y)))
said(lambda: search.run({"sampler": "random", "space": {"width": [1]}}))
said(lambda: search.run())
said(lambda: search.run([1]))
said(lambda: search.run({(1, 2): 3}, name="a"))
said(lambda: search.run("digits-random", name="--help"))
said(lambda: search.load("nothing"))
said(lambda: search.run("digits-random", scheduler="tcp://127.0.0.1:1"))
said(lambda: search.run(network=failing, data=(x, y), trials=2, workers=1, show=False))
"""


def test_errors_are_exceptions_with_the_one_line(workdir: Path) -> None:
    lines = output(workdir, ERRORS).splitlines()
    for line, said in zip(
        [line for line in lines if "|" in line],
        (
            "ConfigError | network network.py:endless failed at network.py line 2: ZeroDivisionError",
            "ConfigError | a study that is a dict must have a name (name=...), got none",
            "ConfigError | a search needs a study, or a network that asks for its own space, got neither",
            "ConfigError | a study must be a name, the path of a file, or a dict, got [1]",
            "ConfigError | a study must be of words, numbers, lists and dicts, got one that JSON cannot hold: keys",
            "ConfigError | name must be letters, digits, '.', '_' and '-', 100 at most, got '--help'",
            "ConfigError | 'nothing' is no study here: a study is read from a tracking store that exists",
            "ConfigError | scheduler must be the address of a dask scheduler that answers",
            "SearchError | ",
        ),
        strict=True,
    ):
        assert line.startswith(said), lines


def test_a_package_of_the_same_name_beside_the_program_is_refused_in_one_line(workdir: Path) -> None:
    (workdir / "models").mkdir()
    (workdir / "models" / "__init__.py").touch()
    (workdir / "script.py").write_text("import search\nsearch.run")
    ended = subprocess.run(
        [sys.executable, "script.py"], cwd=workdir, env=variables(workdir), capture_output=True, text=True
    )
    assert ended.stderr.splitlines()[-1].startswith(
        "ImportError: the program must have no file or package models beside it"
    )


CELL = """
import keras, search, numpy as np
rng = np.random.default_rng(0)
x, y = rng.normal(size=(400, 4)).astype("float32"), np.arange(400) % 2

class Sizes:
    classes = 2

class Hyper:
    classes = Sizes.classes
    def build(self, hp):
        layers = [keras.layers.Dense(hp.Int("units", 4, 64)), keras.layers.Dense(self.classes, "softmax")]
        return keras.Sequential(layers)

epochs = {"sampler": "random", "training": {"epochs": 150}}
study = search.run(epochs, network=Hyper, data=(x, y), trials=5, name="mine")
study
"""


def test_a_cell_that_is_interrupted_and_run_again_goes_on(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in variables(workdir).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("IPYTHONDIR", str(workdir / "ipython"))
    manager, client = start_new_kernel(cwd=str(workdir))
    try:
        bars: list[str] = []

        def hear(message: dict) -> None:
            content = message["content"]
            if message["msg_type"] in ("display_data", "update_display_data", "execute_result"):
                bars.append(content["data"].get("text/html", ""))
            if " 1 of 5 trials" in (bars or [""])[-1] and not interrupted:
                interrupted.append(True)
                manager.interrupt_kernel()

        interrupted: list[bool] = []
        reply = client.execute_interactive(CELL, timeout=120, output_hook=hear)
        assert reply["content"]["ename"] == "KeyboardInterrupt"
        left = finished(workdir)
        assert 1 <= left < 5
        bars.clear()
        reply = client.execute_interactive(CELL, timeout=120, output_hook=hear)
        assert reply["content"]["status"] == "ok", reply["content"]
        assert any(
            "<progress" in bar and "5 of 5 trials, 0 failed, " in bar and "best val_accuracy so far 0." in bar
            for bar in bars
        )
        assert bars[-1].startswith("<p>study mine: 5 trials (5 complete). Trial ")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    frame = read_mlflow("mine", f"sqlite:///{workdir}/mlflow.db").frame
    assert frame["state"].tolist() == ["complete"] * 5
    assert np.isfinite(frame["val_accuracy"]).all()
    assert os.listdir(workdir / "outbox" / "mine")
