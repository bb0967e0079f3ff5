"""An epoch in one graph call gives the weights and metrics of Model.fit on the same batches."""

from collections.abc import Iterator

import keras
import numpy as np
import pytest
import tensorflow as tf

from models.core.config import TrialConfig
from models.core.parameters import ACTIVATIONS, OPTIMIZERS
from models.networks.mlp import build_network
from models.training.epoch_graph import Trainer
from models.training.fused_optimizers import fused_rule, make_optimizer
from models.training.resident import TrainingRows
from models.training.trial import PreparedData

FEATURES, CLASSES, BATCH = 12, 10, 16


def weights(network: keras.Model) -> np.ndarray:
    return np.concatenate([np.ravel(array) for array in network.get_weights()])


def distance(ours: keras.Model, keras_own: keras.Model) -> float:
    """The relative norm of the difference of all weights, moving statistics included."""
    a, b = weights(ours), weights(keras_own)
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def made_up(rows: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    return random.normal(size=(rows, FEATURES)).astype("float32"), random.integers(0, CLASSES, rows).astype("int32")


def trained(
    config: TrialConfig, x: np.ndarray, y: np.ndarray, optimizer: keras.optimizers.Optimizer, dtype: str = "float32"
) -> tuple[keras.Model, Trainer, dict[str, float]]:
    """A network after one epoch of the graph, its trainer, and the epoch's metrics."""
    network = build_network(config, x.shape[1], CLASSES, seed=1, dtype=dtype)
    trainer = Trainer(network, optimizer, config, TrainingRows(tf.constant(x, dtype), tf.constant(y)), seed=2)
    return network, trainer, trainer.run_epoch(1)


def compiled(
    config: TrialConfig, x: np.ndarray, optimizer: keras.optimizers.Optimizer, dtype: str = "float32"
) -> keras.Model:
    """A network with the same initial weights, for Model.fit."""
    network = build_network(config, x.shape[1], CLASSES, seed=1, dtype=dtype)
    network.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return network


CASES = [
    *({"optimizer": name} for name in OPTIMIZERS),
    {"optimizer": "sgd", "momentum": 0.9},
    *({"activation": name} for name in ACTIVATIONS if name != "relu"),
    *({"batch_norm": place, "l2": l2} for place in ("before", "after") for l2 in (0.0, 0.01)),
    {"l2": 0.01, "width": "8-6"},
    {"optimizer": "nadam", "l2": 0.01, "batch_norm": "after", "width": "8-6"},
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: "-".join(map(str, case.values())))
def test_1_and_20_steps_at_default_settings_are_those_of_keras(case: dict) -> None:
    config = TrialConfig.from_parameters({"width": 8, "batch_size": BATCH} | case)
    x, y = made_up(20 * BATCH - 5)
    ours, trainer, metrics = trained(config, x, y, make_optimizer(config))
    order = trainer.batches.order(1)

    theirs = compiled(config, x, make_optimizer(config))
    first = theirs.fit(x[order[:BATCH]], y[order[:BATCH]], shuffle=False, verbose=0).history
    one_step, _, _ = trained(config, x[order[:BATCH]], y[order[:BATCH]], make_optimizer(config))
    assert distance(one_step, theirs) < 1e-4

    rest = theirs.fit(x[order[BATCH:]], y[order[BATCH:]], batch_size=BATCH, shuffle=False, verbose=0).history
    assert distance(ours, theirs) < 1e-4
    for name, tolerance in (("loss", 1e-5), ("accuracy", 1e-6)):
        running_mean = (first[name][0] * BATCH + rest[name][0] * (len(y) - BATCH)) / len(y)
        assert metrics[name] == pytest.approx(running_mean, rel=tolerance)


def exact(kind: str) -> keras.optimizers.Optimizer:
    """An optimizer whose coefficients are exact in binary, so that no two orders of rounding them differ."""
    if kind == "adam":
        return keras.optimizers.Adam(2**-10, beta_1=0.875, beta_2=1 - 2**-10)
    if kind == "rmsprop":
        return keras.optimizers.RMSprop(2**-10, rho=0.875)
    return keras.optimizers.SGD(2**-6, momentum=0.875 if kind == "momentum" else 0.0)


@pytest.fixture(params=["float32", "float64"])
def floats(request: pytest.FixtureRequest) -> Iterator[str]:
    before = keras.config.floatx()
    keras.config.set_floatx(request.param)  # Keras computes its loss in this type
    yield request.param
    keras.config.set_floatx(before)


@pytest.mark.parametrize("kind", ["adam", "rmsprop", "sgd", "momentum"])
def test_a_whole_epoch_with_exact_coefficients_is_keras_own(kind: str, floats: str, digits: PreparedData) -> None:
    config = TrialConfig.from_parameters({"width": 32, "batch_size": 32})
    x, y = digits.x["train"].numpy(), digits.y["train"].numpy()
    assert len(y) % 32, "the last batch must be smaller for this test to mean all it says"
    ours, trainer, _ = trained(config, x, y, exact(kind), floats)
    theirs, order = compiled(config, x, exact(kind), floats), trainer.batches.order(1)
    theirs.fit(x[order].astype(floats), y[order], batch_size=config.batch_size, shuffle=False, verbose=0)
    assert distance(ours, theirs) < {"float32": 1e-5, "float64": 1e-9}[floats]


@pytest.mark.parametrize(
    "optimizer",
    [
        lambda: keras.optimizers.Adam(amsgrad=True),
        lambda: keras.optimizers.Adam(clipnorm=1.0),
        lambda: keras.optimizers.AdamW(),
        lambda: keras.optimizers.Nadam(),
        lambda: keras.optimizers.SGD(momentum=0.5, nesterov=True),
        lambda: keras.optimizers.RMSprop(centered=True),
    ],
)
def test_an_optimizer_that_no_kernel_computes_falls_back_to_keras_own_update(optimizer) -> None:  # type: ignore[no-untyped-def]
    assert fused_rule(optimizer()) is None
    config = TrialConfig.from_parameters({"width": 8, "batch_size": BATCH})
    x, y = made_up(40)
    ours, trainer, _ = trained(config, x, y, optimizer())
    theirs, order = compiled(config, x, optimizer()), trainer.batches.order(1)
    theirs.fit(x[order], y[order], batch_size=BATCH, shuffle=False, verbose=0)
    assert distance(ours, theirs) < 1e-6
