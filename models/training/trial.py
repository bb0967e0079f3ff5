"""One trial: a configuration trained once on prepared data. Pure: no storage, no tracking, nothing left behind."""

import time
from collections.abc import Sequence

import keras

from models.core import states
from models.core.config import TrialConfig
from models.core.memory import granted_bytes, readable_size
from models.core.results import TrialFailed, TrialResult
from models.core.seeds import derive_seed
from models.data.dataset import Array
from models.networks.formula import Formula
from models.networks.mlp import build_network, parameter_count
from models.networks.saving import with_preprocessing
from models.training.epoch_graph import Trainer
from models.training.epochs import Report as Report
from models.training.epochs import Rules, Trained, compile_for, run_epochs, trial_of_its_own
from models.training.evaluation import evaluate
from models.training.fused_optimizers import make_optimizer
from models.training.resident import PreparedData as PreparedData
from models.training.resident import TrainingRows
from models.training.resident import prepare as prepare


def run_trial(
    config: TrialConfig,
    data: PreparedData,
    seed: int,
    report: Report,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> TrialResult:
    """Trains `config`; `report` is called at the end of each epoch.

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
    """As `run_trial`; also the kept network's answers to the test part (rows, outputs), in the user's units."""
    with trial_of_its_own():
        return _run(config, data, seed, report, callbacks)


def _run(
    config: TrialConfig,
    data: PreparedData,
    seed: int,
    report: Report,
    callbacks: Sequence[keras.callbacks.Callback],
) -> tuple[TrialResult, Array]:
    began = time.perf_counter()
    _check_size(config, data)
    task = data.task
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
        compile_for(network, optimizer, classes)
        optimizer.build(network.trainable_variables)
    rows = TrainingRows(data.x["train"], data.y["train"], data.weights)
    trained = Trained(
        network,
        Trainer(network, optimizer, config, rows, seed, task.loss),
        evaluate=lambda part: evaluate(network, formula, data.x[part], data.y[part]),
        serving=lambda: with_preprocessing(network, data.preprocessing),
    )
    return run_epochs(trained, data, Rules.of(config), report, callbacks, began)


def _check_size(config: TrialConfig, data: PreparedData) -> None:
    """Raises TrialFailed when not even the parameters can be trained in the memory that this process may take."""
    count = parameter_count(config, data.n_features, data.n_outputs)[1]
    # Weights, gradients and the optimizer's state: two numbers a weight for Adam and Nadam, maybe none for the others.
    size = 4 * count * (4 if "adam" in config.optimizer else 2)
    granted = granted_bytes()
    if size > granted:
        takes, most = readable_size(size), readable_size(granted)
        said = f"{count:,} parameters take {takes} to train, of {most} that the worker may take"
        raise TrialFailed(states.OUT_OF_MEMORY, said)
