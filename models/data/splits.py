"""The three parts of a data set: validation held out of the training part, by class and by a seed; and folds."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.core.errors import ConfigError
from models.core.seeds import derive_seed
from models.core.suggestions import did_you_mean
from models.data.dataset import PARTS as PARTS
from models.data.dataset import Array, Dataset
from models.data.labels import CLASSIFICATION, Target
from models.data.reduction import check_fits
from models.data.scaling import check_scaled, fit_scaling, fit_targets
from models.data.served import Column
from models.data.stratified import Rows, grouped_parts, grouped_split, stratified_folds, stratified_split

PREPROCESSINGS = ("rescale", "standardise", "none")
CLASS_WEIGHTS = ("none", "balanced")


@dataclass(frozen=True)
class Split:
    """Raw inputs (rows, *input_shape) and labels of the three parts."""

    inputs: dict[str, Array]
    labels: dict[str, Array]
    """By part: (rows,), int32 in 0 .. K-1; for a regression (rows, targets), float64 in the user's units."""
    target: Target
    preprocessing: str
    data_sha256: str
    reduction: str = "none"
    """As models.data.reduction.check_reduction writes it."""
    seed: int = 0
    """The seed that the parts were drawn by."""
    fold_of: NDArray[np.int64] | None = None
    """The fold, from 0, of each training row, where trials are cross-validated."""
    columns: tuple[Column, ...] = ()
    """The columns of a table; empty for arrays."""
    weights: NDArray[np.float64] | None = None
    """(rows,) of the training part: the factor of each row's training loss; the mean is 1."""
    objective: str = ""
    """The metric that trials are chosen by, measured each epoch; empty for the task's default."""

    def rows(self, part: str) -> int:
        return len(self.labels[part])

    @property
    def n_classes(self) -> int:
        """The number of classes; 0 for a regression."""
        return len(self.target.classes)

    @property
    def folds(self) -> int:
        """How many folds the training part is cut into; 0 without cross-validation."""
        return 0 if self.fold_of is None else int(self.fold_of.max()) + 1

    def fold(self, number: int) -> "Split":
        """The split that scores one fold, from 0: the other folds are its training part, the fold is its test part."""
        out = self.fold_of == number
        inputs, labels = self.inputs["train"], self.labels["train"]
        return replace(
            self,
            inputs=self.inputs | {"train": inputs[~out], "test": inputs[out]},
            labels=self.labels | {"train": labels[~out], "test": labels[out]},
            weights=None if self.weights is None else self.weights[~out] / self.weights[~out].mean(),
            fold_of=None,
        )

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.inputs["train"].shape[1:]

    @property
    def input_dtype(self) -> str:
        return str(self.inputs["train"].dtype)

    @property
    def n_inputs(self) -> int:
        """How many numbers a raw row has: pixels, or columns of a table."""
        return int(np.prod(self.input_shape))


def split_dataset(
    dataset: Dataset,
    validation: float,
    seed: int,
    preprocessing: str = "",
    reduction: str = "none",
    folds: int = 0,
    class_weight: str = "none",
    objective: str = "",
) -> Split:
    """Holds `validation` (a fraction below 1, else a count of rows) out of the training part, stratified by class.

    With `folds`, the rest of the training part is cut into so many folds. The test part stays untouched by both.
    `preprocessing` is one of PREPROCESSINGS; empty, arrays are rescaled and a table's columns standardised.

    Raises:
        ConfigError: the part asked for is empty or everything, a class has too few rows to be in both, or in all
            folds, or the training part cannot be scaled or reduced as asked for.
    """
    preprocessing = _preprocessing(dataset, preprocessing)
    kept, held = _validation_apart(dataset, validation, seed)
    kind = np.int32 if dataset.target.task == CLASSIFICATION else np.float64
    y_train, y_test = dataset.y_train.astype(kind), dataset.y_test.astype(kind)
    split = Split(
        inputs={"train": dataset.x_train[kept], "validation": dataset.x_train[held], "test": dataset.x_test},
        labels={"train": y_train[kept], "validation": y_train[held], "test": y_test},
        target=dataset.target,
        preprocessing=preprocessing,
        data_sha256=dataset.sha256,
        reduction=reduction,
        seed=seed,
        columns=dataset.columns,
        weights=_weights(dataset, kept, class_weight),
        objective=objective,
    )
    if reduction != "none":
        train = split.inputs["train"]
        check_fits(reduction, fit_scaling(split).apply(train) if split.columns else train)
    check_scaled(split)
    fit_targets(split)
    groups = None if dataset.groups is None else dataset.groups[kept]
    return replace(split, fold_of=_folds(dataset.strata[kept], groups, folds, seed))


def split_by(
    dataset: Dataset,
    validation: float,
    preprocessing: str,
    split_seed: int,
    reduction: str = "none",
    folds: int = 0,
    class_weight: str = "none",
    objective: str = "",
) -> Split:
    """As `split_dataset`, by the seed of a study; a trial's run has these arguments as tags."""
    seed = derive_seed(split_seed, "validation")
    return split_dataset(dataset, validation, seed, preprocessing, reduction, folds, class_weight, objective)


def _validation_apart(dataset: Dataset, validation: float, seed: int) -> tuple[Rows, Rows]:
    """The row numbers of the training part that are kept, and those held out for validation."""
    strata, rows = dataset.strata, len(dataset.y_train)
    held_out = round(validation * rows) if validation < 1 else int(validation)
    smallest, n_strata = int(np.bincount(strata).min()), int(strata.max()) + 1
    if not n_strata <= held_out <= rows - n_strata or smallest < 2:
        least = f"each of the {dataset.n_classes} classes" if dataset.n_classes else "the data"
        raise ConfigError(
            f"validation must leave at least a row of {least} on either side, got {validation:g} of {rows} rows"
            + (f" (smallest class: {smallest})" if dataset.n_classes else "")
        )
    if dataset.groups is None:
        return stratified_split(strata, held_out, seed)
    kept, held = grouped_split(strata, dataset.groups, held_out, seed)
    _check_sides(strata, kept, held, dataset.groups)
    return kept, held


def _preprocessing(dataset: Dataset, asked: str) -> str:
    if asked and asked not in PREPROCESSINGS:
        known = ", ".join(PREPROCESSINGS)
        raise ConfigError(f"preprocessing must be one of {known}, got {asked!r}{did_you_mean(asked, PREPROCESSINGS)}")
    if not dataset.columns:
        return asked or "rescale"
    if asked not in ("", "standardise"):
        raise ConfigError(
            f"a table's columns are encoded by preprocessing: standardise, got {asked!r} for {dataset.name}"
        )
    return "standardise"


def _weights(dataset: Dataset, kept: NDArray[np.int64], class_weight: str) -> NDArray[np.float64] | None:
    """The weight of each training row: the data's own; with "balanced", the weights of each class have the same sum."""
    if class_weight not in CLASS_WEIGHTS:
        known = ", ".join(CLASS_WEIGHTS)
        raise ConfigError(f"class_weight must be one of {known}, got {class_weight!r}")
    weights = np.ones(len(kept)) if dataset.weights is None else dataset.weights[kept]
    if class_weight == "balanced":
        if not dataset.n_classes:
            raise ConfigError("class_weight belongs to a classification, got balanced for a regression")
        sums = np.bincount(dataset.strata[kept], weights)
        weights = weights / np.where(sums > 0, sums, 1)[dataset.strata[kept]]
    elif dataset.weights is None:
        return None
    if not weights.sum() > 0:
        raise ConfigError(f"weights of {dataset.name} must be above 0 in some training rows, got none")
    return np.asarray(weights / weights.mean())


def _folds(strata: NDArray[np.int64], groups: Array | None, folds: int, seed: int) -> NDArray[np.int64] | None:
    if not folds:
        return None
    if groups is not None:
        fold_of = grouped_parts(strata, groups, (1 / folds,) * folds, derive_seed(seed, "folds"))
        for number in range(folds):
            _check_sides(strata, np.flatnonzero(fold_of != number), np.flatnonzero(fold_of == number), groups)
        return fold_of
    smallest = int(np.bincount(strata).min())
    if folds > smallest:
        raise ConfigError(
            f"folds must be at most the rows of the smallest class, {smallest} of {len(strata)} beside the "
            f"validation part, got {folds}"
        )
    return stratified_folds(strata, folds, derive_seed(seed, "folds"))


def _check_sides(strata: NDArray[np.int64], kept: NDArray[np.int64], held: NDArray[np.int64], groups: Array) -> None:
    """Checks that both sides have a row of each class, which groups that stay whole can prevent.

    Raises:
        ConfigError: one side lacks a class.
    """
    n = int(strata.max()) + 1
    if min(np.bincount(strata[kept], minlength=n).min(), np.bincount(strata[held], minlength=n).min()) < 1:
        raise ConfigError(
            f"each side of a split needs a row of each class, which {len(np.unique(groups))} groups that may not be "
            f"torn apart do not allow: got {len(kept)} and {len(held)} rows"
        )
