"""Regression: numbers in the user's units, the errors of predictions, and the rows with the largest errors."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.core import names
from models.data.labels import REGRESSION
from models.tasks import metrics
from models.tasks.objective import METRICS_OF

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
MOST_POINTS = 1000
WORST_ROWS = 10


@dataclass(frozen=True)
class Regression:
    """Truth and outputs (rows, targets), in the user's units; the loss is that of standardised targets."""

    targets: tuple[str, ...] = ()
    kind = REGRESSION
    loss = "squares"
    metrics = METRICS_OF[REGRESSION]
    costly: tuple[str, ...] = ()

    def scores(
        self, truth: NDArray[Any], outputs: NDArray[np.floating], loss: float, wanted: tuple[str, ...]
    ) -> dict[str, float]:
        """As models.tasks.task.Task."""
        measures = metrics.OF_NUMBERS
        return {names.LOSS: loss} | {name: measures[name](truth, outputs) for name in wanted if name in measures}

    def evidence(self, truth: NDArray[Any], outputs: NDArray[np.floating]) -> dict[str, Any]:
        """`targets`: a list with one entry for each target.

        An entry has the target's `name`; `rows`, at most MOST_POINTS row numbers of the part, evenly spaced, with the
        `true` and `predicted` numbers; `residual_quantiles`, pairs of a share and the quantile of predicted minus true;
        and `worst`, the WORST_ROWS rows of largest residuals, the largest first, each with row, true and predicted.
        """
        rows = np.unique(np.linspace(0, len(truth) - 1, min(len(truth), MOST_POINTS)).round().astype(int))
        found = []
        for k, name in enumerate(self.targets or ("prediction",)):
            true, predicted = truth[:, k], outputs[:, k].astype(np.float64)
            residuals = predicted - true
            worst = np.argsort(-np.abs(residuals), kind="stable")[:WORST_ROWS]
            found.append(
                {
                    "name": name,
                    "rows": rows.tolist(),
                    "true": true[rows].tolist(),
                    "predicted": predicted[rows].tolist(),
                    "residual_quantiles": [[q, float(np.quantile(residuals, q))] for q in QUANTILES],
                    "worst": [
                        {"row": int(row), "true": float(true[row]), "predicted": float(predicted[row])} for row in worst
                    ],
                }
            )
        return {"targets": found}
