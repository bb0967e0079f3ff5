"""A study read from Optuna's storage: its attempts, and how far the study is. Nothing here writes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import optuna
from optuna.storages import RDBStorage
from optuna.trial import TrialState

from analysis.reading.addresses import sqlite_file
from models.core import names
from search.stores.optuna_internals import TrialRow, read_trials
from search.stores.recorded import RecordedAttempt
from search.stores.states_in_stores import state_in_optuna
from search.study.growing import TrialEnd

ASIDE = "set_aside"
"""The study's attribute that lists, by Optuna's numbers, the trials that no longer count."""
ATTRIBUTES = (
    names.TRIAL_NUMBER, names.ATTEMPT, names.STATE_REASON, names.RUN_ID, names.SEED, names.CONFIG_HASH,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class OptunaAttempt(RecordedAttempt):
    """An attempt as Optuna has it."""

    seed: int
    trial: int
    """Optuna's own number of the trial that holds the attempt."""


def results_of(attempts: Iterable[OptunaAttempt]) -> dict[int, TrialEnd]:
    """The result of each number that has ended."""
    return {each.number: each.end for each in attempts if each.final}


def is_ours(row: TrialRow) -> bool:
    """Whether a trial is an attempt of the driver: its attributes say so."""
    kinds = {names.TRIAL_NUMBER: int, names.ATTEMPT: int, names.SEED: int, names.CONFIG_HASH: str}
    return all(isinstance(row.user_attrs.get(name), kind) for name, kind in kinds.items())


def attempts_in(rows: Sequence[TrialRow], aside: Sequence[int], test_name: str = "") -> list[tuple[int, OptunaAttempt]]:
    """Every attempt with its trial's ID, in the order of creation; `test_name` is the test score's attribute."""
    return [(row.trial_id, _attempt(row, test_name)) for row in rows if is_ours(row) and row.number not in aside]


def study_id_of(storage: RDBStorage, name: str) -> int | None:
    try:
        return storage.get_study_id_from_name(name)
    except KeyError:
        return None


@dataclass(frozen=True)
class Stored:
    """The facts of a study that can be read without opening it."""

    planned: int = 0
    results: Mapping[int, TrialEnd] = field(default_factory=dict)
    """By plan number."""
    parent_run_id: str = ""
    data_sha256: str = ""
    plan_hash: str = ""

    @property
    def finished(self) -> frozenset[int]:
        return frozenset(self.results)


def study_names(url: str) -> list[str]:
    """The names of the studies in a storage. Creates no database."""
    file = sqlite_file(url)
    return [] if file is not None and not file.exists() else optuna.get_all_study_names(storage=url)


def look_up(url: str, name: str) -> Stored:
    """The facts of the stored study; empty where there is none. Creates no database."""
    file = sqlite_file(url)
    if file is not None and not file.exists():
        return Stored()
    storage = RDBStorage(url)
    study_id = study_id_of(storage, name)
    if study_id is None:
        return Stored()
    facts = storage.get_study_user_attrs(study_id)
    attempts = attempts_in(read_trials(storage, study_id, ATTRIBUTES), facts.get(ASIDE, ()))
    known = {fact: str(facts.get(fact, "")) for fact in (names.PARENT_RUN_ID, names.DATA_SHA256, names.PLAN_HASH)}
    return Stored(int(facts.get(names.PLANNED_TRIALS, 0)), results_of(attempt for _, attempt in attempts), **known)


def _attempt(row: TrialRow, test_name: str) -> OptunaAttempt:
    attributes = row.user_attrs
    return OptunaAttempt(
        number=attributes[names.TRIAL_NUMBER],
        attempt=attributes[names.ATTEMPT],
        state=state_in_optuna(row.state.name),
        reason=attributes.get(names.STATE_REASON, ""),
        score=row.value if row.state == TrialState.COMPLETE else None,
        test_score=attributes.get(test_name),
        run_id=attributes.get(names.RUN_ID, ""),
        seed=attributes[names.SEED],
        config_hash=attributes[names.CONFIG_HASH],
        trial=row.number,
    )
