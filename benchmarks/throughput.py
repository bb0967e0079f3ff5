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
import random
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

from benchmarks.limits import drawn
from models.core.runtime import versions
from models.core.seeds import derive_seed

PROJECT = Path(__file__).parent.parent
PEERS = {"keras": "keras", "kerastuner": "keras_tuner", "optuna-mlflow": "mlflow"}
VALIDATION, SEED = 0.1, 11


def main() -> None:
    parser = argparse.ArgumentParser(description="Side-by-side measurements of whole searches.")
    parser.add_argument("--dataset", required=True, metavar="FILE.npz", help="MNIST, or the like")
    parser.add_argument("--trials", type=int, default=24)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--peer-epochs", type=int, default=2, help="2 or more; fewer than --epochs are extended")
    parser.add_argument("--peers", default=",".join(PEERS), help="of " + ", ".join(PEERS))
    parser.add_argument("--rows", default="mnist,digits,breast_cancer,diabetes", help="the data sets to compare on")
    parser.add_argument("--turns", type=int, default=2, help="pieces that each side's trials are cut into")
    asked = parser.parse_args()
    compile_packages()
    report: dict[str, Any] = {"machine": machine()}
    print(json.dumps(report["machine"]), flush=True)
    peers, few = asked.peers.split(","), min(asked.peer_epochs, asked.epochs)
    jobs = {
        "mnist": Side(asked.dataset, asked.trials, asked.epochs, few, peers, asked.turns),
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


def compare(job: Side) -> dict[str, Any]:
    """Our side with two workers and with one, and each peer, in turns."""
    draw = random.Random(SEED)
    dataset, n_trials, epochs, turns = job.dataset, job.trials, job.timed_epochs, job.turns
    different: dict[str, dict[str, Any]] = {}  # a list study names each network once
    while len(different) < n_trials:
        trial = drawn(draw)
        different.setdefault(json.dumps(trial, sort_keys=True), trial)
    trials = list(different.values())
    peers = [peer for peer in job.peers if importlib.util.find_spec(PEERS[peer])]
    ours: list[dict[str, Any]] = []
    lines: dict[str, list[dict[str, Any]]] = {peer: [] for peer in peers}
    outside = dict.fromkeys(peers, 0.0)
    cpu = dict.fromkeys(peers, 0.0)
    for turn in range(turns):
        for workers in (2, 1):
            ours.append(search(dataset, trials, job.epochs, workers))
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
    return compared


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
        ((trial_seconds,),) = database.execute("SELECT AVG(value) FROM latest_metrics WHERE key = 'seconds'")

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


def print_table(report: dict[str, Any]) -> None:
    print(f"\n{'measure':<66}{'found':>10}  to reach")
    if "limits" in report:
        print_limits(report["limits"])
    goals = {"keras": "10 (aim 16)", "kerastuner": "10", "optuna-mlflow": "20"}
    for name, compared in report["compared"].items():
        print_compared(name, compared, goals)


def print_limits(found: dict[str, float]) -> None:
    row("step at width 32, batch 16 (empty step of the same graph)", f"{found['step_us']:.0f} us", "100 us")
    row("  the empty step", f"{found['empty_step_us']:.0f} us", "")
    row("width 512, batch 256: share of a matrix product's rate", f"{found['share']:.0%}", "70%")
    row("worker's growth, 20th to 300th trial", f"{found['growth_mb']:.0f} MB", "< 50 MB")
    row("worker's peak on this data set", f"{found['peak_mb']:.0f} MB", "< 1200 MB")


def print_compared(name: str, compared: dict[str, Any], goals: dict[str, str]) -> None:
    both = [run for run in compared["ours"] if run["workers"] == 2]
    one = [run for run in compared["ours"] if run["workers"] == 1]
    seconds = float(np.mean([run["seconds"] for run in both]))
    row(f"{name}: ours, two workers, command to exit", f"{seconds:.1f} s", "")
    for what, key in (
        ("to the first result", "first_result_after"),
        ("again, nothing left to train", "again_seconds"),
    ):
        row(f"  {what}", f"{np.mean([run[key] for run in both]):.1f} s", "")
    for peer, timed_peer in compared["peers"].items():
        note = "" if timed_peer["epochs_timed"] == compared["epochs"] else f" ({timed_peer['epochs_timed']} ep., ext.)"
        goal = goals[peer] if name == "mnist" else "4"
        row(
            f"{name}: {peer}{note}, {timed_peer['seconds']:.0f} s, is slower by",
            f"{timed_peer['seconds'] / seconds:.1f}",
            goal,
        )
        if name == "digits":
            spent = float(np.mean([run["first_to_last"] for run in both]))
            row("digits: from first to last result, by", f"{timed_peer['first_to_last'] / spent:.1f}", "8")
        row(f"  it reaches, mean and best {shown(timed_peer['reached'])}", "", "")
    row(f"  ours reach, mean and best {shown(compared['reached_by_ours'])}", "", "")
    row(f"  ours reach, mean and best {shown(compared['at_the_end_by_ours'])}", "", "")
    clock = np.mean([run["seconds"] for run in one]) / seconds
    work = 2 * np.mean([run["cpu_seconds"] for run in one]) / np.mean([run["cpu_seconds"] for run in both])
    goal = ("1.7", "1.9") if name == "mnist" else ("", "")
    row(f"{name}: two workers against one, on the clock", f"{clock:.2f}", goal[0])
    row(f"{name}: the same, by CPU seconds", f"{work:.2f}", goal[1])
    driver = compared["driver_seconds_a_trial"]
    row(f"{name}: driver's CPU seconds a trial", f"{driver:.3f} s", "0.15 s")
    share = driver / float(np.mean([run["trial_seconds"] for run in both]))
    row("  as a share of what a trial trains", f"{share:.1%}", "5%" if name == "mnist" else "")


def row(name: str, found: str, goal: str) -> None:
    print(f"{name:<66}{found:>10}  {goal}")


def shown(scores: dict[str, float]) -> str:
    return f"after epoch {scores['epoch']:.0f}: {scores['mean']:.4f}, {scores['best']:.4f}"


if __name__ == "__main__":
    main()
