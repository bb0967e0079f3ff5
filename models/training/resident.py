"""The data of trials, scaled, flattened, reduced and in memory once a process; and the batches that epochs take."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from models.core.runtime import settle
from models.core.seeds import derive_seed
from models.data.dataset import Array
from models.data.scaling import Features, Preprocessing, fit_scaling, fit_split_reduction, fit_targets
from models.data.splits import PARTS, Split
from models.tasks.objective import read_objective
from models.tasks.task import Task, task_of

_ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class PreparedData:
    """The three parts of a split in TensorFlow's memory, ready for training."""

    x: dict[str, tf.Tensor]
    """By part: (rows, n_features), float32; the network's inputs."""
    y: dict[str, tf.Tensor]
    """By part: (rows,), int32 in 0 .. K-1; of a regression (rows, targets), float32, standardised."""
    truth: dict[str, Array]
    """By part: the labels that scores are measured against, `y` or the numbers in the user's units."""
    task: Task
    n_outputs: int
    preprocessing: Preprocessing
    weights: tf.Tensor | None = None
    """(rows,), float32, of the training part: the factor of each row's loss."""
    objective: str = ""
    """The metric that trials are chosen by, such as `val_rmse`."""
    class_names: tuple[str, ...] = ()
    """The classes as figures write them; empty for a regression."""

    @property
    def n_features(self) -> int:
        return int(self.x["train"].shape[1])


@dataclass(frozen=True)
class TrainingRows:
    """The rows that a network is trained on, in TensorFlow's memory."""

    x: Any
    """The network's inputs: a tensor (rows, ...), or a dict or list of such tensors."""
    y: tf.Tensor
    """(rows,) classes, (rows, classes) one-hot, or (rows, targets) numbers."""
    weights: tf.Tensor | None = None
    """(rows,): the factor of each row's loss."""

    @property
    def count(self) -> int:
        return int(self.y.shape[0])


@dataclass(frozen=True)
class Batches:
    """The batches of each epoch of a trial: how many rows each takes, and in which order."""

    rows: int
    most: int
    """The batch size that was asked for, which may be more than there are rows."""
    seed: int
    shuffle: bool = True

    @property
    def size(self) -> int:
        return min(self.most, self.rows)

    @property
    def steps(self) -> int:
        """Batches of an epoch, the smaller last one included."""
        return -(-self.rows // self.size)

    def order(self, epoch: int) -> NDArray[np.int32]:
        """(rows,): the row numbers in the order in which epoch `epoch`, from 1, takes them."""
        if not self.shuffle:
            return np.arange(self.rows, dtype=np.int32)
        random = np.random.default_rng([derive_seed(self.seed, "order"), epoch])
        return random.permutation(self.rows).astype(np.int32)


@dataclass(frozen=True)
class PreparedFolds:
    """A split with folds. Each fold is scaled, by its own training rows, when its turn comes: memory holds one fold."""

    split: Split

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self.split.target.class_names)

    @property
    def objective(self) -> str:
        return read_objective(self.split.objective, self.split.target.task).name

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
    """The data of trials on `split`: its three parts, or where it has folds the parts of one fold after another."""
    data = PreparedFolds(split) if split.folds else _prepare_parts(split)
    settle()
    return data


def _prepare_parts(split: Split) -> PreparedData:
    """`split` scaled and reduced, as fitted on its training part."""
    features, targets, reduction = fit_scaling(split), fit_targets(split), None
    x = {part: _scaled(split.inputs[part], features) for part in PARTS}
    if split.reduction != "none":
        reduction = fit_split_reduction(split, x["train"].numpy())
        x = {part: tf.linalg.matmul(x[part], reduction.matrix) + reduction.offset for part in PARTS}
    truth = split.labels
    return PreparedData(
        x=x,
        y={part: tf.constant(truth[part] if targets is None else targets.apply(truth[part])) for part in PARTS},
        truth=truth,
        task=task_of(split.target),
        n_outputs=split.target.n_outputs,
        preprocessing=Preprocessing(features, split.input_shape, split.input_dtype, reduction, targets),
        weights=None if split.weights is None else tf.constant(split.weights, tf.float32),
        objective=read_objective(split.objective, split.target.task).name,
        class_names=tuple(split.target.class_names),
    )


def _scaled(inputs: Array, features: Features) -> tf.Tensor:
    """`inputs` scaled piece by piece and given to TensorFlow without a copy: MNIST's training part takes 170 MB."""
    shape = len(inputs), features.n_features
    size = shape[0] * shape[1] * 4
    # TensorFlow takes memory over only where the memory is aligned to 64 bytes, as its own is.
    raw = np.empty(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    scaled = raw[start : start + size].view(np.float32).reshape(shape)
    for first in range(0, len(inputs), _ROWS_AT_ONCE):
        scaled[first : first + _ROWS_AT_ONCE] = features.apply(inputs[first : first + _ROWS_AT_ONCE])
    return tf.experimental.dlpack.from_dlpack(scaled.__dlpack__())
