"""`mlflow run .` on a tiny study, read back through MLflow's and Optuna's own clients."""

import io
import json
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import mlflow
import numpy as np
import optuna
import pandas as pd
import pytest
from mlflow import MlflowClient, pyfunc
from mlflow.entities import LoggedModel, Run
from mlflow.utils.file_utils import local_file_uri_to_path
from optuna.artifacts import FileSystemArtifactStore, download_artifact, get_all_artifact_meta
from scipy.stats import binomtest

from analysis.reading.mlflow_studies import read_mlflow
from analysis.report.study_sections import study_sections
from models.core.names import METRICS_OF_CLASSES
from models.data.sources import load_dataset
from search.tracking.mlflow_internals import MODEL_FILE
from tests.project import PROJECT, copy_project, environment, mlflow_run
from tests.tiny_grid import TINY, TRIALS, Finished, artifact


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = copy_project(tmp_path_factory.mktemp("project"))
    (folder / "tiny.yaml").write_text(TINY)
    ran = mlflow_run(folder, "-e", "grid", "-P", "study=tiny.yaml", "-P", "seed=4")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    runs = list(client.search_runs([experiment.experiment_id for experiment in client.search_experiments()]))
    children = sorted((run for run in runs if "trial_number" in run.data.tags), key=lambda run: run.info.run_name)
    (parent,) = [run for run in runs if "plan_hash" in run.data.tags]
    study = optuna.load_study(
        study_name="tiny", storage=f"sqlite:///{folder}/optuna.db", sampler=optuna.samplers.RandomSampler()
    )
    return Finished(folder, ran, client, parent, children, study)


def test_it_prints_the_table_and_what_to_do_next(finished: Finished) -> None:
    printed = finished.ran.stdout
    for words in (
        "Study tiny: the trial found",
        "validation accuracy",
        "test accuracy",
        "95% interval of 360 test rows",
        "What a search of N trials reaches on average",
        "found, this network",
        "start anew:   mlflow run . --env-manager local",
        "its network:  mlflow run . --env-manager local -e inspect -P run_id=",
        "look at it:   mlflow run . --env-manager local -e ui",
    ):
        assert words in printed


def test_every_cell_of_the_grid_is_a_child_of_the_run_that_mlflow_made(finished: Finished) -> None:
    assert [run.info.run_name for run in finished.children] == [f"trial-{number:04d}" for number in range(TRIALS)]
    assert {run.data.tags["mlflow.parentRunId"] for run in finished.children} == {finished.parent.info.run_id}
    assert finished.parent.data.params["study"] == "tiny.yaml"  # logged by `mlflow run` itself
    assert {run.info.status for run in [finished.parent, *finished.children]} == {"FINISHED"}


def test_a_child_has_the_parameters_and_tags_that_others_rely_on(finished: Finished) -> None:
    for number, run in enumerate(finished.children):
        assert {
            "width", "dropout", "learning_rate", "batch_size", "activation", "optimizer", "epochs", "depth",
            "train_rows",
        } <= set(run.data.params)  # fmt: skip
        assert {"study", "seed", "config_hash", "state_reason", "mlflow.source.git.commit"} <= set(run.data.tags)
        assert run.data.tags["study"] == "tiny"
        assert run.data.tags["trial_number"] == str(number)
        assert run.data.tags["attempt"] == "0"
        assert run.data.tags["state"] == "complete"
    assert {(run.data.params["width"], run.data.params["depth"]) for run in finished.children} == {
        ("8", "1"),
        ("16-8", "2"),
    }


def test_a_child_has_a_value_for_each_epoch_and_its_final_metrics(finished: Finished) -> None:
    for run in finished.children:
        assert {
            "val_accuracy", "val_loss", "test_accuracy", "test_loss", "train_accuracy", "n_parameters",
        } <= set(run.data.metrics)  # fmt: skip
        for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
            steps = {metric.step for metric in finished.client.get_metric_history(run.info.run_id, f"epoch/{name}")}
            assert steps == set(range(1, len(steps) + 1))
        kept = int(run.data.tags["best_epoch"])
        epochs = {
            metric.step: metric.value
            for metric in finished.client.get_metric_history(run.info.run_id, "epoch/val_loss")
        }
        (final,) = finished.client.get_metric_history(run.info.run_id, "val_loss")
        assert final.value == run.data.metrics["val_loss"]
        assert epochs[kept] == min(epochs.values()) == run.data.metrics["val_loss"]


def test_a_childs_confusion_matrices_agree_with_its_accuracies(finished: Finished) -> None:
    run = finished.children[0]
    for part, metric, rows in (("validation", "val_accuracy", 144), ("test", "test_accuracy", 360)):
        matrix = np.array(json.loads(artifact(finished, run, f"confusion_{part}.json").read_text()))
        assert matrix.shape == (10, 10)
        assert matrix.sum() == rows
        assert np.trace(matrix) / rows == pytest.approx(run.data.metrics[metric], abs=1e-12)
        table = json.loads(artifact(finished, run, f"per_class_{part}.json").read_text())
        per_class = pd.DataFrame(table["data"], columns=table["columns"])
        assert list(per_class.columns) == ["class", "precision", "recall", "f1", "specificity", "support"]
        assert list(per_class["support"]) == list(matrix.sum(axis=1))
    assert artifact(finished, run, "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_the_logged_model_predicts_from_raw_inputs_what_the_logged_accuracy_says(
    finished: Finished, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished.folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{finished.folder}/mlflow.db")
    dataset = load_dataset("digits")
    for run in finished.children[:2]:
        model = pyfunc.load_model(f"runs:/{run.info.run_id}/model")
        predicted = model.predict(dataset.x_test)
        assert predicted.shape == (360, 10)
        assert (predicted.argmax(axis=1) == dataset.y_test).mean() == run.data.metrics["test_accuracy"]
        for dtype in ("float64", "float32", "int64", "uint8"):
            np.testing.assert_array_equal(model.predict(dataset.x_test.astype(dtype)), predicted)
        for load in (mlflow.keras.load_model, mlflow.tensorflow.load_model):
            own = load(f"runs:/{run.info.run_id}/model").predict(dataset.x_test, verbose=0)
            np.testing.assert_allclose(own, predicted, atol=1e-6)
    requirements = Path(pyfunc.get_model_dependencies(f"runs:/{finished.children[0].info.run_id}/model")).read_text()
    assert all(f"{name}==" in requirements for name in ("mlflow", "tensorflow", "keras"))


def test_the_parent_has_the_plan_the_trials_the_curve_and_the_best_child(finished: Finished) -> None:
    plan = pd.read_csv(artifact(finished, finished.parent, "plan.csv"))
    trials = pd.read_csv(artifact(finished, finished.parent, "trials.csv"))
    assert list(plan["number"]) == list(trials["number"]) == list(range(TRIALS))
    others = [f"{part}_{metric}" for metric in METRICS_OF_CLASSES[2:] for part in ("val", "test")]
    assert list(trials.columns[: 15 + len(others)]) == [
        "number", "attempt", "state", "state_reason", "seed", "config_hash", "val_accuracy", "val_loss",
        "test_accuracy", "test_loss", *others, "n_parameters", "best_epoch", "seconds", "weights_sha256", "run_id",
    ]  # fmt: skip
    assert list(plan["config_hash"]) == list(trials["config_hash"])
    assert "width:" in artifact(finished, finished.parent, "study.yaml").read_text()
    shown = finished.parent.data.metrics
    assert shown["best_test_accuracy_low"] <= shown["best_test_accuracy"] <= shown["best_test_accuracy_high"]
    expected = [shown[f"expected_best_of_{n}"] for n in (10, 20) if n <= TRIALS]
    assert shown["best_val_accuracy"] >= max(expected, default=0)
    assert (shown["trials_complete"], shown["trials_failed"]) == (TRIALS, 0)
    experiment = finished.client.get_experiment(finished.parent.info.experiment_id)
    assert experiment.tags["mlflow.experiment.primaryMetric.name"] == "val_accuracy"
    assert experiment.tags["mlflow.experiment.primaryMetric.greaterIsBetter"] == "True"
    curve = finished.client.get_metric_history(finished.parent.info.run_id, "best_of_n")
    assert [metric.step for metric in curve] == list(range(1, TRIALS + 1))
    assert curve[0].value == pytest.approx(trials["val_accuracy"].mean(), abs=1e-12)
    assert curve[-1].value == trials["val_accuracy"].max()
    best = finished.parent.data.tags["best_run_id"]
    assert best == trials.sort_values(["val_accuracy", "number"], ascending=[False, True]).iloc[0]["run_id"]
    assert best in finished.parent.data.tags["mlflow.note.content"]
    names = {file.path for file in finished.client.list_artifacts(finished.parent.info.run_id, "report")}
    assert {"report/report.html", "report/best_of_n.json"} <= names
    page = artifact(finished, finished.parent, "report/report.html").read_text()
    assert "mlflow run . --env-manager local -e report -P study=tiny" in page  # as this search was started


def test_data_and_its_hash_are_on_parent_and_children(finished: Finished) -> None:
    sha256 = load_dataset("digits").sha256
    assert finished.parent.data.tags["data_sha256"] == sha256
    for run in [finished.parent, finished.children[0]]:
        assert {each.dataset.digest for each in run.inputs.dataset_inputs} == {sha256[:32]}


def test_optuna_has_the_trials_with_their_epochs_links_and_pictures(finished: Finished, tmp_path: Path) -> None:
    from optuna_dashboard import get_note

    assert finished.study.user_attrs["sampler"] == "grid"
    by_run = {run.info.run_id: run for run in finished.children}
    store = FileSystemArtifactStore(str(finished.folder / "optuna-artifacts"))
    assert len(finished.study.trials) == TRIALS
    for trial in finished.study.trials:
        run = by_run[trial.user_attrs["run_id"]]
        assert trial.state == optuna.trial.TrialState.COMPLETE
        assert str(trial.user_attrs["trial_number"]) == run.data.tags["trial_number"]
        assert trial.user_attrs["attempt"] == 0
        assert trial.value == run.data.metrics["val_accuracy"]
        assert trial.intermediate_values[int(run.data.tags["best_epoch"])] == trial.value
        note = get_note(optuna.Trial(finished.study, trial._trial_id))
        assert f"http://127.0.0.1:5000/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}" in note
        (meta,) = get_all_artifact_meta(study_or_trial=trial, storage=finished.study._storage)
        picture = tmp_path / f"{trial.number}.png"
        download_artifact(artifact_store=store, artifact_id=meta.artifact_id, file_path=str(picture))
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_same_command_again_trains_nothing_and_prints_the_table(finished: Finished) -> None:
    before = len(finished.study.trials)
    again = mlflow_run(finished.folder, "-e", "grid", "-P", "study=tiny.yaml", "-P", "seed=4")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "nothing was trained" in again.stdout
    assert "Study tiny: the trial found" in again.stdout
    assert len(finished.study.trials) == before
    invocations = finished.client.search_runs(["0"], f"tags.parent_run_id = '{finished.parent.info.run_id}'")
    assert [run.info.status for run in invocations] == ["FINISHED"]


def test_a_setting_that_would_change_trials_is_refused_with_the_difference(finished: Finished) -> None:
    refused = mlflow_run(finished.folder, "-e", "grid", "-P", "study=tiny.yaml", "-P", "seed=5")
    assert refused.returncode == 1  # MLflow's own, for any failure of the program
    assert "seed: 4 -> 5" in refused.stderr
    runs = finished.client.search_runs(["0"], "attributes.status = 'FAILED'")
    assert any("seed: 4 -> 5" in run.data.tags.get("state_reason", "") for run in runs)


def test_a_parameter_that_does_not_exist_fails_loudly(finished: Finished) -> None:
    refused = mlflow_run(finished.folder, "-P", "trails=5")
    assert refused.returncode == 1
    assert "'--trails' is no option; did you mean '--trials'?" in refused.stderr


def test_the_test_accuracy_has_clopper_and_pearsons_interval(finished: Finished) -> None:
    trials = pd.read_csv(io.StringIO(artifact(finished, finished.parent, "trials.csv").read_text()))
    best = trials.sort_values(["val_accuracy", "number"], ascending=[False, True]).iloc[0]
    interval = binomtest(round(best["test_accuracy"] * 360), 360).proportion_ci(method="exact")
    said = f"[{interval.low:.3f}, {interval.high:.3f}] (this network's, 95% interval of 360 test rows)"
    assert said in finished.ran.stdout


def test_a_trial_of_two_workers_replays_bit_equal_from_its_run_alone(finished: Finished, tmp_path: Path) -> None:
    # No study file, no Optuna, no artifact. By SQLite's own means: closing a copied file would let go of this
    # process's locks on it.
    databases = (finished.folder / "mlflow.db", tmp_path / "mlflow.db")
    with closing(sqlite3.connect(databases[0])) as whole, closing(sqlite3.connect(databases[1])) as alone:
        whole.backup(alone)
    run = finished.children[3]
    assert {"environment.tensorflow", "environment.threads", "environment.cpu", "dataset_location"} <= set(
        run.data.tags
    )
    command = [sys.executable, "-m", "search", "replay", "--run_id", run.info.run_id]
    variables = environment() | {"PYTHONPATH": str(PROJECT), "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow.db"}
    ran = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert re.search(r"bit-equal: 3 epochs of \d+ metrics, \d+ scores and the weights", ran.stdout)
    assert {path.name.removesuffix("-shm").removesuffix("-wal") for path in tmp_path.iterdir()} == {"mlflow.db"}


def test_a_replay_under_mlflow_names_what_differs_and_leaves_its_word_on_that_run_alone(finished: Finished) -> None:
    run = finished.children[4]
    trial, runs = run.info.run_id, len(finished.client.search_runs(["0"]))
    finished.client.set_tag(trial, "environment.keras", "1.0")
    finished.client.log_metric(trial, "epoch/val_loss", 0.123, step=2)
    ran = mlflow_run(finished.folder, "-e", "replay", "-P", f"run_id={trial}")
    assert ran.returncode == 1
    for words in ("differs from its run in 1 place", "val_loss", "and 0.123", "versions at training and now:", "1.0"):
        assert words in ran.stdout
    (made,) = finished.client.search_runs(["0"], f"tags.replay_of = '{trial}'")
    assert made.data.tags["replay"] == "different"
    assert len(finished.client.search_runs(["0"])) == runs + 1


def test_an_inspection_puts_its_pictures_and_a_page_on_the_trial_and_into_the_report(finished: Finished) -> None:
    best, other = finished.parent.data.tags["best_run_id"], finished.children[0].info.run_id
    uri, parent = f"sqlite:///{finished.folder}/mlflow.db", finished.parent.info.run_id
    table = read_mlflow("tiny", uri)
    assert table.best is not None
    heading = f"Best trial: {table.best['number']}"
    trial, data = study_sections(table, uri)
    assert (trial.title, [each.name for each in trial.pictures]) == (heading, ["learning_curves", "confusion"])
    assert f"-e inspect -P run_id={best}" in trial.words[0]
    assert "mean_images" in [each.name for each in data.pictures]

    ran = mlflow_run(finished.folder, "-e", "inspect", "-P", f"run_id={best}", "-P", f"versus={other}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "the logged model gives the logged scores" in ran.stdout
    names = {Path(file.path).name for file in finished.client.list_artifacts(best, "inspect")}
    assert {
        "inspect.html", "mean_images.png", "layers.png", "learning_curves.png", "misclassified.png", "pair.png",
        "confusion_difference.png", "feature_map.png",
    } <= names  # fmt: skip
    page = Path(finished.client.download_artifacts(best, "inspect/inspect.html")).read_text()
    assert page.count("data:image/png;base64,") == sum(name.endswith(".png") for name in names)
    assert not re.search(r"(src|href)=.(?!data:|#)", page)
    assert {Path(file.path).name for file in finished.client.list_artifacts(parent, "data")} < names
    (made,) = finished.client.search_runs(["0"], f"tags.inspect_of = '{best}'")
    assert best in made.data.tags["mlflow.note.content"]

    finished.client.set_tag(parent, "dataset_location", "gone.npz")
    sections = study_sections(table, uri)
    finished.client.set_tag(parent, "dataset_location", "digits")
    assert [section.title for section in sections] == [
        f"{heading}: Network", f"{heading}: Errors", f"{heading}: Inside", "Data",
    ]  # fmt: skip
    assert "confusion_difference" in [each.name for each in sections[1].pictures]
    assert "No pictures of the data: the run's data must be where it was" in sections[3].words[0]


def test_models_that_are_gone_are_trained_again_by_the_doctor(finished: Finished) -> None:
    first, second = finished.children[:2]

    def model_of(run: Run) -> LoggedModel:
        (model,) = finished.client.search_logged_models(["0"], filter_string=f"source_run_id = '{run.info.run_id}'")
        return model

    before = [model_of(run) for run in (first, second)]
    finished.client.delete_logged_model(before[0].model_id)
    Path(local_file_uri_to_path(before[1].artifact_location), MODEL_FILE).unlink()
    ran = mlflow_run(finished.folder, "-e", "doctor", "-P", "study=tiny", "-P", "repair=true")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stdout.count("its model is missing") == 2
    assert "2 differences found, none left" in ran.stdout
    for run, lost in zip((first, second), before, strict=True):
        assert model_of(run).model_id != lost.model_id
        assert Path(local_file_uri_to_path(model_of(run).artifact_location), MODEL_FILE).is_file()
