"""Model.fit, one epoch a call, for models that one graph cannot train: slower, with the same order of rows and seeds.

`path_of` decides which of the two trains a model, and says why.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from models.core import names
from models.training.model_graph import ModelTrainer
from models.training.resident import Batches, TrainingRows

GRAPH, FIT = "one graph", "Model.fit"
"""The ways to train a network of the user's own."""

_OVERRIDDEN = ("fit", "train_step", "compute_loss", "compute_metrics", "make_train_function")
_OF_BATCHES = ("on_batch_begin", "on_batch_end", "on_train_batch_begin", "on_train_batch_end")


def path_of(model: keras.Model, callbacks: Sequence[keras.callbacks.Callback] = ()) -> tuple[str, str]:
    """(GRAPH or FIT, why): how a compiled `model` is trained, and for FIT the reason in words.

    Tracing can still refuse a model of GRAPH, as models.training.model_graph.NotTraceable.
    """
    for name in _OVERRIDDEN:
        if getattr(type(model), name) is not getattr(keras.Model, name) or name in vars(model):
            return FIT, f"the model has a {name} of its own"
    if model.run_eagerly:
        return FIT, "the model is compiled to run eagerly"
    for callback in callbacks:
        if _hears_of_batches(callback):
            return FIT, f"the callback {type(callback).__name__} hears of each batch"
    return GRAPH, ""


class FitTrainer(ModelTrainer):
    """The counterpart of models.training.model_graph.GraphTrainer; `callbacks` hear of batches, of nothing else."""

    def __init__(
        self,
        model: keras.Model,
        rows: TrainingRows,
        batches: Batches,
        callbacks: Sequence[keras.callbacks.Callback] = (),
    ) -> None:
        super().__init__(model, rows, batches)
        self._callbacks = [callback for callback in callbacks if _hears_of_batches(callback)]

    def run_epoch(self, epoch: int) -> dict[str, float]:
        """Trains one epoch, counted from 1; returns Model.fit's logs, metrics of the model only if finite."""
        order = self._order(epoch)
        x, y, weights = (
            None if part is None else keras.tree.map_structure(lambda values: tf.gather(values, order), part)
            for part in (self._rows.x, self._rows.y, self._rows.weights)
        )
        heard = _BatchesAlone(self._model, self._callbacks)
        self._model.fit(
            x, y, sample_weight=weights, batch_size=self.batches.size, shuffle=False, verbose=0, callbacks=heard,
            initial_epoch=epoch - 1, epochs=epoch,
        )  # fmt: skip
        for variable, value in heard.weights:
            variable.assign(value)
        found = {name: float(value) for name, value in heard.logs.items()}
        return {
            names.ACCURACY if name in _ACCURACIES else name: value
            for name, value in found.items()
            if name == names.LOSS or math.isfinite(value)
        }


_ACCURACIES = ("acc", "sparse_categorical_accuracy", "categorical_accuracy")


class _BatchesAlone(keras.callbacks.CallbackList):
    """Passes batches on to callbacks, and keeps an epoch's logs and weights; models.training.epochs calls the rest."""

    def __init__(self, model: keras.Model, callbacks: Sequence[keras.callbacks.Callback]) -> None:
        super().__init__(list(callbacks), add_history=True, model=model)
        self.logs: dict[str, Any] = {}
        self.weights: list[tuple[Any, Any]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.logs = dict(logs or {})
        if getattr(self._model.optimizer, "use_ema", False):
            # Each call of Model.fit ends by putting the average in the weights' place.
            self.weights = [(variable, variable.numpy()) for variable in self._model.trainable_variables]

    def on_train_begin(self, logs: Any = None) -> None: ...

    def on_train_end(self, logs: Any = None) -> None: ...

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None: ...


def _hears_of_batches(callback: keras.callbacks.Callback) -> bool:
    kinds = keras.callbacks
    # Callbacks of Keras that listen to batches and, unless told to, do nothing there or only what a trial does itself.
    if type(callback) is kinds.TerminateOnNaN:
        return False
    if type(callback) in (kinds.ModelCheckpoint, kinds.BackupAndRestore):
        return bool(callback.save_freq != "epoch")
    if type(callback) is kinds.TensorBoard:
        return bool(callback.update_freq != "epoch")
    own = (getattr(callback, name) for name in _OF_BATCHES)
    base = [getattr(kinds.Callback, name) for name in _OF_BATCHES]
    return any(getattr(method, "__func__", method) is not plain for method, plain in zip(own, base, strict=True))
