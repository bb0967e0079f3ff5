"""The meaning of a network's outputs: the loss of training, the metrics, and the evidence that a result keeps."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.data.labels import CLASSIFICATION, Target
from models.tasks.classification import Classification
from models.tasks.regression import Regression


class Task(Protocol):
    """Outputs and truth are arrays of one part of the data, a row each; numbers are in the user's units.

    A further task needs a class of this kind, a loss in models.networks.formula, and labels in models.data.labels.
    """

    @property
    def kind(self) -> str:
        """One of models.data.labels.TASKS."""

    @property
    def loss(self) -> str:
        """One of models.networks.formula.LOSSES."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of all metrics of the task, the loss first."""

    @property
    def costly(self) -> tuple[str, ...]:
        """The names of the metrics that are measured each epoch only where the monitor or the objective needs them."""

    def scores(
        self, truth: NDArray[Any], outputs: NDArray[np.floating], loss: float, wanted: tuple[str, ...]
    ) -> dict[str, float]:
        """The values of the metrics `wanted`, and the loss, which was measured with the outputs."""

    def evidence(self, truth: NDArray[Any], outputs: NDArray[np.floating]) -> dict[str, Any]:
        """The data of figures and pages, as plain values that JSON can hold."""


def task_of(target: Target) -> Task:
    """The task of a data set's target."""
    return Classification(target.classes) if target.task == CLASSIFICATION else Regression(target.names)
