"""The internals of Keras that training uses agree with Keras' public attributes and with Model.fit."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.training.keras_internals import (
    answers_in_training,
    has_schedule,
    keep_updates_local,
    leave_sizes_open,
    measures_more,
    own_metrics,
    slots_by_kind,
    uncompile,
)


@pytest.mark.parametrize(
    ("optimizer", "kinds"),
    [
        (keras.optimizers.Adam(), ("momentum", "velocity")),
        (keras.optimizers.RMSprop(momentum=0.5), ("velocity", "momentum")),
        (keras.optimizers.SGD(momentum=0.5), ("momentum",)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_the_slots_are_the_optimizers_public_variables(
    optimizer: keras.optimizers.Optimizer, kinds: tuple[str, ...]
) -> None:
    trained = [keras.Variable(np.ones((2, 3)), name="kernel"), keras.Variable(np.ones(3), name="bias")]
    optimizer.build(trained)
    public = {id(variable) for variable in optimizer.variables} - {id(optimizer.iterations)}
    found = slots_by_kind(optimizer)
    assert {id(slot) for kind in found for slot in kind} <= public
    assert len(found) == len(kinds)
    for kind, slots in zip(kinds, found, strict=True):
        assert [slot.shape for slot in slots] == [variable.shape for variable in trained]
        assert all(kind in slot.path for slot in slots), [slot.path for slot in slots]


def test_plain_sgd_and_rmsprop_have_no_momenta() -> None:
    trained = [keras.Variable(np.ones(3))]
    for optimizer in (keras.optimizers.SGD(), keras.optimizers.RMSprop()):
        optimizer.build(trained)
        assert not slots_by_kind(optimizer)[-1]


def test_a_variable_of_open_size_takes_other_sizes_through_keras_own_methods() -> None:
    variable = keras.Variable(np.ones((1, 1), np.float32))
    leave_sizes_open([variable])
    variable.value.assign(tf.zeros((4, 2)))
    assert variable.numpy().shape == (4, 2)


def test_a_rate_that_changes_by_itself_is_told_from_one_that_is_set() -> None:
    cosine = keras.optimizers.schedules.CosineDecay(0.1, 10)
    rates = {0.1: False, cosine: True, lambda: 0.1: True}
    assert {rate: has_schedule(keras.optimizers.SGD(rate)) for rate in rates} == rates


@pytest.mark.parametrize("kind", [keras.optimizers.AdamW, keras.optimizers.Lion, keras.optimizers.Adafactor])
def test_updates_without_tf_distribute_are_the_same(kind: type[keras.optimizers.Optimizer]) -> None:
    def stepped(local: bool) -> np.ndarray:
        variable, optimizer = keras.Variable(np.ones((3, 4), np.float32)), kind(weight_decay=0.1)
        optimizer.build([variable])
        if local:
            keep_updates_local(optimizer)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(tf.distribute.get_strategy().extended, "update", None)
                optimizer.apply([tf.ones((3, 4))])
        else:
            optimizer.apply([tf.ones((3, 4))])
        return np.asarray(variable.value)

    assert (stepped(True) == stepped(False)).all()
    assert (stepped(True) != 1).all()


class _Unaware(keras.Model):
    def call(self, x: tf.Tensor) -> tf.Tensor:
        return keras.layers.Dropout(0.5, seed=1)(x)


class _Aware(keras.Model):
    def call(self, x: tf.Tensor, training: bool = False) -> tf.Tensor:
        return x * 2 if training else x


def test_a_model_is_told_that_it_trains_only_where_it_asks() -> None:
    ones = tf.ones((2, 8))
    assert (answers_in_training(_Aware())(ones) == 2).numpy().all()
    assert (answers_in_training(_Unaware())(ones) == 1).numpy().all()


def compiled(metrics: list | None) -> keras.Model:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=metrics)
    return model


def test_metrics_of_a_model_are_those_beyond_loss_and_accuracy() -> None:
    asked: list = [None, [], ["accuracy"], ["acc"], ["accuracy", "mae"]]
    assert [measures_more(compiled(metrics)) for metrics in asked] == [False] * 4 + [True]
    model = compiled([keras.metrics.SparseTopKCategoricalAccuracy(3, name="top_3")])
    model.compute_metrics(tf.ones((4, 2)), tf.zeros(4), model(tf.ones((4, 2))))
    assert own_metrics(model) == {"top_3": 1.0}


def test_what_compile_gave_a_model_is_taken_from_it() -> None:
    model = compiled(["accuracy"])
    model.fit(np.ones((4, 2)), np.zeros(4), verbose=0)
    uncompile(model)
    assert not model.compiled
    assert model.metrics == []
    assert not model.get_compile_config()
    assert len(model.variables) == len(model.weights) == 2
