"""The axis of scores shows every score, whatever bounds the metric has."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from analysis.figures.style import score_axis
from models.tasks.metrics import Direction, Metric
from models.tasks.objective import Objective


@pytest.mark.parametrize(
    ("direction", "bounds", "scores", "scale"),
    [
        ("maximize", (0.0, 1.0), [0.3, 0.9, 0.999], "function"),
        ("maximize", (0.0, 1.0), [0.9, 0.91, 1.0], "linear"),
        ("maximize", (0.0, 100.0), [50.0, 90.0, 99.9], "linear"),
        ("maximize", (-1.0, 1.0), [-0.2, 0.5, 0.98], "linear"),
        ("minimize", (0.0, 1.0), [0.001, 0.1, 0.99], "linear"),
        ("minimize", (0.0, np.inf), [3.0, 80.0], "linear"),
    ],
)
def test_every_score_is_on_the_axis_and_a_logarithm_is_taken_of_1_less_scores_from_0_to_1_alone(
    direction: Direction, bounds: tuple[float, float], scores: list[float], scale: str
) -> None:
    axes = Figure().add_subplot()
    score_axis(axes, scores, "score", Objective("val_x", Metric("x", "x", direction, *bounds)))
    low, high = axes.get_ylim()
    assert low < min(scores) < max(scores) < high
    assert axes.get_yscale() == scale
