"""One trial of a network of the user's own: as models.training.trial, with the same scores and the same promises."""

import time
from dataclasses import replace
from typing import Protocol

import keras
import tensorflow as tf

from models.core.config import OwnConfig
from models.core.results import TrialResult
from models.data.dataset import Array
from models.data.scaling import TableEncoding
from models.networks.feeding import Columns, Interface, Shape
from models.networks.own import OwnNetwork, build_own, globals_kept, operations_named
from models.networks.saving import around_network
from models.networks.tensorflow_internals import determinism
from models.networks.user_function import FitSettings, UserNetwork
from models.spaces.source import Source
from models.training.epochs import Report, Rules, Trained, compile_for, run_epochs, trial_of_its_own
from models.training.evaluation import ModelEvaluation
from models.training.fused_optimizers import named_optimizer
from models.training.keras_internals import name_metrics, uncompile
from models.training.model_fit import FIT, GRAPH, FitTrainer, path_of
from models.training.model_graph import GraphTrainer, NotTraceable
from models.training.resident import Batches, PreparedData, TrainingRows


class Builder(Protocol):
    """The maker of one trial's network: models.networks.user_function.UserNetwork, or a test's own."""

    @property
    def fits(self) -> FitSettings:
        """The settings that the network asked for in the last call of `build`."""

    def build(self) -> keras.Model:
        """The network, made anew in each call."""


def run_users(
    config: OwnConfig, data: PreparedData, seed: int, report: Report, *, source: Source, number: int
) -> tuple[TrialResult, Array]:
    """As models.training.trial.run_and_answer, for the network that the user's own function builds.

    Raises:
        ConfigError, TrialFailed, TrialStopped: as `run_own_trial`. Errors of the function itself come through.
    """
    given = {"input_shape": interface_of(data).shape, "n_outputs": data.n_outputs}
    return run_own_trial(UserNetwork(source, given, seed, dict(config.asked), number), config, data, seed, report)


def run_own_trial(
    network: Builder, config: OwnConfig, data: PreparedData, seed: int, report: Report
) -> tuple[TrialResult, Array]:
    """Trains the network that `network` builds; `report` is called at the end of each epoch.

    Returns the result, and the kept network's answers to the test part (rows, outputs), in the user's units.

    The network's own settings, those it was compiled with and `network.fits`, come before those of `config`. The result
    follows bit for bit from the network's code, `config`, `data` and `seed`: before each call of `build` Python's,
    NumPy's and Keras' random states are made anew from `seed`. `build` may be called more than once.

    Raises:
        ConfigError: no Keras model, inputs or outputs that do not fit the data, or an operation without a
            deterministic kernel.
        TrialFailed: the loss became infinite or NaN ("diverged"), or the memory was not enough ("out of memory").
        TrialStopped: `report` raised it.
    """
    began = time.perf_counter()
    with determinism(config.deterministic), trial_of_its_own(), globals_kept(), operations_named():
        trained = _trained(network, config, data, seed)
        rules = Rules.of(config)
        rules = replace(rules, epochs=network.fits.epochs or rules.epochs)
        return run_epochs(trained, data, rules, report, network.fits.callbacks, began)


def interface_of(data: PreparedData) -> Interface:
    """The rows as a network is fed them: in the data's own shape; of a table or a reduction, rows of features."""
    features, reduction = data.preprocessing.features, data.preprocessing.reduction
    shape: Shape = (data.n_features,)
    columns: Columns = {}
    if reduction is None and isinstance(features, TableEncoding):
        columns = features.places
    elif reduction is None:
        shape = tuple(data.preprocessing.input_shape)
    return Interface(shape, columns, data.n_outputs, _has_classes(data))


def _trained(network: Builder, config: OwnConfig, data: PreparedData, seed: int) -> Trained:
    own, trainer, trained_by = _with_trainer(network, config, data, seed)
    measure = ModelEvaluation(own.model, data.task.loss, own.logits, traced=not own.model.run_eagerly)

    def serving() -> keras.Model:
        uncompile(own.model)
        return around_network(own.model, own.feeding, own.logits, data.preprocessing)

    return Trained(
        own.model,
        trainer,
        evaluate=lambda part: measure(own.feeding.of(data.x[part]), data.y[part]),
        serving=serving,
        finish=trainer.finish,
        trained_by=trained_by,
    )


def _with_trainer(
    network: Builder, config: OwnConfig, data: PreparedData, seed: int
) -> tuple[OwnNetwork, GraphTrainer | FitTrainer, str]:
    """The network, its trainer, and the way it is trained, as models.core.results.TrialResult.trained_by has it."""
    own = _built(network, config, data, seed)
    path, why = path_of(own.model, network.fits.callbacks)
    if path == GRAPH:
        rows = _rows(own, data)
        try:
            trainer = GraphTrainer(own.model, rows, _batches(network, config, rows, seed), _has_classes(data))
        except NotTraceable as untraceable:
            # Tracing has changed the random states and the layers, so the network is built anew.
            own, why = _built(network, config, data, seed), f"one graph cannot hold the model: {untraceable}"
        else:
            if network.fits.callbacks:
                name_metrics(own.model, rows.y[:1], own.model(own.feeding.of(data.x["train"][:1])))
            return own, trainer, GRAPH
    rows = _rows(own, data)
    batches = _batches(network, config, rows, seed)
    return own, FitTrainer(own.model, rows, batches, network.fits.callbacks), f"{FIT}: {why}"


def _built(network: Builder, config: OwnConfig, data: PreparedData, seed: int) -> OwnNetwork:
    """The network, compiled by the configuration where its function has not compiled it."""
    own = build_own(network.build, data.x["train"], interface_of(data), seed)
    if not own.model.compiled:
        optimizer = named_optimizer(config.optimizer, config.learning_rate, config.momentum)
        compile_for(own.model, optimizer, _has_classes(data))
    return own


def _rows(own: OwnNetwork, data: PreparedData) -> TrainingRows:
    """The training part as the network and its loss take it."""
    y = data.y["train"]
    return TrainingRows(
        own.feeding.of(data.x["train"]), tf.one_hot(y, data.n_outputs) if own.one_hot else y, data.weights
    )


def _batches(network: Builder, config: OwnConfig, rows: TrainingRows, seed: int) -> Batches:
    return Batches(rows.count, network.fits.batch_size or config.batch_size, seed, network.fits.shuffle)


def _has_classes(data: PreparedData) -> bool:
    return data.task.loss == "cross-entropy"
