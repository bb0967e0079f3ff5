"""One trial: a configuration trained once on prepared data. Pure: no storage, no tracking, nothing left behind."""

import gc
import math
import time
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from models.core.clock import now_ms
from models.core.config import TrialConfig
from models.core.results import EpochReport, TrialFailed, TrialResult
from models.core.runtime import without_harmless_warnings
from models.core.seeds import derive_seed
from models.data.splits import PARTS
from models.networks.formula import Formula
from models.networks.mlp import build_network
from models.networks.saving import keras_file, weights_sha256, with_preprocessing
from models.tasks.classification import per_class
from models.training.epoch_graph import Trainer
from models.training.evaluation import Evaluation, evaluate
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
    try:
        with without_harmless_warnings():
            return _run(config, data, seed, report, callbacks)
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise TrialFailed("out of memory", str(error).splitlines()[0] if str(error) else "") from error
    finally:
        # Keras' layers refer to each other in circles; what import made is frozen out of this (models/core/runtime.py).
        gc.collect()


def _run(
    config: TrialConfig,
    data: PreparedData,
    seed: int,
    report: Report,
    callbacks: Sequence[keras.callbacks.Callback],
) -> TrialResult:
    began = time.perf_counter()
    formula = Formula.of(config)
    network = build_network(config, data.n_features, data.n_classes, derive_seed(seed, "weights"))
    optimizer = make_optimizer(config)
    if callbacks:
        network.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
        optimizer.build(network.trainable_variables)
    trainer = Trainer(network, optimizer, config, data.x["train"], data.y["train"], seed)
    listeners = keras.callbacks.CallbackList(
        list(callbacks), model=network, epochs=config.epochs, steps=trainer.steps, verbose=0
    )

    def on(part: str) -> Evaluation:
        return evaluate(network, formula, data.x[part], data.y[part], data.n_classes)

    history: list[EpochReport] = []
    best_epoch, best_value, best_weights, waited = 0, math.inf, [], 0
    network.stop_training = False
    listeners.on_train_begin()
    for epoch in range(1, config.epochs + 1):
        listeners.on_epoch_begin(epoch - 1)
        metrics = trainer.run_epoch(epoch)
        measured = {"val": on("validation")}
        if config.train_metrics == "each":
            measured |= {"train": on("train"), "test": on("test")}
        for name, evaluation in measured.items():
            metrics |= {f"{name}_loss": evaluation.loss, f"{name}_accuracy": evaluation.accuracy}
        wrong = [f"{name} is {value}" for name, value in metrics.items() if not math.isfinite(value)]
        if wrong:
            raise TrialFailed("diverged", f"epoch {epoch}: {', '.join(wrong)}")
        value = metrics[config.monitor] * (-1 if config.monitor.endswith("accuracy") else 1)
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

    final = {part: on(part) for part in PARTS}
    names = {"validation": "val"}
    scores = {f"{names.get(part, part)}_accuracy": evaluation.accuracy for part, evaluation in final.items()}
    scores |= {f"{names.get(part, part)}_loss": evaluation.loss for part, evaluation in final.items()}
    if not all(map(math.isfinite, scores.values())):
        raise TrialFailed("diverged", f"final scores: {scores}")
    confusion = {part: final[part].confusion for part in ("validation", "test")}
    serving = with_preprocessing(network, data.scaling, data.input_shape, data.input_dtype, data.reduction)
    return TrialResult(
        history=tuple(history),
        best_epoch=best_epoch,
        scores=scores,
        confusion=confusion,
        per_class={part: per_class(matrix) for part, matrix in confusion.items()},
        n_parameters=network.count_params(),
        n_trainable=sum(int(np.prod(variable.shape)) for variable in network.trainable_variables),
        seconds=time.perf_counter() - began,
        weights_sha256=weights_sha256(network),
        model=keras_file(serving),
    )
