"""How seconds a trial grow with trials, rows, parameters and workers: a picture, and its numbers as a JSON line.

    python -m benchmarks.growth --dataset mnist.npz --picture docs/pictures/growth.png

By rows and by parameters, an epoch of a trial is timed on one thread, beside the time that its matrix products alone
would take at this machine's rate (benchmarks.limits). By trials, the driver's own work is timed with made-up results of
the size of real ones (benchmarks.engine). By workers, whole searches are timed.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.draws import different, products_flop
from benchmarks.engine import run_session, windows
from benchmarks.limits import product_rate
from benchmarks.throughput import SEED, search
from benchmarks.timing import machine

ROWS = (1_000, 3_000, 10_000, 30_000, 54_000)
WIDTHS = (1, 4, 13, 40, 126, 400, 1258)  # of one hidden layer on 784 features: 1e3 to 1e6 parameters
WIDTH, BATCH = 128, 128
Points = list[tuple[float, float, float]]
"""Points (place on the axis, measured seconds, limit in seconds)."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Seconds a trial against what makes a search larger.")
    parser.add_argument("--dataset", required=True, metavar="FILE.npz", help="MNIST, or the like")
    parser.add_argument("--trials", type=int, default=5000, help="of the driver's measurement")
    parser.add_argument("--picture", default="growth.png", metavar="FILE.png")
    asked = parser.parse_args()
    found = {"trials": by_trials(asked.trials), "workers": by_workers(asked.dataset)} | by_size(asked.dataset)
    Path(asked.picture).write_bytes(picture(found))
    print(json.dumps({"machine": machine()} | found))


def by_size(dataset: str) -> dict[str, Points]:
    """Seconds of a trial's epoch, by rows and by parameters."""
    rate = product_rate() * 1e9
    from models.core.config import TrialConfig
    from models.data.sources import load_dataset
    from models.data.splits import split_dataset
    from models.training.resident import PreparedData, prepare
    from models.training.trial import run_trial

    whole = prepare(split_dataset(load_dataset(dataset), 0.1, SEED))
    assert isinstance(whole, PreparedData)

    def point(where: float, width: int, rows: int) -> tuple[float, float, float]:
        data = whole
        if rows < whole.x["train"].shape[0]:
            cut = {"train": slice(rows), "validation": slice(rows // 9), "test": slice(rows // 5)}
            parts = {
                kind: {part: values[part][keep] for part, keep in cut.items()}
                for kind, values in (("x", whole.x), ("y", whole.y), ("truth", whole.truth))
            }
            data = PreparedData(**{**vars(whole), **parts})
        epochs = 6
        values = {"width": width, "batch_size": BATCH, "epochs": epochs}
        ends: list[float] = []
        run_trial(TrialConfig.from_parameters(values), data, 1, lambda _: ends.append(time.process_time()))
        counted = {part: int(data.x[part].shape[0]) for part in ("train", "validation")}
        flop = products_flop(values, counted, data.n_features, data.n_outputs)
        return where, (ends[-1] - ends[0]) / (epochs - 1), flop / rate

    n, k = whole.n_features, whole.n_outputs
    every = int(whole.x["train"].shape[0])
    return {
        "rows": [point(rows, WIDTH, rows) for rows in ROWS if rows <= every],
        "parameters": [point(width * (n + k + 1) + k, width, every) for width in WIDTHS],
    }


def by_trials(trials: int) -> Points:
    """The driver's CPU seconds a trial, at the end of each window; the limit is that of the first window."""
    with tempfile.TemporaryDirectory() as folder:
        marks = run_session(folder, trials)["marks"]
    found = windows(marks, max(100, trials // 10))
    first = found[0]["cpu"]
    return [(each["from"] + max(100, trials // 10), each["cpu"], first) for each in found]


def by_workers(dataset: str) -> Points:
    """Seconds a trial of whole searches; the limit is one worker's time divided by the number of workers."""
    trials = different(SEED, 12)
    seconds = {workers: search(dataset, trials, 5, workers)["seconds"] / len(trials) for workers in (1, 2)}
    return [(workers, taken, seconds[1] / workers) for workers, taken in seconds.items()]


def picture(found: dict[str, Any]) -> bytes:
    """Four panels on logarithmic axes; the limits are dashed."""
    from analysis.figures.style import DARK, MIDDLE, column_figure, frame, png

    panels = (
        ("rows", "an epoch, by training rows", "training rows", "matrix products alone"),
        ("parameters", "an epoch, by parameters", "parameters", "matrix products alone"),
        ("trials", "the driver's CPU a trial", "trials so far", "as at the beginning"),
        ("workers", "a trial of a whole search", "workers", "shared by all evenly"),
    )
    figure, columns = column_figure(2, 4.2, 5.6, "Seconds: measured, and the limit")
    axes = [each for column in columns for each in column.subplots(2, 1)]
    for one, (name, title, label, limit) in zip(axes, (panels[0], panels[2], panels[1], panels[3]), strict=True):
        where, seconds, limits = zip(*found[name], strict=True)
        frame(one, title, 4.0)
        one.plot(where, seconds, "o-", color=DARK, markersize=4, label="measured")
        one.plot(where, limits, "--", color=MIDDLE, label=limit)
        one.set_xscale("linear" if name == "workers" else "log")
        if name == "workers":
            one.set_xticks(where)
        if name in ("rows", "parameters"):
            one.set_yscale("log")
        else:
            one.set_ylim(0, 1.15 * max(*seconds, *limits))
        one.set_xlabel(label)
        one.set_ylabel("seconds")
        one.legend(fontsize=8)
    return png(figure)


if __name__ == "__main__":
    main()
