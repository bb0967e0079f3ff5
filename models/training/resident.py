"""The data as trials want it: scaled, flattened, reduced and in memory once a process."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from models.core.runtime import settle
from models.data.dataset import Array
from models.data.reduction import Reduction
from models.data.scaling import Scaling, fit_scaling, fit_split_reduction
from models.data.splits import PARTS, Split

_ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class PreparedData:
    """The three parts of a split in TensorFlow's hands."""

    x: dict[str, tf.Tensor]
    """(rows, n_features), float32; what the network is fed."""
    y: dict[str, tf.Tensor]
    """(rows,), int32 in 0 .. n_classes - 1."""
    n_classes: int
    scaling: Scaling
    input_shape: tuple[int, ...]
    input_dtype: str
    reduction: Reduction | None = None

    @property
    def n_features(self) -> int:
        return int(self.x["train"].shape[1])


@dataclass(frozen=True)
class PreparedFolds:
    """A split with folds. Each is scaled, by its own training rows, when its turn comes: one at a time is in memory."""

    split: Split

    @property
    def n_classes(self) -> int:
        return self.split.n_classes

    @property
    def folds(self) -> int:
        return self.split.folds

    def fold(self, number: int) -> PreparedData:
        return _prepare_parts(self.split.fold(number))

    def whole(self) -> PreparedData:
        """All of the training part, for a trial that is not cross-validated."""
        return _prepare_parts(self.split)


Prepared = PreparedData | PreparedFolds


def prepare(split: Split) -> Prepared:
    """What trials on `split` want: its parts, or with folds those of one after another."""
    data = PreparedFolds(split) if split.folds else _prepare_parts(split)
    settle()
    return data


def _prepare_parts(split: Split) -> PreparedData:
    """`split` scaled and reduced by what its training part says."""
    scaling, reduction = fit_scaling(split), None
    x = {part: _scaled(split.inputs[part], scaling, split.n_features) for part in PARTS}
    if split.reduction != "none":
        reduction = fit_split_reduction(split, x["train"].numpy())
        x = {part: tf.linalg.matmul(x[part], reduction.matrix) + reduction.offset for part in PARTS}
    return PreparedData(
        x,
        {part: tf.constant(split.labels[part]) for part in PARTS},
        split.n_classes,
        scaling,
        split.input_shape,
        split.input_dtype,
        reduction,
    )


def _scaled(inputs: Array, scaling: Scaling, n_features: int) -> tf.Tensor:
    """Scaled in pieces and handed over without a copy: MNIST's training part is 170 MB, and a second one the peak."""
    size = len(inputs) * n_features * 4
    # TensorFlow takes over only memory that is aligned as its own: to 64 bytes.
    raw = np.empty(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    features = raw[start : start + size].view(np.float32).reshape(len(inputs), n_features)
    for first in range(0, len(inputs), _ROWS_AT_ONCE):
        features[first : first + _ROWS_AT_ONCE] = scaling.apply(inputs[first : first + _ROWS_AT_ONCE])
    return tf.experimental.dlpack.from_dlpack(features.__dlpack__())
