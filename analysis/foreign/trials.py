"""Trials that another program ran, in one form, and the claims that are made of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.core import names, states
from models.core.errors import shown
from models.core.suggestions import did_you_mean, listed
from models.tasks.metrics import METRICS, Direction, Metric
from models.tasks.objective import CONSTANT, Baselines, Objective

SAMPLERS = ("random", "grid", "adaptive")
"""How trials can have been drawn: nothing in them says it for certain, so whoever asks does."""


@dataclass(frozen=True)
class ForeignTrial:
    """One trial."""

    number: int
    state: str
    """One of models.core.states, `running` included."""
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    """Final values by name."""
    reason: str = ""
    seconds: float = math.nan
    where: str = ""
    """What it is called in its source."""
    given: bool = False
    """Whether its parameters were chosen by hand: enqueued, or added whole."""
    space: Mapping[str, str] = field(default_factory=dict)
    """What each parameter was drawn from, where the source knows it."""


@dataclass(frozen=True)
class ForeignStudy:
    """A study as its source has it."""

    name: str
    source: str
    """In words: "an Optuna study"."""
    trials: tuple[ForeignTrial, ...]
    direction: Direction | None = None
    metric: str = ""
    """The one that it says itself it was chosen by."""
    deleted: int = 0
    """Trials that were taken out of it."""
    method: str = ""
    """One of SAMPLERS where the source shows it."""
    cells: int | None = None
    """Of its grid, where the source says."""


@dataclass(frozen=True)
class Claims:
    """What whoever asks says of a study; empty: what the source says, or a default."""

    sampler: str
    metric: str = ""
    test_metric: str = ""
    direction: str = ""
    bounds: tuple[float, float] | None = None
    worst: tuple[float, float] | None = None
    """The validation and the test score that stand for a failed trial, of a metric without a worst value."""
    rows: int | None = None
    """Test rows: a test accuracy's own error follows from them."""


def objective_of(study: ForeignStudy, claims: Claims) -> Objective:
    """What the trials were chosen by.

    Raises:
        ValueError: the source has several metrics and none is named, or it is one of the test part, or its direction or
            bounds are not known.
    """
    found = sorted({name for trial in study.trials for name in trial.metrics})
    name = claims.metric or study.metric or _likely(found)
    if not found:
        raise ValueError(f"a study has trials with scores, got none in {study.name!r}")
    if name not in found:
        said = f"got {shown(name)}{did_you_mean(name, found)}" if name else "got none named"
        raise ValueError(f"--metric is what trials were chosen by, one of {listed(found)}: {said}")
    if "test" in name.lower():
        raise ValueError(
            "trials are chosen on validation: a curve of the best test scores is the optimism that it should be free "
            f"of, got --metric {name!r} (--test-metric says what is reported)"
        )
    test = claims.test_metric or _test_of(name, found)
    if test and test not in found:
        raise ValueError(f"--test-metric is one of {listed(found)}, got {shown(test)}{did_you_mean(test, found)}")
    known = METRICS.get(name.removeprefix(names.VAL).removeprefix("validation_"))
    direction = claims.direction or study.direction or (known.direction if known else "")
    if direction not in ("maximize", "minimize"):
        raise ValueError(
            f"--direction of {name} is maximize or minimize, got {shown(direction) if direction else 'none'}"
        )
    if claims.bounds is not None:
        low, high = claims.bounds
    elif known is not None and known.direction == direction:
        low, high = known.low, known.high
    elif claims.worst is not None:
        low, high = -math.inf, math.inf
    else:
        raise ValueError(
            f"--bounds LOW,HIGH are the lowest and the highest value that {name} can have (0,1 of an accuracy); of one "
            "without a worst value --worst VALIDATION,TEST says what stands for a failed trial: got neither"
        )
    metric = Metric(known.name if known else name, known.label if known else name, direction, low, high)  # type: ignore[arg-type]
    return Objective(name, metric, test or f"{names.TEST}{name}")


def baselines_of(objective: Objective, claims: Claims) -> Baselines:
    """What stands for a failed trial of a metric without a worst value."""
    if claims.worst is None:
        return {}
    return {CONSTANT: {objective.name: claims.worst[0], objective.test_name: claims.worst[1]}}


def rows_of(study: ForeignStudy, objective: Objective) -> list[dict[str, Any]]:
    """As rows of a trials table; trials that still run are left out."""
    return [
        {
            names.NUMBER: trial.number,
            names.STATE: trial.state,
            names.STATE_REASON: trial.reason,
            objective.name: trial.metrics.get(objective.name),
            objective.test_name: trial.metrics.get(objective.test_name),
            names.SECONDS: None if math.isnan(trial.seconds) else trial.seconds,
            names.RUN_ID: trial.where,
            **{f"{names.PARAMS}{name}": value for name, value in trial.parameters.items()},
        }
        for trial in study.trials
        if trial.state in (states.COMPLETE, states.FAILED, states.PRUNED)
    ]


def _likely(found: Sequence[str]) -> str:
    """The one metric that there is, or that is of the validation part."""
    of_validation = [name for name in found if name.lower().startswith(("val_", "validation_", "val/", "valid_"))]
    for candidates in (list(found), of_validation):
        if len(candidates) == 1:
            return candidates[0]
    return ""


def _test_of(name: str, found: Sequence[str]) -> str:
    for before, after in (("val_", "test_"), ("validation_", "test_"), ("val/", "test/"), ("valid_", "test_")):
        other = after + name.removeprefix(before)
        if name.startswith(before) and other in found:
            return other
    return ""
