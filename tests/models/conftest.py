"""TensorFlow is imported once, the way a worker does it, before any test module of this folder."""

from models.core.runtime import prepare_process

prepare_process()

from collections.abc import Callable  # noqa: E402

import numpy as np  # noqa: E402
import pytest  # noqa: E402

from models.data.dataset import Dataset  # noqa: E402
from models.data.sources import load_dataset  # noqa: E402
from models.data.splits import split_dataset  # noqa: E402
from models.training.trial import PreparedData, prepare  # noqa: E402


@pytest.fixture(scope="session")
def digits() -> PreparedData:
    return prepare(split_dataset(load_dataset("digits"), 0.1, seed=7))


@pytest.fixture(scope="session")
def blobs() -> Callable[..., Dataset]:
    """Makes data sets of other shapes, types and numbers of classes."""
    return _blobs


def _blobs(rows: int = 200, shape: tuple[int, ...] = (6,), n_classes: int = 3, dtype: str = "float32") -> Dataset:
    """Classes that a small network learns in an epoch or two."""
    random = np.random.default_rng(1)
    labels = np.arange(rows) % n_classes
    centres = random.normal(size=(n_classes, *shape))
    inputs = centres[labels] * 40 + random.normal(size=(rows, *shape)) * 20 + 128
    inputs = np.clip(inputs, 0, 255).astype(dtype)
    half = rows // 2
    return Dataset("blobs", "made up", inputs[:half], labels[:half], inputs[half:], labels[half:])
