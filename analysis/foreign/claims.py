"""A user's claims of a foreign study, checked against its trials: refused, or flagged beside each interval."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pandas as pd

from analysis.estimates.best_of_n import best_of_n
from analysis.estimates.refusals import TREND_FLAGGED, TREND_REFUSED
from analysis.foreign.following import MOST, columns_of, following
from analysis.foreign.trials import SAMPLERS, Claims, ForeignStudy, baselines_of, objective_of, rows_of
from analysis.reading.columns import trials_frame
from analysis.reading.table import TrialTable
from models.core import names, states
from models.core.errors import shown
from models.tasks.objective import Objective

_ADAPTIVE = (
    "best-of-N needs trials that do not look at each other, and an adaptive search's do; what may be said of this one: "
)


def table_of(study: ForeignStudy, claims: Claims) -> TrialTable:
    """The trials table of a foreign study.

    Raises:
        ValueError: a claim is missing, a claim contradicts the trials, or nothing can be estimated from such trials.
    """
    objective = objective_of(study, claims)
    if claims.sampler not in SAMPLERS:
        got = shown(claims.sampler) if claims.sampler else "none"
        raise ValueError(f"--sampler says how the trials were drawn, one of {', '.join(SAMPLERS)}, got {got}")
    if claims.sampler == "adaptive":
        raise ValueError(_ADAPTIVE + _observed(study, objective))
    if study.method and study.method != claims.sampler:
        raise ValueError(f"--sampler is what {study.source} shows, {study.method}, got {claims.sampler}")
    _check_deleted(study)
    _check_given(study)
    _check_one_space(study)
    rows = rows_of(study, objective)
    if not any(row[names.STATE] == states.COMPLETE for row in rows):
        raise ValueError(f"a study has complete trials, got {study.name!r} with none")
    frame = trials_frame(rows, objective)
    table = TrialTable(
        frame,
        study=study.name,
        sampler=claims.sampler,
        first_number=0,
        objective=objective,
        baselines=baselines_of(objective, claims),
        test_rows=claims.rows,
    )
    return replace(table, grid_size=study.cells or _grid_size(table), flags=_flags(study, table))


def _observed(study: ForeignStudy, objective: Objective) -> str:
    scored = [trial for trial in study.trials if trial.state == states.COMPLETE and objective.name in trial.metrics]
    if not scored:
        return "nothing yet, for no trial is complete"
    best = min(scored, key=lambda trial: objective.place(trial.metrics[objective.name], trial.number))
    test = best.metrics.get(objective.test_name)
    tested = "its score on fresh data or seeds" if test is None else f"its test score, {test:g}, of this network"
    return (
        f"the best of its {len(scored)} trials, {best.where}, was observed at {objective.name} "
        f"{best.metrics[objective.name]:g} (optimistic: it was chosen by it), and {tested}"
    )


def _check_deleted(study: ForeignStudy) -> None:
    if study.deleted:
        raise ValueError(
            f"a study has all its trials: missing ones may have been taken out for their scores, got "
            f"{study.source} with {study.deleted} deleted or missing of {len(study.trials) + study.deleted}"
        )


def _check_given(study: ForeignStudy) -> None:
    given = [trial for trial in study.trials if trial.given]
    if given:
        raise ValueError(
            "trials are all drawn in the same way, got parameters that somebody chose (enqueued, or added whole) in "
            f"{len(given)} of {len(study.trials)}, for instance {given[0].where}"
        )


def _check_one_space(study: ForeignStudy) -> None:
    known: dict[str, tuple[str, str]] = {}
    for trial in study.trials:
        for name, domain in trial.space.items():
            before, where = known.setdefault(name, (domain, trial.where))
            if before != domain:
                raise ValueError(
                    f"a study draws from one space, got {name} from {before} in {where} and from {domain} in "
                    f"{trial.where}"
                )


def _grid_size(table: TrialTable) -> int | None:
    """The number of cells of the grid, where the trials cover every cell; else None."""
    if table.sampler != "grid":
        return None
    searched = [names.PARAMS + name for name in table.searched]
    cells = 1
    for name in searched:
        cells *= table.frame[name].nunique()
    return cells if cells == len(table.frame[searched].drop_duplicates()) else None


def _flags(study: ForeignStudy, table: TrialTable) -> tuple[str, ...]:
    """Sentences about assumptions of the intervals that the trials put in doubt."""
    found = _followed(table)
    running = sum(trial.state == states.RUNNING for trial in study.trials)
    if running:
        found.append(f"{running} trials were still running: the trials that finish first are the fast ones.")
    failed = table.frame[(table.frame[names.STATE] == states.FAILED) & (table.frame[names.STATE_REASON] == "")]
    if len(failed):
        found.append(
            f"{len(failed)} trials failed without a reason: they count with the worst score, for they were drawn; "
            f"where a machine was at fault and not their parameters, the curves are too low{_without(table, failed)}."
        )
    twice = sum(count - 1 for count in Counter(_parameters(table)).values()) if table.searched else 0
    if twice:
        found.append(f"{twice} trials repeat the parameters of another one.")
    if table.sampler == "grid" and table.grid_size is None and _is_nested(table):
        found.append(
            "The trials are the beginning of a grid in the order of nested loops: a part of it that is not random, and "
            "no estimate of the whole."
        )
    return tuple(found)


def _followed(table: TrialTable) -> list[str]:
    """A sentence where trials come back to earlier good ones more closely than random draws do; else none.

    Raises:
        ValueError: hardly any random order of the trials follows good scores as closely.
    """
    if table.sampler != "random":
        return []
    scored = table.frame[table.scored]
    columns = columns_of(scored, [names.PARAMS + name for name in table.searched])
    p = following(columns, table.objective.sign * scored[table.objective.name].to_numpy(dtype=float))
    if p >= TREND_FLAGGED:
        return []
    what = f"p = {p:.1g} over the first {min(len(scored), MOST)} complete trials"
    if p < TREND_REFUSED:
        raise ValueError(
            "trials drawn at random do not come back to where earlier scores were good, and a search that looks at its "
            f"scores does: got trials said to be random that do, {what} (their sampler may be adaptive, or list)"
        )
    return [
        f"Trials come back to where earlier scores were good ({what}), as draws at random do in one study of "
        f"{1 / TREND_FLAGGED:.0f}: if the search looked at its scores, no interval here holds."
    ]


def _without(table: TrialTable, failed: pd.DataFrame) -> str:
    """The end of a sentence: what the best of N reaches with the `failed` trials, and without them."""
    kept = table.frame.drop(index=failed.index)
    n = max(len(kept) // 4, 1)
    fewer = replace(table, frame=kept.assign(**{names.NUMBER: range(len(kept))}))
    values = [best_of_n(each, at=[n]).curves["best_val"][n].value for each in (table, fewer)]
    return f": the best of N = {n} reaches {values[0]:.4g} with them and {values[1]:.4g} without"


def _parameters(table: TrialTable) -> list[tuple[str, ...]]:
    searched = [names.PARAMS + name for name in table.searched]
    return [tuple(map(str, row)) for row in table.frame[searched].itertuples(index=False)]


def _is_nested(table: TrialTable) -> bool:
    """Whether some parameter never returns to an earlier value, like the parameter of an outer loop."""
    for name in table.searched:
        values = table.frame[names.PARAMS + name].astype(str).tolist()
        changes = sum(one != other for one, other in pairwise(values))
        if len(values) > 4 and changes == len(set(values)) - 1 and changes < len(values) / 2:
            return True
    return False
