"""The measurements of benchmarks.throughput as a table beside the goals."""

from typing import Any

import numpy as np


def print_table(report: dict[str, Any]) -> None:
    print(f"\n{'measure':<66}{'found':>10}  to reach")
    if "limits" in report:
        print_limits(report["limits"])
    goals = {"keras": "13", "kerastuner": "12", "optuna-mlflow": "15"}
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
    seconds = float(np.median([run["seconds"] for run in both]))
    row(f"{name}: ours, two workers, command to exit", f"{seconds:.1f} s", "")
    share = float(np.median([run["share_of_limit"] for run in both]))
    row("  share of the limit (these draws' products alone, on both cores)", f"{share:.2f}", "0.6" * (name == "mnist"))
    row("  share of steps x parameters in the heaviest quarter of the draws", f"{compared['heavy_share']:.2f}", "")
    for what, key in (
        ("to the first result", "first_result_after"),
        ("again, nothing left to train", "again_seconds"),
    ):
        row(f"  {what}", f"{np.mean([run[key] for run in both]):.1f} s", "")
    for peer, timed_peer in compared["peers"].items():
        note = "" if timed_peer["epochs_timed"] == compared["epochs"] else f" ({timed_peer['epochs_timed']} ep., ext.)"
        goal = goals[peer] if name in ("mnist", "other") else "6" if name == "digits" else "4"
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
