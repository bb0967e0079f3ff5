"""The data as trials want it: scaled, flattened, reduced and in memory once a process."""

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from models.core.runtime import settle
from models.data.dataset import Array
from models.data.reduction import Reduction
from models.data.scaling import Features, TargetScaling, fit_scaling, fit_split_reduction, fit_targets
from models.data.splits import PARTS, Split
from models.tasks.objective import read_objective
from models.tasks.task import Task, task_of

_ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class PreparedData:
    """The three parts of a split in TensorFlow's hands."""

    x: dict[str, tf.Tensor]
    """(rows, n_features), float32; what the network is fed."""
    y: dict[str, tf.Tensor]
    """(rows,), int32 in 0 .. K-1; of a regression (rows, targets), float32, standardised."""
    truth: dict[str, Array]
    """The labels as scores are measured by: `y`, or the numbers in the user's units."""
    task: Task
    n_outputs: int
    features: Features
    input_shape: tuple[int, ...]
    input_dtype: str
    reduction: Reduction | None = None
    targets: TargetScaling | None = None
    weights: tf.Tensor | None = None
    """(rows,), float32, of the training part: what each row counts in the loss."""
    objective: str = ""
    """The metric that trials are chosen by, as `val_rmse`."""
    class_names: tuple[str, ...] = ()
    """Of a classification, as figures write them."""

    @property
    def n_features(self) -> int:
        return int(self.x["train"].shape[1])


@dataclass(frozen=True)
class PreparedFolds:
    """A split with folds. Each is scaled, by its own training rows, when its turn comes: one at a time is in memory."""

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
    """What trials on `split` want: its parts, or with folds those of one after another."""
    data = PreparedFolds(split) if split.folds else _prepare_parts(split)
    settle()
    return data


def _prepare_parts(split: Split) -> PreparedData:
    """`split` scaled and reduced by what its training part says."""
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
        features=features,
        input_shape=split.input_shape,
        input_dtype=split.input_dtype,
        reduction=reduction,
        targets=targets,
        weights=None if split.weights is None else tf.constant(split.weights, tf.float32),
        objective=read_objective(split.objective, split.target.task).name,
        class_names=tuple(split.target.class_names),
    )


def _scaled(inputs: Array, features: Features) -> tf.Tensor:
    """Scaled in pieces and handed over without a copy: MNIST's training part is 170 MB, and a second one the peak."""
    shape = len(inputs), features.n_features
    size = shape[0] * shape[1] * 4
    # TensorFlow takes over only memory that is aligned as its own: to 64 bytes.
    raw = np.empty(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    scaled = raw[start : start + size].view(np.float32).reshape(shape)
    for first in range(0, len(inputs), _ROWS_AT_ONCE):
        scaled[first : first + _ROWS_AT_ONCE] = features.apply(inputs[first : first + _ROWS_AT_ONCE])
    return tf.experimental.dlpack.from_dlpack(scaled.__dlpack__())
