"""Reads and writes in Optuna's tables themselves, and the attributes that its dashboard reads.

Optuna's own calls take one value a transaction, and load whole trials to read one. The tables are those of the version
that conda.yaml pins; tests/search/stores/test_optuna_internals.py holds them to Optuna's own readers and fails first
when an upgrade changes them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from optuna.artifacts import ArtifactMeta
from optuna.artifacts._upload import ARTIFACTS_ATTR_PREFIX
from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.storages import RDBStorage
from optuna.storages._rdb import models as tables
from optuna.trial import TrialState
from sqlalchemy import Connection, delete, func, insert, select


@dataclass(frozen=True)
class TrialRow:
    """A trial without its parameters and intermediate values."""

    trial_id: int
    number: int
    """Optuna's own number, from 0 in the order the trials were made."""
    state: TrialState
    value: float | None
    user_attrs: Mapping[str, Any]


def read_trials(storage: RDBStorage, study_id: int, attributes: Sequence[str]) -> list[TrialRow]:
    """The study's trials in the order they were made, with the user attributes of these names."""
    trials, values, user = tables.TrialModel, tables.TrialValueModel, tables.TrialUserAttributeModel
    of_study = trials.study_id == study_id
    with storage.engine.connect() as connection:
        rows = connection.execute(
            select(trials.trial_id, trials.number, trials.state).where(of_study).order_by(trials.trial_id)
        ).all()
        scores = connection.execute(select(values.trial_id, values.value).join(trials).where(of_study))
        value_of = {row.trial_id: row.value for row in scores}
        attributes_of: dict[int, dict[str, Any]] = {row.trial_id: {} for row in rows}
        wanted = select(user.trial_id, user.key, user.value_json).join(trials).where(of_study, user.key.in_(attributes))
        for trial_id, key, text in connection.execute(wanted):
            attributes_of[trial_id][key] = json.loads(text)
    return [TrialRow(each, n, state, value_of.get(each), attributes_of[each]) for each, n, state in rows]


def insert_trial(
    storage: RDBStorage,
    study_id: int,
    params: Mapping[str, Any],
    distributions: Mapping[str, BaseDistribution],
    user_attrs: Mapping[str, Any],
) -> int:
    """Makes a running trial in one transaction, and returns its ID.

    Optuna's own calls look through the study once for each parameter and attribute, and take four times as long.
    """
    trials = tables.TrialModel.__table__
    with storage.engine.begin() as connection:
        # Optuna gives the next number while it holds the study's row; the one driver of a study needs no lock.
        number = connection.execute(select(func.count()).where(trials.c.study_id == study_id)).scalar_one()
        now = datetime.now(UTC).replace(tzinfo=None)
        row = insert(trials).values(number=number, study_id=study_id, state=TrialState.RUNNING, datetime_start=now)
        (trial_id,) = connection.execute(row).inserted_primary_key
        rows = [
            {
                "trial_id": trial_id,
                "param_name": name,
                "param_value": distributions[name].to_internal_repr(value),
                "distribution_json": distribution_to_json(distributions[name]),
            }
            for name, value in params.items()
        ]
        if rows:
            connection.execute(insert(tables.TrialParamModel), rows)
        attributes = [{"trial_id": trial_id, **each} for each in _attribute_rows(user_attrs)]
        connection.execute(insert(tables.TrialUserAttributeModel), attributes)
    return int(trial_id)


def write_trial(
    storage: RDBStorage,
    trial_id: int,
    values: Mapping[int, float] | None = None,
    user_attrs: Mapping[str, Any] | None = None,
    system_attrs: Mapping[str, Any] | None = None,
) -> None:
    """Sets intermediate values by step, and attributes, of a running trial in one transaction."""
    steps, user, system = (
        tables.TrialIntermediateValueModel,
        tables.TrialUserAttributeModel,
        tables.TrialSystemAttributeModel,
    )
    with storage.engine.begin() as connection:
        _replace(connection, steps, steps.trial_id, trial_id, steps.step, _value_rows(values or {}))
        _replace(connection, user, user.trial_id, trial_id, user.key, _attribute_rows(user_attrs or {}))
        _replace(connection, system, system.trial_id, trial_id, system.key, _attribute_rows(system_attrs or {}))


def write_note(storage: RDBStorage, study_id: int, of: str, text: str) -> None:
    """Writes the note, in Markdown, that the dashboard shows of the study or of a trial.

    `of` is empty for the study, and the trial's ID with a colon for a trial.

    optuna_dashboard.save_note does the same, but its import takes a second, and it reads all notes to write one.
    """
    note = f"dashboard:{of}note"
    rows = _attribute_rows({f"{note}_ver": 1, f"{note}_str:0": text})
    attributes = tables.StudySystemAttributeModel
    with storage.engine.begin() as connection:
        _replace(connection, attributes, attributes.study_id, study_id, attributes.key, rows)


def picture_attribute(artifact: ArtifactMeta) -> dict[str, str]:
    """The system attribute by which a trial has an artifact that was written without optuna.artifacts.upload_artifact.

    upload_artifact draws a random ID, so that a picture written again would be listed twice.
    """
    return {f"{ARTIFACTS_ATTR_PREFIX}{artifact.artifact_id}": json.dumps(asdict(artifact))}


def _replace(
    connection: Connection, table: Any, owner: Any, owner_id: int, key: Any, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Writes rows of one owner, in place of rows with the same keys: written again, they change nothing."""
    if rows:
        connection.execute(delete(table).where(owner == owner_id, key.in_([row[key.key] for row in rows])))
        connection.execute(insert(table), [{owner.key: owner_id, **row} for row in rows])


def _value_rows(values: Mapping[int, float]) -> list[dict[str, Any]]:
    stored = tables.TrialIntermediateValueModel.intermediate_value_to_stored_repr
    rows = ((step, *stored(value)) for step, value in values.items())
    return [{"step": step, "intermediate_value": value, "intermediate_value_type": kind} for step, value, kind in rows]


def _attribute_rows(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value_json": json.dumps(value)} for key, value in attributes.items()]
