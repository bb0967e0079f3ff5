"""What every trial does once its network and its trainer stand: epochs, early stopping, the kept weights, the scores.

How an epoch is trained and a part evaluated is the caller's: the shared graph of the built-in networks, the graph of
one network, or Model.fit.
"""

import gc
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf

from models.core import names, states
from models.core.clock import now_ms
from models.core.results import SCORED_PARTS, EpochReport, TrialFailed, TrialResult
from models.core.runtime import without_harmless_warnings
from models.data.dataset import PARTS, Array
from models.networks.saving import keras_file, weights_sha256
from models.tasks.metrics import metric_of
from models.tasks.objective import check_monitor
from models.training.evaluation import Evaluation
from models.training.resident import PreparedData

Report = Callable[[EpochReport], None]


class EpochTrainer(Protocol):
    """Trains a network in place, one epoch a call."""

    @property
    def steps(self) -> int:
        """Steps an epoch, the smaller last one included."""

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """Trains one epoch, counted from 1; returns `loss` and, of classes, `accuracy`: Keras' running means."""


@dataclass(frozen=True)
class Rules:
    """When a training ends and which of its weights are kept; the parameters of these names say what each means."""

    epochs: int
    patience: int
    monitor: str
    keep: str
    train_metrics: str = "last"


@dataclass(frozen=True)
class Trained:
    """What is trained: `evaluate` measures a part of the data, `serving` makes the model of raw inputs."""

    network: keras.Model
    trainer: EpochTrainer
    evaluate: Callable[[str], Evaluation]
    serving: Callable[[], keras.Model]
    finish: Callable[[], None] = lambda: None
    """What is done to the last epoch's weights before they are kept."""
    trained_by: str = ""
    """As models.core.results.TrialResult has it."""


@contextmanager
def trial_of_its_own() -> Iterator[None]:
    """A trial leaves no circles of objects behind, and ends with the word for a memory that was not enough."""
    try:
        with without_harmless_warnings():
            yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise TrialFailed(states.OUT_OF_MEMORY, str(error).splitlines()[0] if str(error) else "") from error
    finally:
        # Keras' layers refer to each other in circles; what import made is frozen out of this (models/core/runtime.py).
        gc.collect()


def run_epochs(
    trained: Trained,
    data: PreparedData,
    rules: Rules,
    report: Report,
    callbacks: Sequence[keras.callbacks.Callback],
    began: float,
) -> tuple[TrialResult, Array]:
    """Trains to the end; `began` is the trial's beginning by time.perf_counter. Also what it answers to the test part.

    Raises:
        TrialFailed: the loss became infinite or NaN.
        TrialStopped: `report` raised it.
    """
    network, trainer, task = trained.network, trained.trainer, data.task
    monitored = metric_of(check_monitor(rules.monitor, task.kind))
    listeners = keras.callbacks.CallbackList(
        list(callbacks), model=network, epochs=rules.epochs, steps=trainer.steps, verbose=0
    )

    def on(part: str, wanted: tuple[str, ...]) -> tuple[dict[str, float], Array]:
        """The metrics `wanted`, under the part's prefix, and the network's answers in the user's units."""
        found = trained.evaluate(part)
        outputs = found.outputs if data.targets is None else data.targets.in_units(found.outputs)
        with np.errstate(over="ignore", invalid="ignore"):  # of a network that diverges
            scores = task.scores(data.truth[part], outputs, found.loss, wanted)
        return {names.PREFIXES[part] + name: value for name, value in scores.items()}, outputs

    looked_at = {rules.monitor, data.objective}
    cheap = tuple(name for name in task.metrics if name not in task.costly)
    each_epoch = tuple(name for name in task.metrics if name in cheap or names.VAL + name in looked_at)
    history: list[EpochReport] = []
    best_epoch, best_value, best_weights, waited = 0, math.inf, [], 0
    network.stop_training = False
    listeners.on_train_begin()
    for epoch in range(1, rules.epochs + 1):
        listeners.on_epoch_begin(epoch - 1)
        metrics = trainer.run_epoch(epoch)
        metrics |= on("validation", each_epoch)[0]
        if rules.train_metrics == "each":
            metrics |= on("train", cheap)[0] | on("test", cheap)[0]
        wrong = [f"{name} is {value}" for name, value in metrics.items() if not math.isfinite(value)]
        if wrong:
            raise TrialFailed(states.DIVERGED, f"epoch {epoch}: {', '.join(wrong)}")
        value = metrics[rules.monitor] * (-1 if monitored.direction == "maximize" else 1)
        waited += 1
        if value < best_value:
            best_epoch, best_value, waited = epoch, value, 0
            if rules.keep == "best":
                best_weights = network.get_weights()
        history.append(EpochReport(epoch, metrics, now_ms()))
        report(history[-1])
        listeners.on_epoch_end(epoch - 1, dict(metrics))
        if network.stop_training or (rules.patience and waited >= rules.patience):
            break
    if rules.keep == "last":
        trained.finish()
    listeners.on_train_end(dict(history[-1].metrics))
    if rules.keep == "best":
        network.set_weights(best_weights)
    else:
        best_epoch = len(history)

    final = {part: on(part, cheap if part == "train" else task.metrics) for part in PARTS}
    scores = {name: value for found, _ in final.values() for name, value in found.items()}
    if not all(map(math.isfinite, scores.values())):
        raise TrialFailed(states.DIVERGED, f"final scores: {scores}")
    result = TrialResult(
        history=tuple(history),
        best_epoch=best_epoch,
        scores=scores,
        evidence={part: task.evidence(data.truth[part], final[part][1]) for part in SCORED_PARTS},
        n_parameters=network.count_params(),
        n_trainable=sum(int(np.prod(variable.shape)) for variable in network.trainable_variables),
        seconds=time.perf_counter() - began,
        weights_sha256=weights_sha256(network),
        model=keras_file(trained.serving()),
        trained_by=trained.trained_by,
    )
    return result, final["test"][1]
