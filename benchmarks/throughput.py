"""This project against what a user would pick instead: the same trials, the same machine, in turns.

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.throughput --dataset mnist.npz

Our side is the whole command, `python -m search`, with everything tracked and every model logged. The peers are in
peers.py. A peer is timed on two epochs a trial, or on more by --peer-epochs; the time of its last epoch stands for the
other epochs. The bytecode of all packages is compiled first, as their first use would do. Prints a table and, last, one
JSON line.
"""

import argparse
import importlib.util
import json
import math
import os
import sqlite3
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.draws import different, heavy_share, products_flop
from benchmarks.throughput_table import print_table
from benchmarks.timing import compile_packages, last_line, machine, timed
from models.core.seeds import derive_seed
from models.data.scaling import count_inputs
from models.data.sources import load_dataset
from models.data.splits import split_dataset

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


@dataclass(frozen=True)
class Side:
    """The comparison on one data set."""

    dataset: str
    trials: int
    epochs: int
    timed_epochs: int
    """The epochs that peers are timed on; the times of fewer than `epochs` are extended."""
    peers: list[str]
    turns: int
    seed: int = SEED
    """The seed of the draws."""


def compare(job: Side) -> dict[str, Any]:
    """Our side with two workers and with one, and each peer, in turns."""
    trials = different(job.seed, job.trials)
    peers = {peer: Peer() for peer in job.peers if importlib.util.find_spec(PEERS[peer])}
    flop = job.epochs * flop_of(job.dataset, trials)
    ours: list[dict[str, Any]] = []
    for turn in range(job.turns):
        ours += our_turn(job, trials, flop, turn)
        for name, peer in peers.items():
            seconds, used, found = run_peer(name, job.dataset, trials[turn :: job.turns], job.timed_epochs)
            peer.add(seconds, used, found)
            print(json.dumps({"peer": name, "turn": turn, "seconds": seconds, "cpu_seconds": used}), flush=True)
    return {
        "ours": ours,
        "peers": {name: peer.summary(job) for name, peer in peers.items()},
        "driver_seconds_a_trial": driver_seconds(job, trials, ours),
        "reached_by_ours": reached(ours[0]["scores"], job.timed_epochs, job.dataset),
        "at_the_end_by_ours": reached(ours[0]["scores"], job.epochs, job.dataset),
        "epochs": job.epochs,
        "heavy_share": heavy_share(trials),
    }


def our_turn(job: Side, trials: list[dict[str, Any]], flop: float, turn: int) -> list[dict[str, Any]]:
    """One search with two workers and one with a single worker, beside the time of their products alone."""
    runs = []
    rate = product_rate()
    for workers in (2, 1):
        run = search(job.dataset, trials, job.epochs, workers)
        # The mean of the rates before and after, because a machine is not equally fast at every moment.
        before, rate = rate, product_rate()
        limit = flop / ((before + rate) / 2 * 1e9) / workers
        run |= {"limit_seconds": limit, "share_of_limit": limit / run["seconds"]}
        print(json.dumps({"ours": workers, "turn": turn} | _numbers(run)), flush=True)
        runs.append(run)
    return runs


def driver_seconds(job: Side, trials: list[dict[str, Any]], ours: list[dict[str, Any]]) -> float:
    """CPU seconds of the driver for one further trial: start-up, tables and report are paid once a command."""
    few = job.trials // 2
    half = search(job.dataset, trials[:few], job.epochs, 2)
    print(json.dumps({"ours": 2, "half": True} | _numbers(half)), flush=True)
    both = float(np.mean([run["own_cpu_seconds"] for run in ours if run["workers"] == 2]))
    return (both - half["own_cpu_seconds"]) / (job.trials - few)


@dataclass
class Peer:
    """The measurements of one peer over all turns."""

    lines: list[dict[str, Any]] = field(default_factory=list)
    """One for each trial, as peers.py prints them."""
    outside: float = math.inf
    """The fewest seconds of a turn outside its trials: start, imports and end are paid once a job, not once a turn."""
    cpu: float = 0.0

    def add(self, seconds: float, cpu: float, lines: list[dict[str, Any]]) -> None:
        """Adds one turn: its seconds on the clock and of all CPUs, and its trials."""
        self.lines += lines
        self.outside = min(self.outside, seconds - sum(line["seconds"] for line in lines))
        self.cpu += cpu

    def summary(self, job: Side) -> dict[str, Any]:
        """The times of all trials, extended from the timed epochs to the job's epochs."""
        missing = job.epochs - job.timed_epochs
        extended = [line["seconds"] + missing * line["last"] for line in self.lines]
        return {
            "epochs_timed": job.timed_epochs,
            "seconds": self.outside + sum(extended),
            "first_to_last": sum(extended[1:]),
            "cpu_seconds_timed": self.cpu,
            "reached": reached([line["scores"] for line in self.lines], job.timed_epochs, job.dataset),
        }


def flop_of(dataset: str, trials: list[dict[str, Any]]) -> float:
    """Floating-point operations of an epoch's matrix products, summed over the trials."""
    split = split_dataset(load_dataset(dataset), VALIDATION, SEED)
    rows = {part: split.rows(part) for part in split.labels}
    return sum(products_flop(trial, rows, count_inputs(split), split.target.n_outputs) for trial in trials)


def product_rate() -> float:
    """GFLOP/s of one thread's matrix product, measured now, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return float(last_line(timed([sys.executable, "-m", "benchmarks.limits", "product"], folder)))


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
    """Times and scores of a search, from its Optuna and MLflow databases."""
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
    """Runs a peer, and returns its seconds on the clock, its CPU seconds, and a line for each trial."""
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


def limits(dataset: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.limits", str(Path(dataset).resolve())]
    with tempfile.TemporaryDirectory() as folder:
        found: dict[str, float] = last_line(timed(command, folder))
    print(json.dumps(found), flush=True)
    return found


def reached(curves: list[list[float]], epoch: int, dataset: str) -> dict[str, float]:
    """Mean and best validation accuracy (of diabetes RMSE) after `epoch`, over the trials that got there."""
    found = [curve[epoch - 1] for curve in curves if len(curve) >= epoch]
    best = min(found) if dataset == "diabetes" else max(found)
    return {"epoch": epoch, "trials": len(found), "mean": float(np.mean(found)), "best": best}


if __name__ == "__main__":
    main()
