"""What Optuna's own readers and its dashboard find of an attempt, and that writing it again changes nothing."""

from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.artifacts import FileSystemArtifactStore, download_artifact, get_all_artifact_meta
from optuna.trial import TrialState
from optuna_dashboard import get_note
from sqlalchemy import text

from models.tasks.objective import Objective
from search.stores.optuna_attempts import look_up
from search.stores.optuna_study import NOTED, StudyStore
from search.study.distributions import distributions
from search.study.draws import make_plan
from search.study.plan import PlannedTrial
from search.study.settings import StudySettings
from search.workers.job import Job
from search.workers.outcome import Outcome
from tests.search.conftest import STORAGE
from tests.search.fakes import complete

Begun = tuple[StudyStore, PlannedTrial, Outcome]


@pytest.fixture
def begun(workdir: Path, settings: StudySettings) -> Begun:
    """A study whose first trial runs, linked to its run, one of its epochs reported."""
    store = StudyStore(STORAGE, settings, "sha", Objective("val_accuracy"))
    planned = make_plan(settings).trials[0]
    outcome = complete(Job("small", 0, 0, planned.config, planned.seed))
    store.ask(planned, 0, distributions(settings, planned))
    store.link(0, 0, "run-7", "http://127.0.0.1:5000/#/run-7")
    store.report(0, 0, outcome.history[:1])
    return store, planned, outcome


def stored() -> tuple[optuna.Study, optuna.trial.FrozenTrial]:
    study = optuna.load_study(study_name="small", storage=STORAGE, sampler=optuna.samplers.RandomSampler())
    (trial,) = study.trials
    return study, trial


def everything() -> dict[str, object]:
    study, trial = stored()
    return {
        **study._storage.get_study_system_attrs(study._study_id),
        **trial.system_attrs,
        **trial.user_attrs,
        "values": trial.intermediate_values,
    }


def test_a_running_attempt_shows_its_parameters_its_epochs_and_the_way_to_its_run(begun: Begun) -> None:
    _, planned, outcome = begun
    study, trial = stored()
    assert trial.state == TrialState.RUNNING
    assert trial.params == planned.parameters
    assert trial.intermediate_values == {1: outcome.history[0].metrics["val_accuracy"]}
    assert trial.user_attrs["run_id"] == "run-7"
    assert get_note(optuna.Trial(study, trial._trial_id)) == (
        "Trial 0, attempt 0: [run in MLflow](http://127.0.0.1:5000/#/run-7)"
    )


def test_beyond_so_many_notes_the_way_to_the_run_is_an_attribute(workdir: Path, settings: StudySettings) -> None:
    store = StudyStore(STORAGE, settings, "sha", Objective("val_accuracy"))
    planned = replace(make_plan(settings).trials[0], number=NOTED)
    store.ask(planned, 0, distributions(settings, planned))
    store.link(NOTED, 0, "run-7", "http://127.0.0.1:5000/#/run-7")
    study, trial = stored()
    assert trial.user_attrs["run_url"] == "http://127.0.0.1:5000/#/run-7"
    assert get_note(optuna.Trial(study, trial._trial_id)) == ""


def test_a_finished_attempt_shows_its_score_all_epochs_and_its_picture(begun: Begun, workdir: Path) -> None:
    store, _, outcome = begun
    store.finish(outcome)
    study, trial = stored()
    assert (trial.state, trial.value) == (TrialState.COMPLETE, outcome.score)
    assert trial.intermediate_values == {each.epoch: each.metrics["val_accuracy"] for each in outcome.history}
    assert trial.user_attrs["test_accuracy"] == outcome.score
    (meta,) = get_all_artifact_meta(study_or_trial=trial, storage=study._storage)
    assert (meta.filename, meta.mimetype) == ("confusion.png", "image/png")
    folder = FileSystemArtifactStore("optuna-artifacts")
    download_artifact(artifact_store=folder, artifact_id=meta.artifact_id, file_path="got.png")
    assert Path("got.png").read_bytes() == outcome.picture
    assert store.has(0, 0)
    assert look_up(STORAGE, "small").finished == {0}


def test_a_driver_that_died_before_the_state_was_told_is_followed_by_one_that_finishes_alike(
    begun: Begun, settings: StudySettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _, outcome = begun

    class Died(BaseException):
        pass

    def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as dying:
        dying.setattr(optuna.storages.RDBStorage, "set_trial_state_values", die)
        with pytest.raises(Died):
            store.finish(outcome)
    assert stored()[1].state == TrialState.RUNNING
    before = everything()
    following = StudyStore(STORAGE, settings, "sha", Objective("val_accuracy"))
    following.link(0, 0, "run-7", "http://127.0.0.1:5000/#/run-7")
    following.finish(outcome)
    following.finish(outcome)
    assert everything() == before
    assert stored()[1].state == TrialState.COMPLETE
    assert len(list(Path("optuna-artifacts").iterdir())) == 1


def test_the_log_is_forced_to_disk_once_a_trial_not_with_each_write(
    begun: Begun, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _, outcome = begun
    with optuna.storages.RDBStorage(STORAGE).engine.connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == 1  # NORMAL
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
    forced: list[int] = []
    monkeypatch.setattr("search.stores.databases.os.fsync", forced.append)
    store.finish(outcome)
    assert len(forced) == 1
