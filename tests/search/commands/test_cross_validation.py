"""A cross-validated study: trials that are only scored, one refit of the best, and the table of the folds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from rich.console import Console

from analysis.reading.cv_results import cv_results
from analysis.reading.mlflow_studies import read_mlflow
from analysis.reading.table import TrialTable
from analysis.report.contents import make_report
from analysis.report.writing import write_report
from models.core.errors import ConfigError
from models.core.results import OUT_OF_FOLD, EpochReport, FoldsResult
from models.data.sources import load_dataset
from search.__main__ import main as command
from search.command_line.options import read_options
from search.commands.confirm import confirming_study
from search.commands.preparation import split_study
from search.commands.replay import main as replay
from search.commands.session import run_search
from search.study.draws import make_plan
from search.study.study_file import load_settings
from search.tracking.logged_studies import read_study
from search.workers.job import Job, run_job
from search.workers.outcome import Outcome
from tests.project import work_in
from tests.search.fakes import Behaviour, FakeEngine, complete, score_of
from tests.search.reading_back import nothing_is_running, optuna_trials

STUDY = """
data: {validation: 0.1, folds: 3}
sampler: list
configurations: [{width: 8}, {width: 16}, {width: 24}, {width: 32}]
training: {epochs: 3, patience: 2, batch_size: 64, learning_rate: 0.01}
"""
Session = Callable[..., tuple[int, list[Job]]]


def cross_validated(job: Job) -> Outcome:
    """The outcome of a made-up job in a cross-validated study; the outcome of a refit is that of any whole trial."""
    if job.refit:
        return complete(job)
    score, at = score_of(job), 1_700_000_000_000 + job.number * 1000
    accuracies = [score * share for share in (0.9, 0.95, 0.99)]
    history = [
        EpochReport(epoch, {f"fold_{k}_loss": k / epoch, f"fold_{k}_val_accuracy": score}, at + 10 * k + epoch)
        for k in (1, 2, 3)
        for epoch in range(1, job.config.epochs + 1 - (k == 2))
    ]
    scores = {"val_accuracy": float(np.mean(accuracies)), "val_accuracy_std": float(np.std(accuracies)), "val_loss": 1}
    matrix = [[3, 1], [0, 4]]
    result = FoldsResult(
        history=tuple(history),
        scores=scores | {f"fold_{k}_score": accuracy for k, accuracy in enumerate(accuracies, start=1)},
        evidence={OUT_OF_FOLD: {"confusion": matrix, "per_class": [{"class": 0, "precision": 0.5}]}},
        n_parameters=100 + job.number,
        n_trainable=100,
        seconds=6.0,
        weights_sha256=f"{job.number:064x}",
        fold_seconds=(1.0, 2.0, 3.0),
    )
    return Outcome(
        job.number, job.attempt, "complete", job.seed, job.config.hash(), history=result.history, result=result,
        picture=b"\x89PNG\r\n\x1a\n", started_ms=at, ended_ms=at + 100,
    )  # fmt: skip


def sessions(stores: tuple[Path, Path]) -> Session:
    """Runs `python -m search` on the study with made-up trials; returns the exit code and the jobs of the engine."""
    for store in stores:
        Path(store.name).write_bytes(store.read_bytes())
    Path("cv.yaml").write_text(STUDY)

    def run(*arguments: str, behaviour: Behaviour = cross_validated) -> tuple[int, list[Job]]:
        engine = FakeEngine(behaviour)
        options = read_options(["--study", "cv.yaml", "--workers", "0", *arguments])
        return run_search(options, Console(quiet=True), make=lambda *_: engine), engine.jobs

    return run


@pytest.fixture
def session(workdir: Path, empty_stores: tuple[Path, Path]) -> Session:
    return sessions(empty_stores)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, empty_stores: tuple[Path, Path]) -> tuple[Path, list[Job]]:
    """The folder of a study that one session has finished, and the jobs of the session."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        work_in(folder, patch)
        code, jobs = sessions(empty_stores)()
    assert code == 0
    return folder, jobs


@pytest.fixture
def table(finished: tuple[Path, list[Job]], workdir: Path, monkeypatch: pytest.MonkeyPatch) -> TrialTable:
    """The table of the finished study, read in its folder."""
    monkeypatch.chdir(finished[0])
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{finished[0]}/mlflow.db")
    return read_mlflow("cv")


def refits() -> list[Run]:
    client = MlflowClient()
    experiments = [each.experiment_id for each in client.search_experiments()]
    found = [run for run in client.search_runs(experiments) if "refit_of" in run.data.tags]
    return sorted(found, key=lambda run: int(run.info.start_time))


def test_the_best_trial_is_refitted_once_below_the_parent_and_is_no_trial(
    table: TrialTable, finished: tuple[Path, list[Job]]
) -> None:
    jobs = finished[1]
    assert [job.refit for job in jobs] == [False] * 4 + [True]
    assert table.best is not None
    best = int(table.best["number"])
    assert jobs[-1].number == best
    (run,) = refits()
    tags = run.data.tags
    assert (tags["refit_of"], tags["refit_of_run_id"], tags["state"]) == (str(best), table.best["run_id"], "complete")
    assert tags["mlflow.parentRunId"] == table.parent_run_id
    assert {"trial_number", "folds"}.isdisjoint(tags)
    assert run.info.status == "FINISHED"
    assert run.data.params["width"] == str(8 + 8 * best)
    client = MlflowClient()
    models = client.search_logged_models([run.info.experiment_id])
    assert [model.source_run_id for model in models] == [run.info.run_id]
    assert {file.path for file in client.list_artifacts(run.info.run_id)} >= {"confusion.png", "confusion_test.json"}
    assert table.refit is not None
    assert (table.refit.number, table.refit.run_id) == (best, run.info.run_id)
    assert table.refit.test == run.data.metrics["test_accuracy"]
    assert len(table.frame) == 4
    assert len(optuna_trials("cv")) == 4
    parent = client.get_run(str(table.parent_run_id)).data.tags
    assert (parent["folds"], parent["refit_run_id"]) == ("3", run.info.run_id)
    assert "Refit" in parent["mlflow.note.content"]
    assert nothing_is_running("cv")
    assert command(["doctor", "--study", "cv"]) == 0


def test_a_cross_validated_trial_has_its_folds_epochs_once_and_neither_test_accuracy_nor_model(
    table: TrialTable,
) -> None:
    client = MlflowClient()
    run = client.get_run(str(table.frame["run_id"][1]))
    assert (run.data.tags["folds"], run.data.tags["models"]) == ("3", "none")
    assert not [name for name in run.data.metrics if name.startswith("test_")]
    for name, epochs in {"fold_1_loss": [1, 2, 3], "fold_2_loss": [1, 2], "fold_3_val_accuracy": [1, 2, 3]}.items():
        assert [metric.step for metric in client.get_metric_history(run.info.run_id, f"epoch/{name}")] == epochs
    assert run.data.metrics["val_accuracy"] == np.mean([run.data.metrics[f"fold_{k}_score"] for k in (1, 2, 3)])
    assert {file.path for file in client.list_artifacts(run.info.run_id)} == {
        "confusion.png", "confusion_out_of_fold.json", "per_class_out_of_fold.json"
    }  # fmt: skip
    for trial in optuna_trials("cv"):
        assert trial.value == table.frame["val_accuracy"][trial.user_attrs["trial_number"]]
        assert trial.intermediate_values == {}


def test_a_refit_that_a_killed_driver_left_is_closed_and_run_again(session: Session) -> None:
    class Died(BaseException):
        pass

    def dies_in_the_refit(job: Job) -> Outcome:
        if job.refit:
            raise Died
        return cross_validated(job)

    with pytest.raises(Died):
        session(behaviour=dies_in_the_refit)
    assert [run.info.status for run in refits()] == ["RUNNING"]
    code, jobs = session()
    assert code == 0
    assert [job.refit for job in jobs] == [True]
    assert [run.info.status for run in refits()] == ["KILLED", "FINISHED"]
    assert refits()[0].data.tags["state_reason"] == "driver lost"
    assert read_mlflow("cv").refit is not None
    assert nothing_is_running("cv")
    assert session() == (0, [])
    assert len(refits()) == 2


def test_a_refit_whose_worker_is_lost_runs_again_and_one_that_fails_is_not_repeated(session: Session) -> None:
    def loses_the_first(job: Job) -> Outcome | str:
        return "its worker left" if job.refit and job.attempt == 0 else cross_validated(job)

    code, jobs = session("--trials", "1", behaviour=loses_the_first)
    assert code == 0
    assert [(job.refit, job.attempt) for job in jobs] == [(False, 0), (True, 0), (True, 1)]
    assert [run.data.tags["state_reason"] for run in refits()] == ["worker lost", ""]

    def never(job: Job) -> Outcome | str:
        return "its worker left" if job.refit else cross_validated(job)

    code, jobs = session("--name", "lost", "--trials", "1", behaviour=never)
    assert (code, len(jobs)) == (1, 4)

    def diverges(job: Job) -> Outcome:
        if not job.refit:
            return cross_validated(job)
        ended = {"started_ms": 1, "ended_ms": 2}
        return Outcome(job.number, 0, "failed", job.seed, job.config.hash(), "diverged", "loss is nan", **ended)

    assert session("--name", "diverged", "--trials", "1", behaviour=diverges)[0] == 0
    assert session("--name", "diverged", "--trials", "1", behaviour=diverges) == (0, [])
    assert read_mlflow("diverged").refit is None


def test_an_extended_study_with_another_best_has_a_new_refit(session: Session) -> None:
    def later_ones_are_better(job: Job) -> Outcome:
        outcome = cross_validated(job)
        if isinstance(outcome.result, FoldsResult):
            outcome.result.scores["val_accuracy"] = 0.5 + job.number // 2 / 10
        return outcome

    session("--trials", "2", behaviour=later_ones_are_better)
    assert read_mlflow("cv").refit.number == 0  # type: ignore[union-attr]
    _, jobs = session("--trials", "4", behaviour=later_ones_are_better)
    assert [(job.number, job.refit) for job in jobs] == [(2, False), (3, False), (2, True)]
    assert [run.data.tags["refit_of"] for run in refits()] == ["0", "2"]
    assert read_mlflow("cv").refit.number == 2  # type: ignore[union-attr]


def test_the_table_of_folds_is_scikit_learns_and_is_attached_to_the_parent(table: TrialTable) -> None:
    from sklearn.dummy import DummyClassifier
    from sklearn.model_selection import GridSearchCV

    theirs = GridSearchCV(DummyClassifier(), {"strategy": ["prior"]}, cv=3).fit(np.zeros((12, 1)), np.arange(12) % 2)
    ours = cv_results(table)
    wanted = {name for name in theirs.cv_results_ if "score_time" not in name and not name.startswith("param")}
    assert wanted <= set(ours.columns)
    splits = ours[[f"split{k}_test_score" for k in range(3)]].to_numpy()
    # scikit-learn's own formulae (model_selection/_search.py): the average and the root of the average square.
    means = np.average(splits, axis=1)
    np.testing.assert_allclose(ours["mean_test_score"], means, rtol=1e-15)
    deviations = np.sqrt(np.average((splits - means[:, None]) ** 2, axis=1))
    np.testing.assert_allclose(ours["std_test_score"], deviations, rtol=1e-12)
    assert ours["rank_test_score"].tolist() == (1 + (means[None, :] > means[:, None]).sum(axis=1)).tolist()
    assert ours["param_width"].tolist() == [8, 16, 24, 32]
    assert (ours["mean_fit_time"].unique().tolist(), ours["std_fit_time"].unique().tolist()) == (
        [2.0],
        [np.std([1, 2, 3])],
    )
    frame = table.frame.set_index("number")
    assert ours["mean_test_score"].tolist() == pytest.approx(frame.loc[ours["trial"], "val_accuracy"].tolist())
    pd.testing.assert_frame_equal(
        pd.read_csv(Path(MlflowClient().download_artifacts(str(table.parent_run_id), "cv_results.csv"))), ours
    )


def test_the_report_does_without_test_accuracies_and_says_what_the_score_is(table: TrialTable, tmp_path: Path) -> None:
    files = {path.name for path in write_report(make_report(table), tmp_path / "report")}
    assert {"report.html", "tuning_curve.png", "median.png"} <= files
    assert "gap.png" not in files
    page = (tmp_path / "report" / "report.html").read_text()
    assert "mean accuracy over 3 folds" in page
    assert "No trial was tested" in page
    assert "Refit: trial" in page
    assert f"{table.refit.test:.4f}" in page  # type: ignore[union-attr]
    assert "nan" not in page.replace("nanmean", "").lower().split("base64")[0]
    assert "test, of that trial" not in page


SPACE: dict[str, Any] = {"sampler": "random", "space": {"width": [8, 16]}}


def test_models_of_folds_and_a_second_look_at_them_are_refused(session: Session) -> None:
    with pytest.raises(ConfigError, match=r"models must be all or none where .* got best:2 with 3 folds"):
        session("--models", "best:2")
    Path("cv.yaml").write_text(STUDY.replace("folds: 3", "folds: 500"))
    with pytest.raises(ConfigError, match="folds must be at most the rows of the smallest class"):
        session()
    assert not Path("outbox").exists()
    Path("cv.yaml").write_text(STUDY)
    session("--models", "none")
    assert MlflowClient().search_logged_models([refits()[0].info.experiment_id]) == []
    table = read_mlflow("cv")
    with pytest.raises(ConfigError, match=r"a second look is at trials .* got cv, which is cross-validated over 3"):
        confirming_study(table, read_study(table.parent_run_id or "", "cv"), 1, 2)


def test_what_two_processes_trained_comes_out_bit_equal_here_from_the_runs_alone(
    workdir: Path, empty_stores: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for store in empty_stores:
        (workdir / store.name).write_bytes(store.read_bytes())
    Path("cv.yaml").write_text(STUDY.replace("epochs: 3", "epochs: 2"))
    assert run_search(read_options(["--study", "cv.yaml", "--workers", "2"]), Console(quiet=True)) == 0
    table = read_mlflow("cv")
    capsys.readouterr()
    for run_id in table.frame["run_id"][:2]:
        assert replay(["--run_id", str(run_id)]) == 0
        assert "bit-equal: 6 epochs" in " ".join(capsys.readouterr().out.split())

    assert table.refit is not None
    run = MlflowClient().get_run(table.refit.run_id)
    split = split_study(load_settings("cv.yaml"), load_dataset("digits"))
    config = make_plan(load_settings("cv.yaml")).trials[table.refit.number].config
    job = Job("cv", table.refit.number, 0, config, int(run.data.tags["seed"]), refit=True)
    from models.training.trial import prepare

    again = run_job(job, prepare(split), lambda epoch: None).result
    assert again is not None
    assert again.weights_sha256 == run.data.tags["weights_sha256"]
    assert again.scores["test_accuracy"] == table.refit.test
    assert run.data.params["train_rows"] == str(split.rows("train")) == "1293"
