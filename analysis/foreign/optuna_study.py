"""A study of Optuna's, read through its public API."""

from __future__ import annotations

import math
import warnings
from dataclasses import replace
from typing import Any

from analysis.foreign.trials import ForeignStudy, ForeignTrial
from analysis.reading.addresses import in_one_line, sqlite_file
from models.core import states
from models.core.suggestions import did_you_mean, listed

_ENQUEUED, _GRID, _CELLS = "fixed_params", "grid_id", "search_space"
"""Keys of a trial's system attributes: what enqueue_trial writes, and the grid sampler."""
_AT_ONCE = 0.002
"""Seconds: a trial that was added whole began and ended in so many."""


def read_optuna(url: str, name: str | None) -> ForeignStudy:
    """The study of that name in an Optuna storage, or the only one.

    Raises:
        ValueError: there is no such storage or study, or it has several objectives.
    """
    import optuna

    file = sqlite_file(url)
    if file is not None and not file.is_file():
        raise ValueError(f"--optuna is the address of a storage that exists, got {str(file)!r}, which is no file")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        known = optuna.get_all_study_names(storage=url)
    except Exception as error:  # a server that is away, a database of something else: each has its own kind of error
        raise ValueError(
            f"--optuna is the address of an Optuna storage that answers, got: {in_one_line(error)}"
        ) from None
    if name is None and len(known) == 1:
        name = known[0]
    if name not in known:
        raise ValueError(f"--study is one of {listed(known) or 'none'}, got {name!r}{did_you_mean(name, known)}")
    study = optuna.load_study(study_name=name, storage=url)
    if len(study.directions) > 1:
        raise ValueError(
            f"best-of-N is of one objective, got the study {name!r} with {len(study.directions)}: trials are chosen by "
            "none of them alone"
        )
    names_of = study.metric_names or ["value"]
    trials = study.get_trials(deepcopy=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # system attributes are Optuna's own, and it says so
        found = [_trial(trial, names_of[0]) for trial in trials]
        is_grid = bool(trials) and all(_GRID in trial.system_attrs for trial in trials)
        cells = math.prod(map(len, trials[0].system_attrs.get(_CELLS, {}).values())) if is_grid else 0
    slow = sum(trial.seconds > 50 * _AT_ONCE for trial in found)
    if slow > len(found) / 2:  # else all are that fast
        found = [_given(trial) if trial.seconds < _AT_ONCE else trial for trial in found]
    return ForeignStudy(
        name=str(name),
        source="an Optuna study",
        trials=tuple(found),
        direction="maximize" if study.direction.name == "MAXIMIZE" else "minimize",
        metric=names_of[0],
        method="grid" if is_grid else "",
        cells=cells or None,
    )


def _trial(trial: Any, metric: str) -> ForeignTrial:
    ended = {"COMPLETE": states.COMPLETE, "FAIL": states.FAILED, "PRUNED": states.PRUNED}
    state = ended.get(trial.state.name, states.RUNNING)
    values = {metric: float(trial.value)} if state == states.COMPLETE and trial.value is not None else {}
    numbers = {key: value for key, value in trial.user_attrs.items() if _is_number(value)}
    return ForeignTrial(
        number=trial.number,
        state=state,
        parameters=dict(trial.params),
        metrics=numbers | values,
        seconds=trial.duration.total_seconds() if trial.duration is not None else float("nan"),
        where=f"trial {trial.number}",
        given=_ENQUEUED in trial.system_attrs,
        space={name: str(domain) for name, domain in trial.distributions.items()},
    )


def _given(trial: ForeignTrial) -> ForeignTrial:
    return replace(trial, given=trial.state == states.COMPLETE)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
