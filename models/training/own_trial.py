"""One trial of a network of the user's own: as models.training.trial, with the same scores and the same promises."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import keras
import tensorflow as tf

from models.core.config import OwnConfig
from models.core.results import TrialResult
from models.data.dataset import Array
from models.data.scaling import TableEncoding
from models.networks.feeding import Columns, Shape
from models.networks.own import Build, OwnNetwork, build_own, globals_kept, operations_named
from models.networks.saving import around_network
from models.networks.tensorflow_internals import determinism
from models.networks.user_function import FitSettings, UserNetwork
from models.spaces.source import Source
from models.training.epochs import Report, Rules, Trained, run_epochs, trial_of_its_own
from models.training.evaluation import ModelEvaluation
from models.training.fused_optimizers import named_optimizer
from models.training.keras_internals import name_metrics, uncompile
from models.training.model_fit import FIT, GRAPH, FitTrainer, path_of
from models.training.model_graph import GraphTrainer, NotTraceable
from models.training.resident import PreparedData


def run_own_trial(
    build: Build,
    data: PreparedData,
    epochs: int,
    batch_size: int,
    patience: int,
    monitor: str,
    keep: str,
    seed: int,
    report: Report,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    *,
    train_metrics: str = "last",
    optimizer: str = "adam",
    learning_rate: float = 0.001,
    momentum: float = 0.0,
) -> TrialResult:
    """Trains what `build` returns; `report` hears of each epoch at its end.

    Settings are those of models.core.config.TrialConfig; `optimizer`, `learning_rate` and `momentum` are for a model
    that `build` has not compiled. The result follows bit for bit from `build`, the settings, `data` and `seed`: before
    each call of `build` Python's, NumPy's and Keras' random states are made anew from `seed`. `build` may be called
    more than once.

    Raises:
        ConfigError: no Keras model, inputs or outputs that do not fit the data, or an operation without a
            deterministic kernel.
        TrialFailed: the loss became infinite or NaN ("diverged"), or the memory was not enough ("out of memory").
        TrialStopped: `report` raised it.
    """
    rules = Rules(epochs, patience, monitor, keep, train_metrics)
    return run_own_and_answer(
        build, data, rules, batch_size, seed, report, callbacks, (optimizer, learning_rate, momentum)
    )[0]


def run_own_and_answer(
    build: Build,
    data: PreparedData,
    rules: Rules,
    batch_size: int,
    seed: int,
    report: Report,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    optimizer: tuple[str, float, float] = ("adam", 0.001, 0.0),
    fits: Callable[[], FitSettings] = FitSettings,
) -> tuple[TrialResult, Array]:
    """As `run_own_trial`, and what the kept network answers to the test part (rows, outputs), in the user's units.

    `fits` says, once `build` has been called, what stands instead of the settings.
    """
    began = time.perf_counter()
    with trial_of_its_own(), globals_kept(), operations_named():
        trained, said = _prepared(build, data, batch_size, seed, callbacks, optimizer, fits)
        rules = replace(rules, epochs=said.epochs or rules.epochs)
        return run_epochs(trained, data, rules, report, (*callbacks, *said.callbacks), began)


def run_users(
    config: OwnConfig, data: PreparedData, seed: int, report: Report, *, source: Source, number: int
) -> tuple[TrialResult, Array]:
    """As models.training.trial.run_and_answer, of the network that the user's own function builds.

    Raises:
        ConfigError, TrialFailed, TrialStopped: as `run_own_trial`. What the function itself raises comes through.
    """
    given = {"input_shape": own_shape(data), "n_outputs": data.n_outputs}
    network = UserNetwork(source, given, seed, dict(config.asked), number)
    rules = Rules(config.epochs, config.patience, config.monitor, config.keep, config.train_metrics)
    optimizer = config.optimizer, config.learning_rate, config.momentum
    with determinism(config.deterministic):
        return run_own_and_answer(
            network.build, data, rules, config.batch_size, seed, report, (), optimizer, lambda: network.fits
        )


def own_shape(data: PreparedData) -> Shape:
    """The shape of a row as a network is fed it: the data's own, or of a table or a reduction its features."""
    plain = data.reduction is None and not isinstance(data.features, TableEncoding)
    return tuple(data.input_shape) if plain else (data.n_features,)


def own_columns(data: PreparedData) -> Columns:
    """Of a table: each column to where its features begin and end, as inputs of its name are fed them."""
    if data.reduction is not None or not isinstance(data.features, TableEncoding):
        return {}
    return data.features.places


def _prepared(
    build: Build,
    data: PreparedData,
    batch_size: int,
    seed: int,
    callbacks: Sequence[keras.callbacks.Callback],
    optimizer: tuple[str, float, float],
    fits: Callable[[], FitSettings],
) -> tuple[Trained, FitSettings]:
    classes = data.task.loss == "cross-entropy"

    def built() -> OwnNetwork:
        own = build_own(build, data.x["train"], own_shape(data), own_columns(data), data.n_outputs, classes, seed)
        if not own.model.compiled:
            loss = "sparse_categorical_crossentropy" if classes else "mean_squared_error"
            own.model.compile(named_optimizer(*optimizer), loss, metrics=["accuracy"] if classes else None)
        return own

    def labels(own: OwnNetwork) -> tf.Tensor:
        y = data.y["train"]
        return tf.one_hot(y, data.n_outputs) if own.one_hot else y

    own = built()
    said = fits()
    path, why = path_of(own.model, (*callbacks, *said.callbacks))
    size = said.batch_size or batch_size
    trainer: GraphTrainer | FitTrainer
    if path == GRAPH:
        x = own.feeding.of(data.x["train"])
        try:
            trainer = GraphTrainer(own.model, x, labels(own), size, seed, data.weights, classes, said.shuffle)
        except NotTraceable as untraceable:
            # Tracing has moved the random states on, and has left its marks on the layers.
            own, path, why = built(), FIT, f"one graph cannot hold the model: {untraceable}"
    if path == FIT:
        x = own.feeding.of(data.x["train"])
        said = fits()  # of the network that was built last
        heard = (*callbacks, *said.callbacks)
        trainer = FitTrainer(own.model, x, labels(own), size, seed, data.weights, heard, said.shuffle)
    if path == GRAPH and (callbacks or said.callbacks):
        few = own.feeding.of(data.x["train"][:1])
        name_metrics(own.model, labels(own)[:1], own.model(few))
    measure = ModelEvaluation(own.model, data.task.loss, own.logits, traced=not own.model.run_eagerly)

    def serving() -> keras.Model:
        uncompile(own.model)
        return around_network(
            own.model, own.feeding, own.logits,
            data.features, data.input_shape, data.input_dtype, data.reduction, data.targets,
        )  # fmt: skip

    trained = Trained(
        own.model,
        trainer,
        evaluate=lambda part: measure(own.feeding.of(data.x[part]), data.y[part]),
        serving=serving,
        finish=trainer.finish,
        trained_by=f"{path}: {why}" if why else path,
    )
    return trained, said
