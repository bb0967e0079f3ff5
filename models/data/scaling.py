"""Everything fitted on the training part: the encoding and scaling of inputs, the scaling of targets, the reduction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from models.core.errors import ConfigError
from models.core.rounding import is_constant
from models.core.seeds import derive_seed
from models.data.dataset import PARTS, Array
from models.data.reduction import Reduction, count_asked, fit_reduction
from models.data.served import CATEGORY, NUMERIC, Column, EncodedColumn, encode

if TYPE_CHECKING:  # splits.py imports this file, to check that a new split can be scaled
    from models.data.splits import Split

Float = NDArray[np.floating]

MOST_CATEGORIES = 100
"""The most features of one column; rarer categories of the training part count as unknown."""
# Beyond this ratio of a column's size to its spread, float32 would keep fewer than 14 of its 24 bits.
_ILL_CONDITIONED = 2.0**10
_LOST = 2.0**-14
_LARGE = float(np.finfo(np.float32).max) / 4


@dataclass(frozen=True)
class Scaling:
    """The scaling of arrays: inputs (rows, n_features) * scale + offset, as float32.

    The computation is in the type of `scale`: float32, or float64 where float32 would make different rows equal.
    """

    scale: Float
    offset: Float

    @property
    def n_features(self) -> int:
        return len(self.scale)

    def apply(self, inputs: Array) -> NDArray[np.float32]:
        """`inputs` (rows, ...) as (rows, n_features), scaled."""
        with np.errstate(over="ignore", invalid="ignore"):  # refused where the split is made
            flat = inputs.reshape(len(inputs), -1).astype(self.scale.dtype)
            flat *= self.scale
            flat += self.offset
            return flat.astype(np.float32, copy=False)


@dataclass(frozen=True)
class TableEncoding:
    """The encoding of a table: gaps filled, numbers standardised, categories one-hot."""

    columns: tuple[EncodedColumn, ...]

    @property
    def features(self) -> list[str]:
        return [name for column in self.columns for name in column.features]

    @property
    def n_features(self) -> int:
        return len(self.features)

    @property
    def places(self) -> dict[str, tuple[int, int]]:
        """For each column, the number of its first feature and that after its last."""
        ends = np.cumsum([len(column.features) for column in self.columns]).tolist()
        begins = [0, *ends[:-1]]
        return {column.column.name: (b, e) for column, b, e in zip(self.columns, begins, ends, strict=True)}

    def apply(self, inputs: Array) -> NDArray[np.float32]:
        """Coded rows (rows, columns) as (rows, n_features)."""
        return encode(inputs.astype(np.float64, copy=False), self.columns)


@dataclass(frozen=True)
class TargetScaling:
    """The standardisation of numbers to predict (rows, targets)."""

    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    """(targets,), above 0."""

    def apply(self, numbers: Array) -> NDArray[np.float32]:
        return ((numbers - self.centre) / self.spread).astype(np.float32)

    def in_units(self, outputs: Array) -> NDArray[np.float64]:
        """A network's outputs in the user's units."""
        return outputs.astype(np.float64) * self.spread + self.centre


Features = Scaling | TableEncoding


@dataclass(frozen=True)
class Preprocessing:
    """Everything between the user's raw rows and a network's inputs, and between its outputs and the user's units."""

    features: Features
    input_shape: tuple[int, ...]
    """The shape of one raw row."""
    input_dtype: str
    reduction: Reduction | None = None
    targets: TargetScaling | None = None
    """For a regression alone."""


def fit_scaling(split: Split) -> Features:
    """The scaling or encoding of `split`, fitted on the training part alone, never on validation or test rows.

    Raises:
        ConfigError: float32 would lose the differences between the rows of a feature.
    """
    if split.columns:
        columns = zip(split.columns, split.inputs["train"].T, strict=True)
        return TableEncoding(tuple(_encoded(column, values) for column, values in columns))
    n, rows = split.n_inputs, split.rows("train")
    train = split.inputs["train"].reshape(rows, n)
    low, high = train.min(axis=0).astype(np.float64), train.max(axis=0).astype(np.float64)
    size = np.maximum(np.abs(low), np.abs(high))
    if split.preprocessing != "standardise":
        largest = float(size.max()) or 1.0
        factor = 1 / largest if split.preprocessing == "rescale" else 1.0
        _refuse_lost(split.preprocessing, high - low, size, rows)
        wide = largest > _LARGE and split.preprocessing == "rescale"
        dtype = np.float64 if wide else np.float32
        return Scaling(np.full(n, factor, dtype), np.zeros(n, dtype))
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = train.mean(axis=0, dtype=np.float64), train.std(axis=0, dtype=np.float64)
    deviation[is_constant(high - low, size, rows)] = 0  # the squares of equal numbers near 1e300 are infinite
    if not np.isfinite(deviation).all():
        k = int(np.flatnonzero(~np.isfinite(deviation))[0])
        raise ConfigError(
            f"standardise needs features whose squares float64 can hold, got feature {k} up to {size[k]:g}"
        )
    # A feature whose rows differ by rounding alone is not blown up: its scale is 1, or small enough for float32.
    scale = 1 / np.where(is_constant(deviation, size, rows), np.where(size > _LARGE, size, 1.0), deviation)
    offset = -mean * scale
    wide = bool(np.abs(offset).max() > _ILL_CONDITIONED or size.max() > _LARGE)
    dtype = np.float64 if wide else np.float32
    return Scaling(scale.astype(dtype), offset.astype(dtype))


def fit_targets(split: Split) -> TargetScaling | None:
    """The standardisation of a regression's targets, fitted on the training part alone; None for classes.

    Raises:
        ConfigError: a target is the same in every training row.
    """
    if split.n_classes:
        return None
    numbers = split.labels["train"]
    centre, spread = numbers.mean(axis=0), numbers.std(axis=0)
    constant = is_constant(spread, np.abs(numbers).max(axis=0), len(numbers))
    if constant.any():
        value = numbers[0, int(np.flatnonzero(constant)[0])]
        raise ConfigError(f"a target must differ between training rows, got {value:g} in each of {len(numbers)}")
    return TargetScaling(centre, spread)


def fit_split_reduction(split: Split, features: NDArray[np.float32]) -> Reduction:
    """The reduction that `split` asks for, fitted on its scaled training part (rows, n_features)."""
    labels = split.labels["train"]
    return fit_reduction(split.reduction, features, labels, derive_seed(split.seed, "reduction"))


def count_inputs(split: Split) -> int:
    """How many inputs a network on `split` has. For PCA by a share of the variance, PCA is fitted: seconds on MNIST."""
    encoding = fit_scaling(split) if split.columns else None
    n_features = encoding.n_features if encoding else split.n_inputs
    asked = count_asked(split.reduction, n_features)
    if asked is not None:
        return asked
    return fit_split_reduction(split, (encoding or fit_scaling(split)).apply(split.inputs["train"])).n_kept


def check_scaled(split: Split) -> None:
    """Checks that every part stays finite in float32, which cannot hold 1e39, once it is scaled.

    Raises:
        ConfigError: an input becomes infinite or NaN.
    """
    if split.inputs["train"].dtype.kind in "ui" and split.inputs["train"].dtype.itemsize < 4:
        return  # 16 bits at most: mostly images, whose many pixels would all be looked at
    features = fit_scaling(split)
    for part in PARTS:
        rows = split.inputs[part].reshape(split.rows(part), -1)
        # Scaling keeps the order within a feature: all rows are finite exactly where the lowest and highest are.
        ends = np.stack([np.nanmin(rows, axis=0), np.nanmax(rows, axis=0)]) if not split.columns else rows
        wrong = np.flatnonzero(~np.isfinite(features.apply(ends)).all(axis=0))
        if len(wrong):
            raise ConfigError(
                f"inputs must be finite in float32 once they are scaled ({split.preprocessing}), got up to "
                f"{np.nanmax(np.abs(rows)):g} in the {part} part, feature {int(wrong[0])}"
            )


def _encoded(column: Column, values: Array) -> EncodedColumn:
    present = values[~np.isnan(values)].astype(np.float64)
    if not len(present):
        return EncodedColumn(column, 0.0)
    known, counts = np.unique(present, return_counts=True)
    frequent = float(known[counts.argmax()])
    if column.kind == CATEGORY:
        ranked = known[np.argsort(-counts, kind="stable")][:MOST_CATEGORIES]
        return EncodedColumn(column, frequent, kept=tuple(sorted(int(code) for code in ranked if code >= 0)))
    fill = float(np.median(present)) if column.kind == NUMERIC else frequent
    filled = np.where(np.isnan(values), fill, values)
    with np.errstate(over="ignore", invalid="ignore"):
        centre, deviation, size = float(filled.mean()), float(filled.std()), float(np.abs(filled).max())
    if not np.isfinite(deviation):
        raise ConfigError(f"column {column.name} must hold numbers whose squares float64 can hold, got up to {size:g}")
    constant = bool(is_constant(deviation, size, len(filled)))
    return EncodedColumn(column, fill, centre, 1.0 if constant else 1 / deviation)


def _refuse_lost(preprocessing: str, span: Array, size: Array, rows: int) -> None:
    """Refuses a feature whose rows differ too little for the bits of float32, unless the mean is taken off first."""
    lost = (span < _LOST * size) & ~is_constant(span, size, rows)
    if lost.any():
        k = int(np.flatnonzero(lost)[0])
        raise ConfigError(
            f"preprocessing {preprocessing} would make different rows of feature {k} equal, which is "
            f"{size[k]:.10g} at most and differs by {span[k]:g}; preprocessing: standardise takes its "
            "mean off first, or leave it out"
        )
