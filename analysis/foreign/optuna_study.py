"""A study of Optuna's, read through its public API."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from analysis.foreign.trials import ForeignStudy, ForeignTrial
from analysis.reading.addresses import in_one_line, sqlite_file
from models.core import states
from models.core.suggestions import did_you_mean, listed

_ENQUEUED, _GRID, _CELLS = "fixed_params", "grid_id", "search_space"
"""Keys of a trial's system attributes: enqueue_trial writes the first, the grid sampler the others."""
_AT_ONCE = 0.002
"""A trial that was added whole begins and ends within so many seconds."""


def read_optuna(url: str, name: str | None) -> ForeignStudy:
    """The study `name` in the Optuna storage at `url`; without a name, the only study there.

    Raises:
        ValueError: there is no such storage or study, or it has several objectives.
    """
    import optuna

    study = optuna.load_study(study_name=_chosen(url, name), storage=url)
    if len(study.directions) > 1:
        raise ValueError(
            f"best-of-N is of one objective, got the study {study.study_name!r} with {len(study.directions)}: trials "
            "are chosen by none of them alone"
        )
    names_of = study.metric_names or ["value"]
    trials = study.get_trials(deepcopy=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna warns that system attributes are its own
        found = [_trial(trial, names_of[0]) for trial in trials]
        is_grid = bool(trials) and all(_GRID in trial.system_attrs for trial in trials)
        cells = math.prod(map(len, trials[0].system_attrs.get(_CELLS, {}).values())) if is_grid else 0
    return ForeignStudy(
        name=study.study_name,
        source="an Optuna study",
        trials=_with_added_ones_marked(found),
        direction="maximize" if study.direction.name == "MAXIMIZE" else "minimize",
        metric=names_of[0],
        method="grid" if is_grid else "",
        cells=cells or None,
    )


def _chosen(url: str, name: str | None) -> str:
    """The name of the study to read.

    Raises:
        ValueError: there is no such storage or study, or no name is given and the storage has several studies.
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
        return str(known[0])
    if name not in known:
        raise ValueError(f"--study is one of {listed(known) or 'none'}, got {name!r}{did_you_mean(name, known)}")
    return str(name)


def _with_added_ones_marked(trials: Sequence[ForeignTrial]) -> tuple[ForeignTrial, ...]:
    """The trials; complete ones without any duration are marked as given, where most trials take time."""
    slow = sum(trial.seconds > 50 * _AT_ONCE for trial in trials)
    if slow <= len(trials) / 2:  # all trials of such a study may be fast
        return tuple(trials)
    return tuple(
        replace(trial, given=trial.state == states.COMPLETE) if trial.seconds < _AT_ONCE else trial for trial in trials
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


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
