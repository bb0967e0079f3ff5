"""The network has the layers of its configuration, and as many parameters as Keras counts."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from models.core.config import TrialConfig
from models.core.parameters import ACTIVATIONS, BATCH_NORMS
from models.networks.formula import Formula, inference_logits
from models.networks.mlp import build_network, parameter_count
from models.training.epoch_graph import moving_statistics


@pytest.mark.parametrize("batch_norm", BATCH_NORMS)
@pytest.mark.parametrize("width", [7, "400-300", "3-5-4"])
def test_the_closed_form_counts_what_keras_counts(width: int | str, batch_norm: str) -> None:
    config = TrialConfig.from_parameters({"width": width, "batch_norm": batch_norm, "dropout": 0.5, "l2": 0.1})
    network = build_network(config, 12, 3, seed=1)
    trainable = sum(int(np.prod(variable.shape)) for variable in network.trainable_variables)
    assert parameter_count(config, 12, 3) == (network.count_params(), trainable)


def test_counting_needs_no_tensorflow() -> None:
    heavy = "{'tensorflow', 'keras'}"
    code = f"import sys, models.networks.mlp, models.core.results; sys.exit(not {heavy}.isdisjoint(sys.modules))"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[3], check=True)


def test_the_penalty_is_on_the_hidden_kernels_alone() -> None:
    network = build_network(TrialConfig.from_parameters({"width": "4-3", "l2": 0.25}), 5, 2, seed=1)
    kernels = [network.get_layer(f"hidden_{i}").kernel.numpy() for i in (1, 2)]
    assert float(sum(network.losses)) == pytest.approx(0.25 * sum((kernel**2).sum() for kernel in kernels), rel=1e-6)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others() -> None:
    config = TrialConfig.from_parameters({"width": "6-6-6"})
    first, again, other = (build_network(config, 6, 6, seed).get_weights() for seed in (1, 1, 2))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    kernels = [array for array in first if array.ndim == 2]
    assert not any((a == b).all() for a, b in zip(first, other, strict=True) if a.ndim == 2)
    assert not any((a == b).all() for i, a in enumerate(kernels) for b in kernels[:i])


@pytest.mark.parametrize("batch_norm", BATCH_NORMS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_formula_computes_what_the_keras_network_computes(activation: str, batch_norm: str) -> None:
    config = TrialConfig.from_parameters(
        {"width": "9-7", "activation": activation, "batch_norm": batch_norm, "dropout": 0.5}
    )
    network = build_network(config, 5, 4, seed=1)
    random = np.random.default_rng(1)
    for variable in [*network.trainable_variables, *moving_statistics(network)]:
        variable.assign(np.abs(random.normal(size=variable.shape)) + 0.1)
    x = tf.constant(random.normal(size=(11, 5)), tf.float32)
    values = [[v.value for v in vs] for vs in (network.trainable_variables, moving_statistics(network))]
    ours = tf.nn.softmax(inference_logits(Formula.of(config), x, *values))
    assert np.allclose(ours, network(x, training=False), rtol=1e-5, atol=1e-7)
