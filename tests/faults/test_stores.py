"""Stores that fail while results are logged: no finished trial lost, one clear line, the right exit code."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mlflow import MlflowClient

from search.workers.job import Job
from search.workers.outcome import Outcome
from tests.faults.conftest import TRIALS, Command, assert_complete_and_once, said_without_traceback
from tests.search.fakes import complete


def mount(*arguments: str) -> None:
    """Mounts, or skips the test where that is not permitted."""
    ran = subprocess.run(["mount", *arguments], capture_output=True, text=True)
    if ran.returncode:
        pytest.skip(f"mount is not permitted here: {ran.stderr.strip()}")


def unmount(target: Path) -> None:
    subprocess.run(["umount", "--lazy", str(target)], check=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount("-t", "tmpfs", "-o", "size=8m", "tmpfs", str(disk))
    yield disk
    unmount(disk)


@contextmanager
def read_only(file: Path) -> Iterator[None]:
    """By a mount of its own: the root user may write whatever the file's mode is."""
    mount("--bind", str(file), str(file))
    try:
        mount("-o", "remount,bind,ro", str(file))
        yield
    finally:
        unmount(file)


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


def test_a_disk_that_is_full_ends_the_search_and_the_same_command_finishes_it(
    command: Command, small_disk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    empty_stores: tuple[Path, Path],
) -> None:  # fmt: skip
    for store in empty_stores:
        (small_disk / store.name).write_bytes(store.read_bytes())
    monkeypatch.chdir(small_disk)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{small_disk}/mlflow.db")
    Path("small.yaml").write_text((small_disk.parent / "small.yaml").read_text())

    def behave(job: Job) -> Outcome:
        if job.number == 3:
            fill(small_disk)
        return complete(job)

    assert command(behave=behave) == 1
    said = said_without_traceback(capsys)
    assert "results must be kept in outbox/small, got: No space left on device" in said
    assert command() == 1  # still full
    said = said_without_traceback(capsys)
    assert "No space left on device" in said or "disk is full" in said  # whichever file meets its end first
    (small_disk / "filler").unlink()
    assert command() == 0
    assert_complete_and_once()
    assert [command.trained.count(number) for number in range(3)] == [1, 1, 1]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("folder", "reason"),
    [("outbox", "results must be kept in outbox/small, got: No space left"), ("mlruns", "a store cannot be written: ")],
)
def test_a_disk_that_is_full_under_the_outbox_or_the_artifacts_alone_loses_nothing(
    command: Command, small_disk: Path, capsys: pytest.CaptureFixture[str], folder: str, reason: str
) -> None:
    (small_disk / folder).mkdir()
    Path(folder).symlink_to(small_disk / folder)

    def behave(job: Job) -> Outcome:
        if job.number == 3:
            fill(small_disk)
        return complete(job)

    assert command(behave=behave) == 1
    assert reason in " ".join(said_without_traceback(capsys).split())
    (small_disk / "filler").unlink()
    assert command() == 0
    assert_complete_and_once()


def test_training_goes_on_while_the_tracking_stores_disk_is_full(
    command: Command, small_disk: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    empty_stores: tuple[Path, Path],
) -> None:  # fmt: skip
    (small_disk / "mlflow.db").write_bytes(empty_stores[0].read_bytes())
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{small_disk}/mlflow.db")

    def behave(job: Job) -> Outcome:
        if job.number == 2:
            fill(small_disk)
        return complete(job)

    assert command(behave=behave) == 1
    said = said_without_traceback(capsys)
    store = f"the tracking store sqlite:///{small_disk}/mlflow.db does not answer"
    assert f"{store}: (sqlite3.OperationalError) database or disk is full" in " ".join(said.split())
    assert f"0 trials are missing, {len(list(Path('outbox/small').glob('*.zip')))} wait" in said
    (small_disk / "filler").unlink()
    assert command() == 0
    assert sorted(command.trained) == list(range(TRIALS))  # type: ignore[attr-defined]
    assert_complete_and_once()


def test_logging_catches_up_when_the_disk_has_room_again(
    command: Command, small_disk: Path, capsys: pytest.CaptureFixture[str], empty_stores: tuple[Path, Path]
) -> None:
    (small_disk / "optuna.db").write_bytes(empty_stores[1].read_bytes())

    def behave(job: Job) -> Outcome:
        if job.number == 2:
            fill(small_disk)
        if job.number == 4:
            (small_disk / "filler").unlink()
        return complete(job)

    # The outbox has to have room meanwhile: it lies beside Optuna's database, so its folder is another disk's.
    (small_disk / "outbox").symlink_to(Path("outbox").resolve())
    Path("outbox").mkdir()
    assert command("--storage", f"sqlite:///{small_disk}/optuna.db", behave=behave, patience=60.0) == 0
    said = said_without_traceback(capsys)
    # Whichever file meets its end first: the database, or the picture of a trial that lies beside it.
    full = ("Optuna's storage does not answer: database or disk is full", "a store cannot be written: No space left")
    assert any(each in said for each in full)
    assert "results wait in" in said
    assert "the stores answer again" in said
    assert sorted(command.trained) == list(range(TRIALS))  # type: ignore[attr-defined]
    Path("optuna.db").write_bytes(b"")
    Path("optuna.db").unlink()
    Path("optuna.db").symlink_to(small_disk / "optuna.db")
    assert_complete_and_once()


@pytest.mark.parametrize("name", ["mlflow.db", pytest.param("optuna.db", marks=pytest.mark.slow)])
def test_a_database_that_may_not_be_written_is_refused_in_one_line(
    command: Command, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert command("--trials", "3") == 0
    capsys.readouterr()
    what = {"mlflow.db": "the tracking store", "optuna.db": "storage"}[name]
    with read_only(Path(name).resolve()):
        assert command() == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert f"error: {what} must be a file that can be written, got " in printed.err
    assert command() == 0
    assert sorted(command.trained) == list(range(TRIALS))  # type: ignore[attr-defined]
    assert_complete_and_once()


def test_a_trial_whose_run_was_deleted_gets_another(command: Command) -> None:
    client = MlflowClient()

    def behave(job: Job) -> Outcome:
        if job.number == 2:
            (run,) = running()
            client.delete_run(run)
        return complete(job)

    def running() -> list[str]:
        experiments = [each.experiment_id for each in client.search_experiments()]
        found = client.search_runs(experiments, "attributes.status = 'RUNNING' and tags.trial_number = '2'")
        return [run.info.run_id for run in found]

    assert command(behave=behave) == 0
    assert_complete_and_once()


def test_an_experiment_that_was_deleted_ends_the_search_with_the_reason_and_nothing_is_lost(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    client = MlflowClient()

    def behave(job: Job) -> Outcome:
        if job.number == 2:
            client.delete_experiment(client.get_experiment_by_name("small").experiment_id)
        return complete(job)

    assert command(behave=behave) == 1
    said = said_without_traceback(capsys)
    assert re.search(r"the tracking store sqlite:///\S+ refuses to keep results: ", " ".join(said.split()))
    assert "must be in the 'active' state" in " ".join(said.split())
    trained = list(command.trained)  # type: ignore[attr-defined]
    assert command() == 2  # as long as it is deleted
    assert (
        "its experiment 1 is in MLflow's trash: `mlflow experiments restore -x 1` brings it back"
        in capsys.readouterr().err
    )
    experiment = next(each for each in client.search_experiments(view_type=3) if each.name == "small")
    client.restore_experiment(experiment.experiment_id)
    assert command() == 0
    assert_complete_and_once()
    finished = trained[:-1]
    assert [command.trained.count(number) for number in finished] == [1] * len(finished)  # type: ignore[attr-defined]
