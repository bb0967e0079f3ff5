"""Trials that another program ran, in one form for all sources, and the claims that a user makes of the trials."""

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
"""How trials can have been drawn. No source says it for certain, so the user says it."""


@dataclass(frozen=True)
class ForeignTrial:
    """One trial of another program."""

    number: int
    state: str
    """One of models.core.states, `running` included."""
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    """Name of a metric -> its final value."""
    reason: str = ""
    seconds: float = math.nan
    where: str = ""
    """What the source calls the trial."""
    given: bool = False
    """Whether somebody chose the parameters: the trial was enqueued, or added whole."""
    space: Mapping[str, str] = field(default_factory=dict)
    """Parameter -> the domain that it was drawn from, where the source knows the domain."""


@dataclass(frozen=True)
class ForeignStudy:
    """A study of another program, as its source describes it."""

    name: str
    source: str
    """The kind of source in words: "an Optuna study"."""
    trials: tuple[ForeignTrial, ...]
    direction: Direction | None = None
    metric: str = ""
    """The metric that trials were chosen by, where the source says it."""
    deleted: int = 0
    """The number of trials that were deleted from the study, or are missing in it."""
    method: str = ""
    """How trials were drawn, one of SAMPLERS, where the source shows it."""
    cells: int | None = None
    """The number of cells of the study's grid, where the source says it."""


@dataclass(frozen=True)
class Claims:
    """What a user says of a study; an empty field leaves the answer to the source, or to a default."""

    sampler: str
    metric: str = ""
    test_metric: str = ""
    direction: str = ""
    bounds: tuple[float, float] | None = None
    worst: tuple[float, float] | None = None
    """The validation and the test score of a failed trial, for a metric without a worst value."""
    rows: int | None = None
    """The number of test rows, from which a test accuracy's own error follows."""


def objective_of(study: ForeignStudy, claims: Claims) -> Objective:
    """What the trials were chosen by.

    Raises:
        ValueError: the source has several metrics and none is named, the metric is one of the test part, or the
            metric's direction or bounds are not known.
    """
    found = sorted({name for trial in study.trials for name in trial.metrics})
    name = _metric_name(study, claims, found)
    test = claims.test_metric or _test_of(name, found)
    if test and test not in found:
        raise ValueError(f"--test-metric is one of {listed(found)}, got {shown(test)}{did_you_mean(test, found)}")
    known = METRICS.get(name.removeprefix(names.VAL).removeprefix("validation_"))
    direction = claims.direction or study.direction or (known.direction if known else "")
    if direction not in ("maximize", "minimize"):
        raise ValueError(
            f"--direction of {name} is maximize or minimize, got {shown(direction) if direction else 'none'}"
        )
    low, high = _bounds(name, claims, known if known is not None and known.direction == direction else None)
    metric = Metric(known.name if known else name, known.label if known else name, direction, low, high)  # type: ignore[arg-type]
    return Objective(name, metric, test or f"{names.TEST}{name}")


def _metric_name(study: ForeignStudy, claims: Claims, found: Sequence[str]) -> str:
    """The metric of `found` that the trials were chosen by."""
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
    return name


def _bounds(name: str, claims: Claims, known: Metric | None) -> tuple[float, float]:
    """The lowest and the highest value of a metric; `known` has the bounds of this project's metric of the name."""
    if claims.bounds is not None:
        return claims.bounds
    if known is not None:
        return known.low, known.high
    if claims.worst is not None:
        return -math.inf, math.inf
    raise ValueError(
        f"--bounds LOW,HIGH are the lowest and the highest value that {name} can have (0,1 of an accuracy); of a "
        "metric without a worst value --worst VALIDATION,TEST says what stands for a failed trial: got neither"
    )


def baselines_of(objective: Objective, claims: Claims) -> Baselines:
    """The scores of a failed trial, for a metric without a worst value; empty for any other metric."""
    if claims.worst is None:
        return {}
    return {CONSTANT: {objective.name: claims.worst[0], objective.test_name: claims.worst[1]}}


def rows_of(study: ForeignStudy, objective: Objective) -> list[dict[str, Any]]:
    """The study's trials as rows of a trials table, without the trials that still run."""
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
    """The only metric, or the only metric of the validation part; empty where there are several."""
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
