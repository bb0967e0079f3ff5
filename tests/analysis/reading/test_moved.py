import shutil
from pathlib import Path

import pytest
from mlflow import MlflowClient

from analysis.reading.moved import follow_moved_folder


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tracking store and one run that has an artifact."""
    folder = tmp_path_factory.mktemp("first")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    run = client.create_run("0")
    client.log_text(run.info.run_id, "kept", "note.txt")
    return folder


def locations(folder: Path) -> list[str]:
    client = MlflowClient(f"sqlite:///{folder}/mlflow.db")
    return [run.info.artifact_uri for run in client.search_runs(["0"])] + [client.get_experiment("0").artifact_location]


def test_a_moved_store_names_the_artifacts_beside_it(
    original: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = Path(shutil.copytree(original, tmp_path / "then")).rename(tmp_path / "second")
    follow_moved_folder(f"sqlite:///{there}/mlflow.db")
    assert all(each.startswith(f"{there}/mlruns/0") for each in locations(there))
    assert f"its artifacts are now those of {there}/mlruns/0, not of {original}/mlruns/0" in capsys.readouterr().err
    follow_moved_folder(f"sqlite:///{there}/mlflow.db")
    assert capsys.readouterr().err == ""


def test_a_copy_has_artifacts_of_its_own_and_the_original_keeps_its(original: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(original, tmp_path / "copy"))
    for folder in (original, copy):
        follow_moved_folder(f"sqlite:///{folder}/mlflow.db")
    assert all(each.startswith(f"{original}/") for each in locations(original))
    assert all(each.startswith(f"{copy}/") for each in locations(copy))


def test_a_store_without_its_artifacts_or_with_a_link_to_them_is_left_as_it_is(original: Path, tmp_path: Path) -> None:
    for name in ("alone", "linked"):
        (tmp_path / name).mkdir()
        shutil.copy(original / "mlflow.db", tmp_path / name)
    (tmp_path / "linked" / "mlruns").symlink_to(original / "mlruns")
    for name in ("alone", "linked"):
        before = (tmp_path / name / "mlflow.db").read_bytes()
        follow_moved_folder(f"sqlite:///{tmp_path / name}/mlflow.db")
        assert (tmp_path / name / "mlflow.db").read_bytes() == before
