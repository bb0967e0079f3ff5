"""This project against what a user would pick instead: the same trials, the same machine, in turns.

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.throughput --dataset mnist.npz

Our side is the whole command, `python -m search`, with everything tracked and every model logged. The peers are in
peers.py. A peer is timed on two epochs a trial, the first with its tracing and one more, and extended to the rest,
unless --peer-epochs says more. The packages' bytecode is compiled first, as their first use does. Prints a table and,
last, one JSON line.
"""

import argparse
import importlib.util
import json
import os
import platform
import sqlite3
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.draws import different, heavy_share, products_flop
from benchmarks.throughput_table import print_table
from models.core.runtime import versions
from models.core.seeds import derive_seed
from models.data.scaling import count_inputs
from models.data.sources import load_dataset
from models.data.splits import split_dataset

PROJECT = Path(__file__).parent.parent
PEERS = {"keras": "keras", "kerastuner": "keras_tuner", "optuna-mlflow": "mlflow"}
VALIDATION, SEED, OTHER_SEED = 0.1, 11, 12


def main() -> None:
    parser = argparse.ArgumentParser(description="Side-by-side measurements of whole searches.")
    parser.add_argument("--dataset", required=True, metavar="FILE.npz", help="MNIST, or the like")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--peer-epochs", type=int, default=2, help="2 or more; fewer than --epochs are extended")
    parser.add_argument("--peers", default=",".join(PEERS), help="of " + ", ".join(PEERS))
    rows = "mnist,other,digits,breast_cancer,diabetes"
    parser.add_argument("--rows", default=rows, help="the data sets to compare on; other: MNIST with other draws")
    parser.add_argument("--turns", type=int, default=2, help="pieces that each side's trials are cut into")
    asked = parser.parse_args()
    compile_packages()
    report: dict[str, Any] = {"machine": machine()}
    print(json.dumps(report["machine"]), flush=True)
    peers, few = asked.peers.split(","), min(asked.peer_epochs, asked.epochs)
    jobs = {
        "mnist": Side(asked.dataset, asked.trials, asked.epochs, few, peers, asked.turns),
        "other": Side(asked.dataset, asked.trials, asked.epochs, few, ["keras"], asked.turns, OTHER_SEED),
        "digits": Side("digits", 40, asked.epochs, asked.epochs, ["keras"], 1),
        "breast_cancer": Side("breast_cancer", 100, 20, 20, ["keras"], 1),
        "diabetes": Side("diabetes", 100, 20, 20, ["keras"], 1),
    }
    wanted = asked.rows.split(",")
    if "mnist" in wanted:
        report["limits"] = limits(asked.dataset)
    report["compared"] = {name: compare(job) for name, job in jobs.items() if name in wanted}
    report["load_at_end"] = os.getloadavg()
    print_table(report)
    print(json.dumps(report))


def compile_packages() -> None:
    """Bytecode of all installed packages, as their first use leaves it: without, every process compiles thousands."""
    command = [sys.executable, "-m", "compileall", "-q", "-j", "2", sysconfig.get_paths()["purelib"]]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # some packages' tests cannot be


@dataclass(frozen=True)
class Side:
    """One data set's comparison."""

    dataset: str
    trials: int
    epochs: int
    timed_epochs: int
    """Of the peers; fewer than `epochs` are extended."""
    peers: list[str]
    turns: int
    seed: int = SEED
    """Of the draws."""


def compare(job: Side) -> dict[str, Any]:
    """Our side with two workers and with one, and each peer, in turns."""
    dataset, n_trials, epochs, turns = job.dataset, job.trials, job.timed_epochs, job.turns
    trials = different(job.seed, n_trials)
    peers = [peer for peer in job.peers if importlib.util.find_spec(PEERS[peer])]
    ours: list[dict[str, Any]] = []
    lines: dict[str, list[dict[str, Any]]] = {peer: [] for peer in peers}
    outside = dict.fromkeys(peers, 0.0)
    cpu = dict.fromkeys(peers, 0.0)
    flop = job.epochs * flop_of(dataset, trials)
    for turn in range(turns):
        rate = product_rate()
        for workers in (2, 1):
            ours.append(search(dataset, trials, job.epochs, workers))
            # Of two turns of a product before and after: the machine is not as fast at every moment.
            before, rate = rate, product_rate()
            limit = flop / ((before + rate) / 2 * 1e9) / workers
            ours[-1] |= {"limit_seconds": limit, "share_of_limit": limit / ours[-1]["seconds"]}
            print(json.dumps({"ours": workers, "turn": turn} | _numbers(ours[-1])), flush=True)
        for peer in peers:
            seconds, used, found = run_peer(peer, dataset, trials[turn::turns], epochs)
            lines[peer] += found
            # Start, imports and end are paid once a job, not once a turn.
            outside[peer] = min(outside[peer] or 1e9, seconds - sum(line["seconds"] for line in found))
            cpu[peer] += used
            print(json.dumps({"peer": peer, "turn": turn, "seconds": seconds, "cpu_seconds": used}), flush=True)
    half = search(dataset, trials[: n_trials // 2], job.epochs, 2)
    print(json.dumps({"ours": 2, "half": True} | _numbers(half)), flush=True)
    both = float(np.mean([run["own_cpu_seconds"] for run in ours if run["workers"] == 2]))
    # What one trial more costs: start-up, tables and report are paid once a command.
    driver = (both - half["own_cpu_seconds"]) / (n_trials - n_trials // 2)
    compared: dict[str, Any] = {"ours": ours, "peers": {}, "driver_seconds_a_trial": driver}
    for peer in peers:
        extended = [line["seconds"] + (job.epochs - epochs) * line["last"] for line in lines[peer]]
        compared["peers"][peer] = {
            "epochs_timed": epochs,
            "seconds": outside[peer] + sum(extended),
            "first_to_last": sum(extended[1:]),
            "cpu_seconds_timed": cpu[peer],
            "reached": reached([line["scores"] for line in lines[peer]], epochs, dataset),
        }
    compared["reached_by_ours"] = reached(ours[0]["scores"], epochs, dataset)
    compared["at_the_end_by_ours"] = reached(ours[0]["scores"], job.epochs, dataset)
    compared["epochs"] = job.epochs
    compared["heavy_share"] = heavy_share(trials)
    return compared


def flop_of(dataset: str, trials: list[dict[str, Any]]) -> float:
    """Of one epoch of each trial (benchmarks.draws.products_flop)."""
    split = split_dataset(load_dataset(dataset), VALIDATION, SEED)
    rows = {part: split.rows(part) for part in split.labels}
    return sum(products_flop(trial, rows, count_inputs(split), split.target.n_outputs) for trial in trials)


def product_rate() -> float:
    """GFLOP/s of one thread's matrix product, measured now, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        told = timed([sys.executable, "-m", "benchmarks.limits", "product"], folder)["out"]
    return float(json.loads(told.splitlines()[-1]))


def _numbers(run: dict[str, Any]) -> dict[str, float]:
    return {name: value for name, value in run.items() if isinstance(value, float)}


def search(dataset: str, trials: list[dict[str, Any]], epochs: int, workers: int) -> dict[str, Any]:
    """The whole command in a fresh folder, and the same command again, which has nothing left to train."""
    training = {"optimizer": "adam", "epochs": epochs}
    study = {
        "data": {"dataset": dataset, "validation": VALIDATION}, "sampler": "list", "seed": SEED,
        "configurations": trials, "training": training,
    }  # fmt: skip
    if dataset.endswith(".npz"):
        study["data"] = {"dataset": str(Path(dataset).resolve()), "validation": VALIDATION}
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "bench.yaml").write_text(json.dumps(study))
        command = [sys.executable, "-m", "search", "--study", "bench.yaml", "--workers", str(workers)]
        whole = timed(command, folder)
        again = timed(command, folder)
        whole |= results(folder)
        return _numbers(whole) | {
            "scores": whole["scores"],
            "first_result_after": whole["first_at"] - whole["began_at"],
            "again_seconds": again["seconds"],
            "workers": workers,
            "trial_seconds": whole["trial_seconds"],
        }  # fmt: skip


def results(folder: str) -> dict[str, Any]:
    """What Optuna's and MLflow's databases of a search say."""
    import optuna

    with sqlite3.connect(f"{folder}/mlflow.db") as database:
        ((trial_seconds,),) = database.execute("SELECT AVG(value) FROM tags WHERE key = 'seconds'")

    storage = f"sqlite:///{folder}/optuna.db"
    (summary,) = optuna.get_all_study_summaries(storage)
    trials = optuna.load_study(study_name=summary.study_name, storage=storage).get_trials(deepcopy=False)
    ends = sorted(trial.datetime_complete.timestamp() for trial in trials if trial.datetime_complete)
    curves = [list(trial.intermediate_values.values()) for trial in trials]
    return {
        "first_to_last": ends[-1] - ends[0], "first_at": ends[0], "scores": curves, "trial_seconds": trial_seconds
    }  # fmt: skip


def run_peer(
    peer: str, dataset: str, trials: list[dict[str, Any]], epochs: int
) -> tuple[float, float, list[dict[str, Any]]]:
    """Seconds on the clock and of all CPUs, and a line for each trial."""
    path = str(Path(dataset).resolve()) if dataset.endswith(".npz") else dataset
    job = {
        "dataset": path, "validation": VALIDATION, "split_seed": derive_seed(SEED, "validation"), "epochs": epochs,
        "trials": trials,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "job.json").write_text(json.dumps(job))
        ended = timed([sys.executable, "-m", "benchmarks.peers", peer, "job.json"], folder)
        lines = [json.loads(line) for line in ended["out"].splitlines() if line.startswith("{")]
    return ended["seconds"], ended["cpu_seconds"], [line for line in lines if "scores" in line]


def timed(command: list[str], folder: str) -> dict[str, Any]:
    """Seconds from command to exit, CPU seconds of it with all its children, and its own alone."""
    paths = [str(PROJECT), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "TF_CPP_MIN_LOG_LEVEL": "3"}
    began_at, began = time.time(), time.perf_counter()
    with open(Path(folder, "out.txt"), "w+") as out, open(Path(folder, "err.txt"), "w+") as err:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=err)
        own, ended = 0.0, (0, 0, None)
        while ended[0] == 0:
            time.sleep(0.05)
            own = max(own, own_cpu(process.pid))
            ended = os.wait4(process.pid, os.WNOHANG)  # type: ignore[assignment]
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(ended[1])
        out.seek(0), err.seek(0)
        if process.returncode:
            raise SystemExit(
                f"{' '.join(command)} ended with {process.returncode}:\n{out.read()}\n{err.read()[-4000:]}"
            )
        usage: Any = ended[2]
        return {
            "began_at": began_at, "seconds": seconds, "own_cpu_seconds": own, "out": out.read(),
            "cpu_seconds": usage.ru_utime + usage.ru_stime,
        }  # fmt: skip


def own_cpu(pid: int) -> float:
    """User and system seconds of one process, its children apart (proc(5), fields 14 and 15)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def limits(dataset: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.limits", str(Path(dataset).resolve())]
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, float] = json.loads(timed(command, folder)["out"].splitlines()[-1])
    print(json.dumps(found), flush=True)
    return found


def reached(curves: list[list[float]], epoch: int, dataset: str) -> dict[str, float]:
    """Mean and best validation accuracy (of diabetes RMSE) after `epoch`, over the trials that got there."""
    found = [curve[epoch - 1] for curve in curves if len(curve) >= epoch]
    best = min(found) if dataset == "diabetes" else max(found)
    return {"epoch": epoch, "trials": len(found), "mean": float(np.mean(found)), "best": best}


def machine() -> dict[str, Any]:
    import mlflow
    import optuna

    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "")
    found = versions() | {"mlflow": mlflow.__version__, "optuna": optuna.__version__}
    return {"cpu": model, "cores": os.cpu_count(), "system": platform.platform(), "load": os.getloadavg(), **found}


if __name__ == "__main__":
    main()
