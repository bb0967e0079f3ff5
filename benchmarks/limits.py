"""The cost of a training step beside the machine's limit, on one thread: `python -m benchmarks.limits DATASET`.

With the word `product` in place of a data set, only the rate of a matrix product is measured.
"""

import gc
import json
import random
import resource
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from benchmarks.draws import drawn
from models.core.runtime import prepare_process

ROUNDS = 4
PRODUCTS_FLOP = 2 * 256 * 784 * 512 * 200
"""The floating-point operations of a call of `matrix_product`."""


def main(dataset: str) -> None:
    prepare_process()
    import tensorflow as tf

    from models.data.sources import load_dataset
    from models.data.splits import split_dataset
    from models.training.trial import prepare

    data = prepare(split_dataset(load_dataset(dataset), 0.1, seed=7))
    x, y = data.x["train"], data.y["train"]
    gc.collect()
    few = tf.constant(x[:, :1]), y
    wide, narrow, empty, product = (
        epoch(512, 256, x, y), epoch(32, 16, x, y), epoch(1, 16, *few), matrix_product()
    )  # fmt: skip
    best: dict[str, float] = {}
    for _ in range(ROUNDS):  # in turns, and the best of each, so that other processes of the machine disturb least
        for name, run in (("wide", wide), ("narrow", narrow), ("empty", empty), ("product", product)):
            began = time.process_time()
            run()
            best[name] = min(best.get(name, 1e9), time.process_time() - began)
    rows, n = int(y.shape[0]), int(x.shape[1])
    steps = -(-rows // 16)
    # A step computes the hidden layer's output and kernel gradient, and three products of the output layer.
    training = (4 * n * 512 + 6 * 512 * data.n_outputs) * rows / best["wide"] / 1e9
    print(
        json.dumps(
            {
                "step_us": best["narrow"] / steps * 1e6,
                "empty_step_us": best["empty"] / steps * 1e6,
                "wide_gflops": training,
                "product_gflops": PRODUCTS_FLOP / best["product"] / 1e9,
                "share": training / (PRODUCTS_FLOP / best["product"] / 1e9),
                "peak_mb": peak_resident(),
                "growth_mb": growth(),
            }
        )
    )


def epoch(width: int, batch_size: int, x: Any, y: Any) -> Callable[[], Any]:
    """A function that trains an epoch at every call, traced already."""
    from models.core.config import TrialConfig
    from models.networks.mlp import build_network
    from models.training.epoch_graph import Trainer
    from models.training.fused_optimizers import make_optimizer
    from models.training.resident import TrainingRows

    config = TrialConfig.from_parameters({"width": width, "batch_size": batch_size})
    network = build_network(config, int(x.shape[1]), 10, seed=1)
    trainer = Trainer(network, make_optimizer(config), config, TrainingRows(x, y), seed=1)
    trainer.run_epoch(1)
    return lambda: trainer.run_epoch(2)


def matrix_product() -> Callable[[], Any]:
    """A function that computes 200 products of 256 x 784 and 784 x 512 matrices."""
    import tensorflow as tf

    a, b = (tf.random.stateless_uniform(shape, [1, 2]) for shape in ((256, 784), (784, 512)))

    @tf.function(autograph=False)
    def run() -> Any:
        def body(i: Any, total: Any) -> tuple[Any, Any]:
            # The first factor depends on the loop, because TensorFlow would compute a constant product only once.
            return i + 1, tf.matmul(a + total, b)[0, 0] * 0

        return tf.while_loop(lambda i, _: i < 200, body, (tf.constant(0), tf.constant(0.0)), parallel_iterations=1)

    run()
    return run


def product_rate() -> float:
    """GFLOP/s of one thread's matrix products, the best of several rounds: the machine's limit at the moment."""
    prepare_process()
    run = matrix_product()
    seconds = []
    for _ in range(3 * ROUNDS):
        began = time.process_time()
        run()
        seconds.append(time.process_time() - began)
    return PRODUCTS_FLOP / min(seconds) / 1e9


def growth(trials: int = 300) -> float:
    """MB by which this process grows from its 20th to its last trial of one epoch on digits."""
    from models.core.config import TrialConfig
    from models.core.results import TrialFailed
    from models.data.sources import load_dataset
    from models.data.splits import split_dataset
    from models.training.trial import prepare, run_trial

    data, draw, before = prepare(split_dataset(load_dataset("digits"), 0.1, seed=7)), random.Random(1), 0.0
    for number in range(1, trials + 1):
        with suppress(TrialFailed):
            run_trial(TrialConfig.from_parameters(drawn(draw) | {"epochs": 1}), data, number, lambda _: None)
        if number == 20:
            before = resident()
    return resident() - before


def peak_resident() -> float:
    """The peak memory in MB; getrusage's ru_maxrss would not do, because a process inherits it from its parent."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) / 1e3


def resident() -> float:
    """The memory of this process in MB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 1e6


if __name__ == "__main__":
    print(json.dumps(product_rate())) if sys.argv[1] == "product" else main(sys.argv[1])
