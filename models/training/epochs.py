"""The course of every trial, once its network is built: epochs, early stopping, the kept weights, the scores.

The caller says how an epoch is trained and a part evaluated: by the shared graph of the built-in networks, by the graph
of one network, or by Model.fit.
"""

import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf

from models.core import names, states
from models.core.clock import now_ms
from models.core.config import Config
from models.core.results import SCORED_PARTS, EpochReport, TrialFailed, TrialResult
from models.core.runtime import without_harmless_warnings
from models.data.dataset import PARTS, Array
from models.networks.saving import keras_file, weights_sha256
from models.tasks.metrics import metric_of
from models.tasks.objective import check_monitor
from models.tasks.task import Task
from models.training.evaluation import Evaluation
from models.training.resident import Batches, PreparedData

Report = Callable[[EpochReport], None]


class EpochTrainer(Protocol):
    """Trains a network in place, one epoch a call."""

    @property
    def batches(self) -> Batches:
        """How epochs take the training rows."""

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """Trains one epoch, counted from 1; returns `loss` and, of classes, `accuracy`: Keras' running means."""


@dataclass(frozen=True)
class Rules:
    """When a training ends and which of its weights are kept; models.core.parameters describes each by its name."""

    epochs: int
    patience: int
    monitor: str
    keep: str
    train_metrics: str = "last"

    @classmethod
    def of(cls, config: Config) -> "Rules":
        """The rules of a trial's configuration."""
        return cls(config.epochs, config.patience, config.monitor, config.keep, config.train_metrics)


@dataclass(frozen=True)
class Trained:
    """A network and the ways to train, measure and save it."""

    network: keras.Model
    trainer: EpochTrainer
    evaluate: Callable[[str], Evaluation]
    """From a part of the data to the network's loss and outputs on it."""
    serving: Callable[[], keras.Model]
    """Makes the model of raw inputs."""
    finish: Callable[[], None] = lambda: None
    """Applied to the last epoch's weights before they are kept."""
    trained_by: str = ""
    """As models.core.results.TrialResult has it."""


@contextmanager
def trial_of_its_own() -> Iterator[None]:
    """Lets a trial leave no circles of objects behind, and ends one that lacked memory as "out of memory"."""
    try:
        with without_harmless_warnings():
            yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise TrialFailed(states.OUT_OF_MEMORY, str(error).splitlines()[0] if str(error) else "") from error
    finally:
        # Keras' layers refer to each other in circles. Objects of imports are exempt (models.core.runtime.settle).
        gc.collect()


def compile_for(model: keras.Model, optimizer: keras.optimizers.Optimizer, classes: bool) -> None:
    """Compiles `model` with its task's loss; for integer labels where the task has classes."""
    loss = "sparse_categorical_crossentropy" if classes else "mean_squared_error"
    model.compile(optimizer, loss, metrics=["accuracy"] if classes else None)


def run_epochs(
    trained: Trained,
    data: PreparedData,
    rules: Rules,
    report: Report,
    callbacks: Sequence[keras.callbacks.Callback],
    began: float,
) -> tuple[TrialResult, Array]:
    """Trains to the end; `began` is the trial's beginning by time.perf_counter.

    Returns the result, and the kept network's answers to the test part (rows, outputs).

    Raises:
        TrialFailed: the loss became infinite or NaN.
        TrialStopped: `report` raised it.
    """
    network, trainer = trained.network, trained.trainer
    measures, best = _Measures(trained, data, rules), _Best(network, rules, data.task)
    listeners = keras.callbacks.CallbackList(
        list(callbacks), model=network, epochs=rules.epochs, steps=trainer.batches.steps, verbose=0
    )
    history: list[EpochReport] = []
    network.stop_training = False
    listeners.on_train_begin()
    for epoch in range(1, rules.epochs + 1):
        listeners.on_epoch_begin(epoch - 1)
        metrics = trainer.run_epoch(epoch) | measures.after_epoch()
        wrong = [f"{name} is {value}" for name, value in metrics.items() if not math.isfinite(value)]
        if wrong:
            raise TrialFailed(states.DIVERGED, f"epoch {epoch}: {', '.join(wrong)}")
        best.note(epoch, metrics)
        history.append(EpochReport(epoch, metrics, now_ms()))
        report(history[-1])
        listeners.on_epoch_end(epoch - 1, dict(metrics))
        if network.stop_training or best.patience_is_over:
            break
    if rules.keep == "last":
        trained.finish()
    listeners.on_train_end(dict(history[-1].metrics))
    if rules.keep == "best":
        network.set_weights(best.weights)
    kept = best.epoch if rules.keep == "best" else len(history)
    return _finished(trained, data, measures, history, kept, began)


def _finished(
    trained: Trained, data: PreparedData, measures: "_Measures", history: list[EpochReport], kept: int, began: float
) -> tuple[TrialResult, Array]:
    """The result of a trained network that has the weights of epoch `kept`, and its answers to the test part."""
    network = trained.network
    scores, answers = measures.at_the_end()
    if not all(map(math.isfinite, scores.values())):
        raise TrialFailed(states.DIVERGED, f"final scores: {scores}")
    result = TrialResult(
        history=tuple(history),
        best_epoch=kept,
        scores=scores,
        evidence={part: data.task.evidence(data.truth[part], answers[part]) for part in SCORED_PARTS},
        n_parameters=network.count_params(),
        n_trainable=sum(int(np.prod(variable.shape)) for variable in network.trainable_variables),
        seconds=time.perf_counter() - began,
        weights_sha256=weights_sha256(network),
        model=keras_file(trained.serving()),
        trained_by=trained.trained_by,
    )
    return result, answers["test"]


class _Measures:
    """The metrics of a network in inference mode, after each epoch and of the kept weights."""

    def __init__(self, trained: Trained, data: PreparedData, rules: Rules) -> None:
        self._trained, self._data = trained, data
        self._train_metrics = rules.train_metrics
        self._all = data.task.metrics
        self._cheap = tuple(name for name in self._all if name not in data.task.costly)
        looked_at = {rules.monitor, data.objective}
        self._each_epoch = tuple(name for name in self._all if name in self._cheap or names.VAL + name in looked_at)

    def after_epoch(self) -> dict[str, float]:
        """The metrics of the validation part, and with train_metrics "each" also of the two other parts."""
        metrics = self._on("validation", self._each_epoch)[0]
        if self._train_metrics == "each":
            metrics |= self._on("train", self._cheap)[0] | self._on("test", self._cheap)[0]
        return metrics

    def at_the_end(self) -> tuple[dict[str, float], dict[str, Array]]:
        """The metrics of all parts, and the network's answers to each part."""
        final = {part: self._on(part, self._cheap if part == "train" else self._all) for part in PARTS}
        scores = {name: value for found, _ in final.values() for name, value in found.items()}
        return scores, {part: answers for part, (_, answers) in final.items()}

    def _on(self, part: str, wanted: tuple[str, ...]) -> tuple[dict[str, float], Array]:
        """The metrics `wanted`, under the part's prefix, and the network's answers in the user's units."""
        found, targets = self._trained.evaluate(part), self._data.preprocessing.targets
        outputs = found.outputs if targets is None else targets.in_units(found.outputs)
        with np.errstate(over="ignore", invalid="ignore"):  # a network that diverges has such answers
            scores = self._data.task.scores(self._data.truth[part], outputs, found.loss, wanted)
        return {names.PREFIXES[part] + name: value for name, value in scores.items()}, outputs


class _Best:
    """The epoch that the monitored metric was best at, the earliest one on ties, and its weights."""

    def __init__(self, network: keras.Model, rules: Rules, task: Task) -> None:
        self._network, self._rules = network, rules
        self._sign = -1 if metric_of(check_monitor(rules.monitor, task.kind)).direction == "maximize" else 1
        self._value, self._waited = math.inf, 0
        self.epoch = 0
        self.weights: list[Array] = []
        """The weights of that epoch; empty where the last weights are kept."""

    def note(self, epoch: int, metrics: Mapping[str, float]) -> None:
        value = self._sign * metrics[self._rules.monitor]
        self._waited += 1
        if value < self._value:
            self.epoch, self._value, self._waited = epoch, value, 0
            if self._rules.keep == "best":
                self.weights = self._network.get_weights()

    @property
    def patience_is_over(self) -> bool:
        return bool(self._rules.patience) and self._waited >= self._rules.patience
