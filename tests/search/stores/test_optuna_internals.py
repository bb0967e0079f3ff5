"""Rows that are written into Optuna's tables are what its own readers, and its dashboard's, give back."""

from datetime import datetime
from pathlib import Path

import optuna
import pytest
from optuna.artifacts import ArtifactMeta, FileSystemArtifactStore, get_all_artifact_meta, upload_artifact
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages import RDBStorage
from optuna.trial import TrialState, create_trial
from optuna_dashboard._note import get_note_from_system_attrs

from search.stores.optuna_internals import insert_trial, picture_attribute, read_trials, write_note, write_trial
from tests.search.conftest import STORAGE


@pytest.fixture
def storage(workdir: Path) -> RDBStorage:
    return RDBStorage(STORAGE)


@pytest.fixture
def study(storage: RDBStorage) -> optuna.Study:
    return optuna.create_study(storage=storage, study_name="one", sampler=optuna.samplers.RandomSampler(seed=1))


def test_what_is_written_of_a_trial_is_what_optuna_reads(study: optuna.Study, storage: RDBStorage) -> None:
    trial = study.ask()
    values = {1: 0.5, 2: float("nan"), 3: float("-inf")}
    for _ in range(2):  # written again, it changes nothing
        write_trial(storage, trial._trial_id, values, {"seed": 7, "state_reason": "diverged"}, {"own": [1]})
    study.tell(trial, 0.25)
    (found,) = study.get_trials()
    assert str(found.intermediate_values) == str(values)
    assert found.user_attrs == {"seed": 7, "state_reason": "diverged"}
    assert found.system_attrs["own"] == [1]
    (row,) = read_trials(storage, study._study_id, ["seed"])
    assert (row.trial_id, row.number, row.state, row.value, row.user_attrs) == (
        found._trial_id, found.number, found.state, 0.25, {"seed": 7},
    )  # fmt: skip


def test_a_trial_that_is_inserted_is_one_that_optuna_makes_of_the_same(
    study: optuna.Study, storage: RDBStorage
) -> None:
    distributions = {
        "width": CategoricalDistribution((8, 16)),
        "activation": CategoricalDistribution(("relu", "tanh")),
        "rate": FloatDistribution(1e-5, 0.1, log=True),
        "depth": IntDistribution(1, 9, step=2),
    }
    params = {"width": 16, "activation": "tanh", "rate": 0.003, "depth": 5}
    attributes = {"trial_number": 3, "config_hash": "ab"}
    template = create_trial(state=TrialState.RUNNING, params=params, distributions=distributions, user_attrs=attributes)
    storage.create_new_trial(study._study_id, template)
    trial_id = insert_trial(storage, study._study_id, params, distributions, attributes)
    theirs, ours = study.get_trials()
    assert ours._trial_id == trial_id
    assert (theirs.number, ours.number) == (0, 1)
    assert (ours.params, ours.distributions, ours.user_attrs) == (theirs.params, theirs.distributions, attributes)
    assert ours.state == TrialState.RUNNING
    assert theirs.datetime_start is not None
    assert ours.datetime_start is not None
    assert abs((ours.datetime_start - datetime.now()).total_seconds()) < 60
    study.tell(ours.number, 0.5)
    assert study.best_trial.number == 1
    assert insert_trial(storage, study._study_id, {}, {}, attributes) == trial_id + 1


def test_a_note_is_the_dashboards(study: optuna.Study, storage: RDBStorage) -> None:
    for text in ("first", "**second**"):
        write_note(storage, study._study_id, "", text)
    assert get_note_from_system_attrs(storage.get_study_system_attrs(study._study_id), None)["body"] == text


def test_a_picture_is_an_artifact_as_optuna_uploads_them(
    study: optuna.Study, storage: RDBStorage, tmp_path: Path
) -> None:
    trial = study.ask()
    (tmp_path / "a.png").write_bytes(b"png")
    store = FileSystemArtifactStore(tmp_path)
    uploaded = upload_artifact(artifact_store=store, file_path=str(tmp_path / "a.png"), study_or_trial=trial)
    ours = ArtifactMeta("an-id", "a.png", "image/png", None)
    write_trial(storage, trial._trial_id, system_attrs=picture_attribute(ours))
    found = {each.artifact_id: each for each in get_all_artifact_meta(study.trials[0], storage=storage)}
    assert set(found) == {uploaded, "an-id"}
    assert found["an-id"] == ours
