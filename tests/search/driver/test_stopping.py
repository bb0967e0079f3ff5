"""The stop rule hears of one trial after the other, and ends the search where the table of all of them would."""

import random
from dataclasses import replace

import numpy as np
import pandas as pd

from analysis.estimates.doubling import stop_at
from analysis.reading.table import TrialTable
from models.tasks.objective import Objective
from search.driver.stopping import StopRule
from search.study.settings import StudySettings


def test_told_trial_by_trial_in_any_order_it_decides_as_the_whole_table_does(settings: StudySettings) -> None:
    draw = np.random.default_rng(4)
    scores = 0.5 + 0.5 * draw.beta(4, 1, 400)
    states = np.where(draw.random(400) < 0.1, "failed", "complete")
    frame = pd.DataFrame(
        {
            "number": range(400),
            "state": states,
            "state_reason": np.where(states == "failed", "diverged", ""),
            "val_accuracy": scores,
            "test_accuracy": scores,
        }
    )
    table = TrialTable(frame, "small", "random")
    for threshold in (0.1, 0.03):
        wanted = stop_at(table, threshold)
        assert wanted is not None
        rule = StopRule(threshold, replace(settings, trials=400), Objective("val_accuracy"), {})
        order = sorted(range(400), key=lambda number: number + random.Random(number).random() * 7)
        for number in order:
            rule.add(number, str(states[number]), float(scores[number]) if states[number] == "complete" else None)
            rule.add(number, "failed", None)  # heard of before: it counts once
        assert rule.stopped_at == wanted
