"""The engine's cost beside the training: `python -m benchmarks.engine [--trials 5000]`.

A whole study runs through the real command with Optuna and MLflow on SQLite and made-up outcomes in place of the
training. Measured are the seconds a trial and the driver's memory in windows of 500 trials, the time to resume, and the
time of the pages of both UIs. Real workers, with one epoch a trial on digits, give the trials a second of 1, 2 and 4
workers. Prints a table and, last, one JSON line.
"""

import argparse
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.draws import drawn
from benchmarks.throughput import SEED, search
from benchmarks.throughput_table import row
from benchmarks.timing import last_line, machine, timed
from models.core.clock import now_ms
from models.core.results import LOSSES, EpochReport, TrialResult
from models.core.seeds import derive_seed
from search.command_line.options import read_options
from search.workers.engine import Done, Epoch, Event, Started
from search.workers.job import Job
from search.workers.outcome import Outcome

EPOCHS, CLASSES = 10, 10
MODEL_BYTES, PICTURE_BYTES = 50_000, 60_000  # the sizes of a small network on digits, and of its picture
STUDY = """
sampler: random
seed: 5
space:
  width: [8, 16, 32, 64, 128, 256]
  dropout: [0.0, 0.1, 0.2, 0.3, 0.5]
  activation: [relu, elu, sigmoid, tanh]
  learning_rate: {low: 1e-4, high: 1e-1, log: true}
  batch_size: [16, 32, 64, 128]
"""


def made_up(job: Job) -> Outcome:
    """An outcome of the size of a real one, as a function of the job."""
    draw = np.random.default_rng(derive_seed(job.seed, "made-up"))
    best = 0.6 + 0.39 * draw.beta(4, 2)
    now = int(time.time() * 1000)
    history = tuple(
        EpochReport(
            epoch,
            {"loss": 1 / epoch, "accuracy": best, "val_loss": 1.1 / epoch, "val_accuracy": best * (1 - 0.5**epoch)},
            now + epoch,
        )
        for epoch in range(1, EPOCHS + 1)
    )
    matrix = draw.integers(0, 30, (CLASSES, CLASSES)).tolist()
    names = ("precision", "recall", "f1", "specificity")
    per_class = [{"class": k, **dict.fromkeys(names, 0.9), "support": 30} for k in range(CLASSES)]
    result = TrialResult(
        history=history,
        best_epoch=EPOCHS,
        scores={f"{part}_accuracy": best for part in ("val", "test", "train")} | dict.fromkeys(LOSSES, 0.3),
        evidence={part: {"confusion": matrix, "per_class": per_class} for part in ("validation", "test")},
        n_parameters=1000 + int(job.config.width[0]) * 75,
        n_trainable=1000,
        seconds=0.5,
        weights_sha256=f"{derive_seed(job.seed, 'weights'):064x}",
        model=draw.bytes(MODEL_BYTES),
    )
    return Outcome(
        job.number, job.attempt, "complete", job.seed, job.config.hash(), history=history, result=result,
        picture=draw.bytes(PICTURE_BYTES), started_ms=now, ended_ms=now + EPOCHS,
    )  # fmt: skip


class MadeUpEngine:
    """Ends every job at once with a made-up outcome, and notes the time of each submission."""

    def __init__(self, slots: int = 2) -> None:
        self._slots = slots
        self._running: list[Job] = []
        self.marks: list[tuple[float, float, float]] = []
        """One for each submission: seconds on the clock, CPU seconds, MB of memory."""

    def start(self) -> None:
        return

    def free(self) -> int:
        return self._slots - len(self._running)

    def room(self) -> int:
        return self.free()

    def submit(self, job: Job) -> None:
        self._running.append(job)
        self.marks.append((time.time(), time.process_time(), psutil.Process().memory_info().rss / 1e6))

    def events(self, timeout: float) -> list[Event]:
        if not self._running:
            return []
        outcome = self.outcome(self._running.pop(0))
        reports = (Epoch(outcome.number, outcome.attempt, report) for report in outcome.history)
        return [Started(outcome.number, outcome.attempt, now_ms()), *reports, Done(outcome)]

    def outcome(self, job: Job) -> Outcome:
        """How the job ends."""
        return made_up(job)

    def close(self) -> None:
        return


def session(trials: int) -> None:
    """Runs one command in this process and the working directory, and prints its engine's marks as a JSON line."""
    from rich.console import Console

    from search.commands import session as real

    engine = MadeUpEngine()

    options = read_options(["--study", "made-up.yaml", "--trials", str(trials)])
    code = real.run_search(options, Console(stderr=True), make=lambda *asked: engine)  # type: ignore[arg-type]
    print(json.dumps({"code": code, "marks": engine.marks, "submitted": len(engine.marks)}))


def run_session(folder: str, trials: int) -> dict[str, Any]:
    Path(folder, "made-up.yaml").write_text(STUDY)
    ended = timed([sys.executable, "-m", "benchmarks.engine", "--session", str(trials)], folder)
    marked: dict[str, Any] = last_line(ended)
    return ended | marked


def windows(marks: list[tuple[float, float, float]], size: int) -> list[dict[str, float]]:
    """For each window of `size` trials: seconds and CPU seconds a trial, and the memory at its end."""
    found = []
    for start in range(0, len(marks) - size, size):
        (clock, cpu, _), (later, later_cpu, memory) = marks[start], marks[start + size]
        found.append(
            {"from": start, "seconds": (later - clock) / size, "cpu": (later_cpu - cpu) / size, "megabytes": memory}
        )
    return found


def scale(trials: int) -> dict[str, Any]:
    """Measures a study of `trials` trials, the same command again, ten trials more, and the pages of both UIs."""
    with tempfile.TemporaryDirectory() as folder:
        whole = run_session(folder, trials)
        again = run_session(folder, trials)
        more = run_session(folder, trials + 10)
        assert (whole["submitted"], again["submitted"], more["submitted"]) == (trials, 0, 10)
        marks = whole["marks"]
        return {
            "windows": windows(marks, min(500, trials // 5)),
            "to_first_trial": marks[0][0] - whole["began_at"],
            "report_after_last_trial": whole["began_at"] + whole["seconds"] - marks[-1][0],
            "again": again["seconds"],
            "resumed": more["marks"][0][0] - more["began_at"],
            "more": more["seconds"],
            "pages": pages(folder),
            "disk_mb": sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file()) / 1e6,
        }


def pages(folder: str) -> dict[str, float]:
    """Page of a UI -> seconds of the second of two requests for its data."""
    found = {}
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", "sqlite:///mlflow.db", "--workers", "1"]
    with server(command, folder) as url:
        experiments = post(f"{url}/api/2.0/mlflow/experiments/search", {"max_results": 10})["experiments"]
        ids = [each["experiment_id"] for each in experiments]
        newest = {"experiment_ids": ids, "max_results": 100, "order_by": ["attributes.start_time DESC"]}
        asked = {
            "mlflow_first_page": newest,
            "mlflow_study": newest | {"filter": "tags.study = 'made-up'"},
            "mlflow_study_by_score": newest
            | {"filter": "tags.study = 'made-up'", "order_by": ["metrics.val_accuracy DESC"]},
        }
        for name, body in asked.items():
            found[name] = seconds_of(lambda body=body: post(f"{url}/api/2.0/mlflow/runs/search", body))
    dashboard = str(Path(sys.executable).with_name("optuna-dashboard"))
    with server([dashboard, "sqlite:///optuna.db"], folder) as url:
        began = time.perf_counter()
        get(f"{url}/api/studies/1?after=0")
        found["optuna_first"] = time.perf_counter() - began
        found["optuna_study"] = seconds_of(lambda: get(f"{url}/api/studies/1?after=0"))
    return found


@contextmanager
def server(command: list[str], folder: str) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    process = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", str(port)], cwd=folder, env=environment,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        until = time.monotonic() + 60
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if time.monotonic() > until or process.poll() is not None:
                raise SystemExit(f"{command[:3]} must come up within 60 s")
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, 15)
        process.wait()


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=120) as answer:
        return json.loads(answer.read())


def post(url: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.loads(answer.read())


def seconds_of(ask: Any) -> float:
    ask()
    began = time.perf_counter()
    ask()
    return time.perf_counter() - began


def workers(counts: list[int], trials: int) -> list[dict[str, float]]:
    """Measures whole searches on digits with one epoch a trial, one for each count of workers."""
    draw = random.Random(SEED)
    configurations = [drawn(draw) for _ in range(trials)]
    found = []
    for count in counts:
        run = search("digits", configurations, 1, count)
        found.append(
            {
                "workers": count,
                "trials_a_second": (trials - 1) / run["first_to_last"],
                "driver_cpu": run["driver_seconds_a_trial"],
                "command_to_exit": run["seconds"],
            }
        )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="What the engine costs beside the training.")
    parser.add_argument("--trials", type=int, default=5000, help="with made-up outcomes")
    parser.add_argument("--workers", default="1,2,4", help="counts of real workers, or nothing")
    parser.add_argument("--worker-trials", type=int, default=60)
    parser.add_argument("--session", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.session:
        return session(asked.session)
    report: dict[str, Any] = {"machine": machine(), "trials": asked.trials}
    counts = [int(count) for count in asked.workers.split(",") if count]
    if asked.trials:
        report |= scale(asked.trials)
    report["workers"] = workers(counts, asked.worker_trials)
    print_table(report)
    print(json.dumps(report))
    return None


def print_table(report: dict[str, Any]) -> None:
    print(f"{'measure':<66}{'found':>10}  to reach")
    for window in report.get("windows", ()):
        name = f"seconds a trial from trial {window['from']} (CPU {window['cpu']:.3f}, {window['megabytes']:.0f} MB)"
        row(name, f"{window['seconds']:.3f} s", "0.15 s")
    for key, name, goal in (
        ("to_first_trial", "command to first trial", ""),
        ("report_after_last_trial", "last trial to exit, with the report", ""),
        ("again", "the same command again, nothing left to do", "seconds"),
        ("resumed", "ten trials more: command to first trial", "seconds"),
        ("more", "ten trials more: command to exit", ""),
    ):
        if key in report:
            row(name, f"{report[key]:.1f} s", goal)
    goals = {"optuna_study": "(2 s at 2,000, 10 s at 10,000)", "mlflow_first_page": "2 s", "mlflow_study": "2 s"}
    for name, seconds in report.get("pages", {}).items():
        row(f"page: {name.replace('_', ' ')}", f"{seconds:.2f} s", goals.get(name, ""))
    for run in report["workers"]:
        row(f"{run['workers']} workers, digits, one epoch: trials a second", f"{run['trials_a_second']:.2f}", "")
        row("  driver's CPU seconds a trial", f"{run['driver_cpu']:.3f} s", "0.15 s")


if __name__ == "__main__":
    main()
