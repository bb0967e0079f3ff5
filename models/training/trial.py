"""One trial: a configuration trained once on prepared data. Pure: no storage, no tracking, nothing left behind."""

import gc
import math
import time
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from models.core import names, states
from models.core.clock import now_ms
from models.core.config import TrialConfig
from models.core.results import SCORED_PARTS, EpochReport, TrialFailed, TrialResult
from models.core.runtime import without_harmless_warnings
from models.core.seeds import derive_seed
from models.data.dataset import PARTS, Array
from models.networks.formula import Formula
from models.networks.mlp import build_network
from models.networks.saving import keras_file, weights_sha256, with_preprocessing
from models.tasks.metrics import metric_of
from models.tasks.objective import check_monitor
from models.training.epoch_graph import Trainer
from models.training.evaluation import evaluate
from models.training.fused_optimizers import make_optimizer
from models.training.resident import PreparedData as PreparedData
from models.training.resident import prepare as prepare

Report = Callable[[EpochReport], None]


def run_trial(
    config: TrialConfig,
    data: PreparedData,
    seed: int,
    report: Report,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> TrialResult:
    """Trains `config`; `report` hears of each epoch at its end.

    The result follows bit for bit from `config`, `data` and `seed`, whatever the process did before. Keras' `callbacks`
    are called at the beginning and end of training and of each epoch, never for a batch.

    Raises:
        TrialFailed: the loss became infinite or NaN ("diverged"), or the memory was not enough ("out of memory").
        TrialStopped: `report` raised it.
    """
    return run_and_answer(config, data, seed, report, callbacks)[0]


def run_and_answer(
    config: TrialConfig,
    data: PreparedData,
    seed: int,
    report: Report,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> tuple[TrialResult, Array]:
    """As `run_trial`, and what the kept network answers to the test part (rows, outputs), in the user's units."""
    try:
        with without_harmless_warnings():
            return _run(config, data, seed, report, callbacks)
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise TrialFailed(states.OUT_OF_MEMORY, str(error).splitlines()[0] if str(error) else "") from error
    finally:
        # Keras' layers refer to each other in circles; what import made is frozen out of this (models/core/runtime.py).
        gc.collect()


def _run(
    config: TrialConfig,
    data: PreparedData,
    seed: int,
    report: Report,
    callbacks: Sequence[keras.callbacks.Callback],
) -> tuple[TrialResult, Array]:
    began = time.perf_counter()
    task, monitored = data.task, metric_of(check_monitor(config.monitor, data.task.kind))
    formula = Formula.of(config, task.loss, data.weights is not None)
    classes = task.loss == "cross-entropy"
    network = build_network(
        config,
        data.n_features,
        data.n_outputs,
        derive_seed(seed, "weights"),
        output="softmax" if classes else "linear",
    )
    optimizer = make_optimizer(config)
    if callbacks:
        loss = "sparse_categorical_crossentropy" if classes else "mean_squared_error"
        network.compile(optimizer, loss, metrics=["accuracy"] if classes else None)
        optimizer.build(network.trainable_variables)
    trainer = Trainer(network, optimizer, config, data.x["train"], data.y["train"], seed, task.loss, data.weights)
    listeners = keras.callbacks.CallbackList(
        list(callbacks), model=network, epochs=config.epochs, steps=trainer.steps, verbose=0
    )

    def on(part: str, wanted: tuple[str, ...]) -> tuple[dict[str, float], Array]:
        """The metrics `wanted`, under the part's prefix, and the network's answers in the user's units."""
        found = evaluate(network, formula, data.x[part], data.y[part])
        outputs = found.outputs if data.targets is None else data.targets.in_units(found.outputs)
        with np.errstate(over="ignore", invalid="ignore"):  # of a network that diverges
            scores = task.scores(data.truth[part], outputs, found.loss, wanted)
        return {names.PREFIXES[part] + name: value for name, value in scores.items()}, outputs

    looked_at = {config.monitor, data.objective}
    cheap = tuple(name for name in task.metrics if name not in task.costly)
    each_epoch = tuple(name for name in task.metrics if name in cheap or names.VAL + name in looked_at)
    history: list[EpochReport] = []
    best_epoch, best_value, best_weights, waited = 0, math.inf, [], 0
    network.stop_training = False
    listeners.on_train_begin()
    for epoch in range(1, config.epochs + 1):
        listeners.on_epoch_begin(epoch - 1)
        metrics = trainer.run_epoch(epoch)
        metrics |= on("validation", each_epoch)[0]
        if config.train_metrics == "each":
            metrics |= on("train", cheap)[0] | on("test", cheap)[0]
        wrong = [f"{name} is {value}" for name, value in metrics.items() if not math.isfinite(value)]
        if wrong:
            raise TrialFailed(states.DIVERGED, f"epoch {epoch}: {', '.join(wrong)}")
        value = metrics[config.monitor] * (-1 if monitored.direction == "maximize" else 1)
        waited += 1
        if value < best_value:
            best_epoch, best_value, waited = epoch, value, 0
            if config.keep == "best":
                best_weights = network.get_weights()
        history.append(EpochReport(epoch, metrics, now_ms()))
        report(history[-1])
        listeners.on_epoch_end(epoch - 1, dict(metrics))
        if network.stop_training or (config.patience and waited >= config.patience):
            break
    listeners.on_train_end(dict(history[-1].metrics))
    if config.keep == "best":
        network.set_weights(best_weights)
    else:
        best_epoch = len(history)

    final = {part: on(part, cheap if part == "train" else task.metrics) for part in PARTS}
    scores = {name: value for found, _ in final.values() for name, value in found.items()}
    if not all(map(math.isfinite, scores.values())):
        raise TrialFailed(states.DIVERGED, f"final scores: {scores}")
    serving = with_preprocessing(
        network, data.features, data.input_shape, data.input_dtype, data.reduction, data.targets
    )
    result = TrialResult(
        history=tuple(history),
        best_epoch=best_epoch,
        scores=scores,
        evidence={part: task.evidence(data.truth[part], final[part][1]) for part in SCORED_PARTS},
        n_parameters=network.count_params(),
        n_trainable=sum(int(np.prod(variable.shape)) for variable in network.trainable_variables),
        seconds=time.perf_counter() - began,
        weights_sha256=weights_sha256(network),
        model=keras_file(serving),
    )
    return result, final["test"][1]
