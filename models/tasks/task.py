"""What a network's outputs mean: the loss they are trained by, their metrics, and the evidence that a result keeps."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.data.labels import CLASSIFICATION, Target
from models.tasks.classification import Classification
from models.tasks.regression import Regression


class Task(Protocol):
    """Outputs and truth are arrays of one part of the data, a row each; numbers are in the user's units.

    Another task needs a class of these, a loss in models.networks.formula, and what encodes its labels.
    """

    @property
    def kind(self) -> str:
        """One of models.data.labels.TASKS."""

    @property
    def loss(self) -> str:
        """One of models.networks.formula.LOSSES."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of all its metrics, the loss first."""

    @property
    def costly(self) -> tuple[str, ...]:
        """Those that are measured each epoch only where something looks at them."""

    def scores(
        self, truth: NDArray[Any], outputs: NDArray[np.floating], loss: float, wanted: tuple[str, ...]
    ) -> dict[str, float]:
        """The metrics of `wanted`; `loss` has been measured with the outputs."""

    def evidence(self, truth: NDArray[Any], outputs: NDArray[np.floating]) -> dict[str, Any]:
        """What figures and pages are drawn from, as plain values that JSON can say."""


def task_of(target: Target) -> Task:
    """The task of a data set's target."""
    return Classification(target.classes) if target.task == CLASSIFICATION else Regression(target.names)
