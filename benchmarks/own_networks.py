"""A network of the user's own against KerasTuner with the same function: whole jobs, in turns, on MNIST.

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.own_networks --dataset mnist.npz

Our side is the whole command with two workers, everything tracked and every model logged. KerasTuner has both cores,
tracks nothing, and trains the same networks that our search drew. KerasTuner is timed on --peer-epochs epochs a trial,
and the time of its last epoch stands for the other epochs. Prints seconds a trial of each turn, and the ratio of means.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.timing import PROJECT, compile_packages, last_line, timed

NETWORKS = {"residual": "examples/residual.py", "cnn": "examples/cnn.py"}
SEED = 3

_PEER = """
import functools, inspect, json, sys, time
import numpy as np, keras, keras_tuner, importlib.util
file, data, epochs, drawn = sys.argv[1], sys.argv[2], int(sys.argv[3]), json.loads(sys.argv[4])
spec = importlib.util.spec_from_file_location("users", file); module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
with np.load(data) as arrays:
    x, y = arrays["x_train"].astype("float32") / 255, arrays["y_train"]
held = len(x) // 10
build = module.build_model
if "input_shape" in inspect.signature(build).parameters:
    build = functools.partial(build, input_shape=x.shape[1:])
else:  # of images with a channel
    x = x[..., None]
class Clock(keras.callbacks.Callback):
    ends = []
    def on_train_begin(self, logs=None): self.ends.append([time.perf_counter()])
    def on_epoch_end(self, epoch, logs=None): self.ends[-1].append(time.perf_counter())
    def __deepcopy__(self, memo): return self
class Drawn(keras_tuner.oracles.RandomSearchOracle):
    def populate_space(self, trial_id):
        return {"status": "RUNNING", "values": drawn[len(self.start_order)]}
oracle = Drawn(objective="val_accuracy", max_trials=len(drawn))
tuner = keras_tuner.Tuner(oracle, build, directory=".", project_name="peer", overwrite=True)
tuner.search(x[held:], y[held:], epochs=epochs, validation_data=(x[:held], y[:held]), callbacks=[Clock()], verbose=0)
print(json.dumps([np.diff(times).tolist() for times in Clock.ends]))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="A network of the user's own against KerasTuner.")
    parser.add_argument("--dataset", required=True, metavar="FILE.npz", help="MNIST, or the like")
    parser.add_argument("--networks", default=",".join(NETWORKS), help="of " + ", ".join(NETWORKS))
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--peer-epochs", type=int, default=2)
    parser.add_argument("--turns", type=int, default=2)
    asked = parser.parse_args()
    compile_packages()
    for name in asked.networks.split(","):
        file, data = PROJECT / NETWORKS[name], Path(asked.dataset).resolve()
        ours, theirs = [], []
        for turn in range(asked.turns):
            seconds, drawn = our_seconds(file, data, asked.trials, asked.epochs, SEED + turn)
            ours.append(seconds / asked.trials)
            theirs.append(peer_seconds(file, data, asked, drawn) / asked.trials)
            print(json.dumps({"network": name, "turn": turn, "ours": ours[-1], "kerastuner": theirs[-1]}), flush=True)
        print(f"{name}: KerasTuner takes {np.mean(theirs) / np.mean(ours):.1f} times as long a trial")


def our_seconds(
    file: Path, data: Path, trials: int, epochs: int, seed: int
) -> tuple[float, list[dict[str, int | float | str | bool]]]:
    """Seconds of the whole command, and the parameters that each trial drew."""
    study = {
        "data": {"dataset": str(data), "validation": 0.1}, "network": f"{file}:build_model", "sampler": "random",
        "trials": trials, "seed": seed, "training": {"epochs": epochs},
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "bench.yaml").write_text(json.dumps(study))
        command = [sys.executable, "-m", "search", "--study", "bench.yaml", "--workers", "2"]
        seconds = float(timed(command, folder)["seconds"])
        kept = next(Path(folder).rglob("own_space.json"))
        return seconds, [row["parameters"] for row in json.loads(kept.read_text())["rows"]]


def peer_seconds(
    file: Path, data: Path, asked: argparse.Namespace, drawn: list[dict[str, int | float | str | bool]]
) -> float:
    """Seconds of the whole job on the networks `drawn`, extended from the timed epochs to all epochs."""
    few = min(asked.peer_epochs, asked.epochs)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", _PEER, str(file), str(data), str(few), json.dumps(drawn)]
        ended = timed(command, folder)
    lasts = [epochs[-1] for epochs in last_line(ended)]
    return float(ended["seconds"]) + (asked.epochs - few) * sum(lasts)


if __name__ == "__main__":
    main()
