"""Many features in a plane: neighbourhoods are kept, and what has none is not placed."""

import numpy as np
import pytest

from analysis.looks.embedding import can_embed, embed


def test_tsne_keeps_separate_groups_apart_and_follows_from_the_features() -> None:
    random = np.random.default_rng(5)
    groups = np.repeat([0, 1, 2], 40)
    features = random.normal(size=(120, 30)) + 30 * random.normal(size=(3, 30))[groups]
    points = embed(features)
    assert points.shape == (120, 2)
    assert (embed(features) == points).all()
    distances = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (groups[distances.argmin(axis=1)] == groups).all()


@pytest.mark.parametrize(
    "features", [np.zeros((50, 5)), np.ones((5, 5)).cumsum(axis=0), np.random.default_rng(0).random((50, 2))]
)
def test_what_has_no_neighbourhoods_is_not_embedded(features: np.ndarray) -> None:
    assert not can_embed(features)
    with pytest.raises(ValueError, match=r"t-SNE needs 10 different rows of 3 features, got"):
        embed(features)


def test_few_rows_are_embedded_with_a_smaller_perplexity() -> None:
    assert embed(np.random.default_rng(0).random((12, 3)).astype(np.float32)).shape == (12, 2)
