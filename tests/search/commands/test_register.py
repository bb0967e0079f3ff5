"""A network in MLflow's registry: one version per name, with the numbers to quote; bad input registers nothing."""

from collections.abc import Callable

import pytest
from mlflow import MlflowClient

from analysis.estimates.proportions import clopper_pearson
from analysis.reading.mlflow_studies import read_mlflow
from search.commands.register import main
from search.driver.driver import Ended
from search.study.settings import StudySettings
from tests.search.fakes import FakeEngine, complete, fails

Search = Callable[..., Ended]


def versions(name: str) -> list[tuple[str, dict[str, str]]]:
    found = MlflowClient().search_model_versions(f"name = '{name}'")
    return [(str(each.version), dict(each.tags)) for each in found]


def test_the_best_network_is_registered_with_its_scores_its_interval_and_what_it_was_the_best_of(
    search: Search, settings: StudySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    search(settings, FakeEngine())
    table = read_mlflow("small")
    best = table.best
    assert best is not None
    assert main(["--run_id", best["run_id"], "--as", "digits"]) == 0
    printed = capsys.readouterr().out
    assert f"Trial {best['number']} of small: validation accuracy {best['val_accuracy']:.4f} (chosen by it" in printed
    assert "digits version 1, alias champion" in printed
    assert 'mlflow.pyfunc.load_model("models:/digits@champion")' in printed
    client = MlflowClient()
    champion = client.get_model_version_by_alias("digits", "champion")
    assert champion.run_id == best["run_id"]
    assert champion.description in printed
    low, high = clopper_pearson(best["test_accuracy"], table.test_rows or 0)
    assert {name: float(champion.tags[name]) for name in ("val_accuracy", "test_accuracy")} == {
        "val_accuracy": best["val_accuracy"],
        "test_accuracy": best["test_accuracy"],
    }
    assert (float(champion.tags["test_accuracy_low"]), float(champion.tags["test_accuracy_high"])) == (low, high)
    assert (champion.tags["best_of"], champion.tags["place"]) == ("6", "1 of 6")
    assert champion.tags["data_sha256"] == table.data_sha256
    assert (champion.tags["study"], champion.tags["trial_number"]) == ("small", str(best["number"]))


def test_registered_again_it_is_the_same_version_and_champion_again(
    search: Search, settings: StudySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    search(settings, FakeEngine())
    first, second = read_mlflow("small").ranked["run_id"].head(2)
    for run_id in (first, second, first):
        assert main(["--run_id", run_id, "--as", "digits"]) == 0
    assert "digits version 1 (registered before)" in capsys.readouterr().out
    assert sorted(version for version, _ in versions("digits")) == ["1", "2"]
    assert "best_of" not in dict(versions("digits"))["2"]
    assert dict(versions("digits"))["2"]["place"] == "2 of 6"
    assert str(MlflowClient().get_model_version_by_alias("digits", "champion").version) == "1"
    assert main(["--run_id", first, "--as", "other"]) == 0
    assert [version for version, _ in versions("other")] == ["1"]


def test_a_studys_own_run_means_its_best_network(search: Search, settings: StudySettings) -> None:
    search(settings, FakeEngine())
    table = read_mlflow("small")
    assert main(["--run_id", str(table.parent_run_id), "--as", "it's small"]) == 0
    champion = MlflowClient().get_model_version_by_alias("it's small", "champion")
    assert champion.run_id == table.network_run_id


def test_bad_input_is_one_line_and_registers_nothing(
    search: Search, settings: StudySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = FakeEngine(lambda job: fails("diverged")(job) if job.number == 1 else complete(job))
    search(settings, engine, models="best:1")
    table = read_mlflow("small")
    best, failed, modelless = table.network_run_id, *(
        table.frame.loc[table.frame["number"] == number, "run_id"].item()
        for number in (1, table.ranked["number"].iloc[-1])
    )  # fmt: skip
    stranger = MlflowClient().create_run("0").info.run_id
    for arguments, said in {
        ("--run_id", "nowhere", "--as", "x"): "run_id must be that of a run in the tracking store",
        ("--run_id", stranger, "--as", "x"): "run_id must be that of a trial, got",
        ("--run_id", failed, "--as", "x"): "run_id must be that of a complete trial, got trial-0001 of 'small', which",
        ("--run_id", modelless, "--as", "x"): "run_id must be that of a trial whose model was logged, got trial",
        ("--run_id", best, "--as", "a/b"): "as must be a name that MLflow's registry takes, without / or :, got 'a/b'",
        ("--run_id", best, "--as", " "): "as must be a name that MLflow's registry takes",
        ("--run_id", best): "--as NAME is missing",
    }.items():
        assert main([str(each) for each in arguments]) == 2
        printed = capsys.readouterr()
        assert printed.err.startswith(f"error: {said}"), printed.err
        assert printed.err.count("\n") == 1
    assert not MlflowClient().search_registered_models()


def test_a_study_without_a_complete_trial_has_nothing_to_register(
    search: Search, settings: StudySettings, capsys: pytest.CaptureFixture[str]
) -> None:
    search(settings, FakeEngine(fails("diverged")))
    assert main(["--run_id", str(read_mlflow("small").parent_run_id), "--as", "x"]) == 2
    assert "run_id must be that of a study with a network, got 'small' without one" in capsys.readouterr().err
