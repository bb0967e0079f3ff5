"""The mask of dropout: its moments, its independence between units and steps, and its key and place."""

import numpy as np
import pytest
import tensorflow as tf

from models.core.config import TrialConfig
from models.networks.mlp import build_network
from models.training.epoch_graph import Trainer, dropout_masks
from models.training.fused_optimizers import make_optimizer
from models.training.resident import TrainingRows

ROWS, UNITS, STEPS = 64, 256, 32
N = ROWS * UNITS * STEPS


def masks(rate: float, key: int = 7, first: int = 0) -> np.ndarray:
    """(STEPS, ROWS, UNITS)."""
    places = tf.range(first, first + STEPS, dtype=tf.int64)
    draw = dropout_masks(tf.constant([key], tf.uint64), places, ROWS, UNITS, tf.constant(rate))
    return np.stack([draw(tf.constant(i), tf.constant([ROWS, UNITS])) for i in range(STEPS)])


def test_a_smaller_batch_and_a_width_that_is_no_multiple_of_4_have_masks_too() -> None:
    draw = dropout_masks(tf.constant([7], tf.uint64), tf.range(2, dtype=tf.int64), 5, 7, tf.constant(0.5))
    whole, part = (draw(tf.constant(1), tf.constant([rows, 7])).numpy() for rows in (5, 3))
    assert whole.shape == (5, 7)
    assert (part == whole[:3]).all()


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.8])
def test_the_mask_is_0_or_the_inverse_of_the_share_kept_with_its_mean_and_independence(rate: float) -> None:
    mask = masks(rate)
    assert set(np.unique(mask)) == {np.float32(0), np.float32(1) / (np.float32(1) - np.float32(rate))}
    # Each bound is 5 standard errors wide: 4 bounds and 3 rates raise a false alarm once in 150,000 seeds. The test
    # finds a rate of 0.5 that is wrong by 0.0035, and smaller errors of other rates.
    kept = (mask > 0).astype(float)
    deviation = np.sqrt(rate * (1 - rate))
    assert abs(kept.mean() - (1 - rate)) < 5 * deviation / np.sqrt(N)
    residual = (kept - (1 - rate)) / deviation
    for a, b in (
        (residual[1:], residual[:-1]),
        (residual[:, 1:], residual[:, :-1]),
        (residual[..., 1:], residual[..., :-1]),
    ):
        assert abs((a * b).mean()) < 5 / np.sqrt(a.size)


def test_equal_keys_and_places_give_equal_masks_and_others_do_not() -> None:
    assert (masks(0.5) == masks(0.5)).all()
    assert np.isclose((masks(0.5) == masks(0.5, key=8)).mean(), 0.5, atol=0.01)
    assert np.isclose((masks(0.5) == masks(0.5, first=STEPS)).mean(), 0.5, atol=0.01)


def test_hidden_layers_epochs_and_steps_have_masks_of_their_own_and_inference_has_none() -> None:
    # With a learning rate too small to change a weight, only the mask can change the loss.
    config = TrialConfig.from_parameters({"width": "50-50", "dropout": 0.5, "batch_size": 8, "learning_rate": 1e-30})
    x, y = tf.ones([8, 4]), tf.zeros([8], tf.int32)
    network = build_network(config, 4, 3, seed=1)
    trainer = Trainer(network, make_optimizer(config), config, TrainingRows(x, y), seed=2)
    losses = [trainer.run_epoch(epoch)["loss"] for epoch in range(1, 6)]
    assert len(set(losses)) == 5
    again = Trainer(network, make_optimizer(config), config, TrainingRows(x, y), seed=2)
    assert [again.run_epoch(epoch)["loss"] for epoch in (5, 1)] == [losses[4], losses[0]]
