"""What the training part alone says: how inputs are scaled, and then reduced."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.core.seeds import derive_seed
from models.data.dataset import Array
from models.data.reduction import Reduction, count_asked, fit_reduction
from models.data.splits import Split

Float = NDArray[np.float32]


@dataclass(frozen=True)
class Scaling:
    """What the network is fed: inputs (rows, n_features) * scale + offset, in float32."""

    scale: Float
    offset: Float

    def apply(self, inputs: Array) -> Float:
        """`inputs` (rows, ...) as (rows, n_features), scaled."""
        flat = inputs.reshape(len(inputs), -1).astype(np.float32)
        flat *= self.scale
        flat += self.offset
        return flat


def fit_scaling(split: Split) -> Scaling:
    """Fitted on the training part alone: never on validation or test rows."""
    n = split.n_features
    train = split.inputs["train"].reshape(split.rows("train"), n)
    if split.preprocessing == "none":
        return Scaling(np.ones(n, np.float32), np.zeros(n, np.float32))
    if split.preprocessing == "rescale":
        largest = max(abs(float(train.max())), abs(float(train.min())))
        return Scaling(np.full(n, 1 / (largest or 1.0), np.float32), np.zeros(n, np.float32))
    mean, deviation = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    scale = 1 / np.where(deviation > 0, deviation, 1.0)
    return Scaling(scale.astype(np.float32), (-mean * scale).astype(np.float32))


def fit_split_reduction(split: Split, features: Float) -> Reduction:
    """The reduction that `split` asks for, fitted on its scaled training part (rows, n_features)."""
    return fit_reduction(split.reduction, features, split.labels["train"], derive_seed(split.seed, "reduction"))


def count_inputs(split: Split) -> int:
    """How many inputs a network on `split` has. PCA by a share of the variance is fitted for it: seconds on MNIST."""
    asked = count_asked(split.reduction, split.n_features)
    if asked is not None:
        return asked
    return fit_split_reduction(split, fit_scaling(split).apply(split.inputs["train"])).n_kept
