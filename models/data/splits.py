"""The three parts of a data set: validation held out of the training part, by class and by a seed; or folds of it."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.core.errors import ConfigError
from models.core.seeds import derive_seed
from models.data.dataset import Array, Dataset
from models.data.reduction import check_fits
from models.data.stratified import stratified_folds, stratified_split

PREPROCESSINGS = ("rescale", "standardise", "none")
PARTS = ("train", "validation", "test")

Float = NDArray[np.float32]
Labels = NDArray[np.int32]


@dataclass(frozen=True)
class Split:
    """Raw inputs (rows, *input_shape) and labels (rows,) of the three parts."""

    inputs: dict[str, Array]
    labels: dict[str, Labels]
    n_classes: int
    preprocessing: str
    data_sha256: str
    reduction: str = "none"
    """As models.data.reduction.check_reduction writes it."""
    seed: int = 0
    """What the parts were drawn by."""
    fold_of: NDArray[np.int64] | None = None
    """The fold, from 0, of each training row, where trials are cross-validated."""

    def rows(self, part: str) -> int:
        return len(self.labels[part])

    @property
    def folds(self) -> int:
        """How many folds the training part is cut into; 0: none."""
        return 0 if self.fold_of is None else int(self.fold_of.max()) + 1

    def fold(self, number: int) -> "Split":
        """What one fold, from 0, is scored by: the other folds to train on, and it in the place of the test part."""
        out = self.fold_of == number
        inputs, labels = self.inputs["train"], self.labels["train"]
        return replace(
            self,
            inputs=self.inputs | {"train": inputs[~out], "test": inputs[out]},
            labels=self.labels | {"train": labels[~out], "test": labels[out]},
            fold_of=None,
        )

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.inputs["train"].shape[1:]

    @property
    def input_dtype(self) -> str:
        return str(self.inputs["train"].dtype)

    @property
    def n_features(self) -> int:
        return int(np.prod(self.input_shape))


def split_dataset(
    dataset: Dataset,
    validation: float,
    seed: int,
    preprocessing: str = "rescale",
    reduction: str = "none",
    folds: int = 0,
) -> Split:
    """Holds `validation` (a fraction below 1, else a count of rows) out of the training part, stratified by class.

    With `folds`, what is left is cut into so many. The test part is never touched by either.

    Raises:
        ConfigError: the part asked for is empty or everything, a class has too few rows to be in both, or in all
            folds, or the training part cannot be reduced as asked for.
    """
    rows, smallest = len(dataset.y_train), int(np.bincount(dataset.y_train).min())
    held_out = round(validation * rows) if validation < 1 else int(validation)
    if not dataset.n_classes <= held_out <= rows - dataset.n_classes or smallest < 2:
        raise ConfigError(
            f"validation must leave at least a row of each of the {dataset.n_classes} classes on either side, "
            f"got {validation:g} of {rows} rows (smallest class: {smallest})"
        )
    kept, held = stratified_split(dataset.y_train, held_out, seed)
    x = {"train": dataset.x_train[kept], "validation": dataset.x_train[held], "test": dataset.x_test}
    y = {"train": dataset.y_train[kept], "validation": dataset.y_train[held], "test": dataset.y_test}
    labels = {part: values.astype(np.int32) for part, values in y.items()}
    check_fits(reduction, x["train"])
    split = Split(x, labels, dataset.n_classes, preprocessing, dataset.sha256, reduction, seed)
    if not folds:
        return split
    smallest = int(np.bincount(labels["train"]).min())
    if folds > smallest:
        raise ConfigError(
            f"folds must be at most the rows of the smallest class, {smallest} of {split.rows('train')} beside the "
            f"validation part, got {folds}"
        )
    return replace(split, fold_of=stratified_folds(labels["train"], folds, derive_seed(seed, "folds")))


def split_by(
    dataset: Dataset,
    validation: float,
    preprocessing: str,
    split_seed: int,
    reduction: str = "none",
    folds: int = 0,
) -> Split:
    """The three parts of `dataset`; a trial's run has these arguments as its tags."""
    return split_dataset(dataset, validation, derive_seed(split_seed, "validation"), preprocessing, reduction, folds)
