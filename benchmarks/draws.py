"""The configurations that searches are timed on, and the arithmetic of their training."""

import json
import random
from collections.abc import Mapping, Sequence
from typing import Any

# The random space of the class-room exercise, as in search/studies/mnist-random.yaml.
SPACE: dict[str, list[Any]] = {
    "batch_size": [16, 32, 64, 128, 256],
    "width": [8, 32, 128, 256, 512],
    "learning_rate": [1e-5, 1e-4, 1e-3, 1e-2, 1e-1],
    "activation": ["relu", "elu", "sigmoid", "tanh"],
    "dropout": [0.0, 0.1, 0.2, 0.3, 0.5, 0.6],
}


def drawn(draw: random.Random) -> dict[str, Any]:
    """One configuration of SPACE."""
    return {name: draw.choice(values) for name, values in SPACE.items()}


def different(seed: int, count: int) -> list[dict[str, Any]]:
    """`count` different configurations, because a list study names each network once."""
    draw, found = random.Random(seed), {}
    while len(found) < count:
        trial = drawn(draw)
        found.setdefault(json.dumps(trial, sort_keys=True), trial)
    return list(found.values())


def heavy_share(trials: Sequence[Mapping[str, Any]]) -> float:
    """The heaviest quarter's share of the work of all trials, which shows how uneven the draws are.

    The work of a trial is width / batch size, because a network of one hidden layer has parameters in proportion to
    its width, and an epoch has steps in proportion to 1 / batch size. The share is 0.25 where all trials are alike.
    """
    work = sorted((trial["width"] / trial["batch_size"] for trial in trials), reverse=True)
    return sum(work[: len(work) // 4]) / sum(work)


def products_flop(trial: Mapping[str, Any], rows: Mapping[str, int], n_features: int, n_outputs: int) -> float:
    """Floating-point operations of an epoch's matrix products in training and in the pass over the validation part.

    A training row takes the forward product and the kernel's gradient of the hidden layer (the input needs no
    gradient), and three products of the output layer. A validation row takes the two forward products. `rows`: part ->
    number of rows.
    """
    hidden, output = 2 * n_features * trial["width"], 2 * trial["width"] * n_outputs
    return rows["train"] * (2 * hidden + 3 * output) + rows["validation"] * (hidden + output)
