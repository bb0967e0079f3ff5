"""What a driver that was killed left in the outbox, of searches whose trials follow from each other."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from analysis.reading.mlflow_studies import read_mlflow
from search.__main__ import main
from search.command_line.options import read_options
from search.commands.session import run_search
from search.driver.delivery import Delivery
from search.stores.paths import StudyPaths
from search.workers.outcome import Outcome
from tests.search.fakes import FakeEngine

STUDY = "{sampler: tpe, replicates: 2, trials: 14, seed: 5, space: {width: [4, 8], dropout: {low: 0.0, high: 0.5}}}"
SAME = ["number", "state", "seed", "config_hash", "val_accuracy", "weights_sha256"]


def searched() -> tuple[int, list[int]]:
    """The exit code of a session without training, and the numbers that it ran."""
    engine = FakeEngine()
    code = run_search(
        read_options(["--study", "s.yaml", "--workers", "0"]), Console(file=io.StringIO()), make=lambda *asked: engine
    )
    return code, sorted(job.number for job in engine.jobs)


def begin(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")


@pytest.fixture
def left(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> pd.DataFrame:
    """A study of which half the results lie in the outbox; the table of one that nothing happened to."""
    for folder in (workdir / "whole", workdir / "left"):
        folder.mkdir()
        (folder / "s.yaml").write_text(STUDY)
    begin(workdir / "whole", monkeypatch)
    assert searched()[0] == 0
    table = read_mlflow("s").frame[SAME]
    begin(workdir / "left", monkeypatch)
    deliver: Callable[..., Any] = Delivery.deliver

    def delivers_half(self: Delivery, outcome: Outcome) -> bool:
        return outcome.number >= 14 or bool(deliver(self, outcome))

    with monkeypatch.context() as half:
        half.setattr(Delivery, "deliver", delivers_half)
        searched()
    assert [StudyPaths.attempt_in(path)[0] for path in StudyPaths("s").outcomes()] == list(range(14, 28))
    return table


def test_a_result_that_follows_from_a_lost_one_waits_until_that_is_trained_again(left: pd.DataFrame) -> None:
    next(path for path in StudyPaths("s").outcomes() if "trial-0020" in path.name).unlink()
    assert searched() == (0, [20])
    pd.testing.assert_frame_equal(read_mlflow("s").frame[SAME], left, check_exact=True)
    assert StudyPaths("s").outcomes() == []
    assert main(["doctor", "--study", "s"]) == 0


def test_the_doctor_keeps_results_that_follow_from_an_unreadable_one(
    left: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = next(path for path in StudyPaths("s").outcomes() if "trial-0020" in path.name)
    broken.write_bytes(broken.read_bytes()[:100])
    assert main(["doctor", "--study", "s", "--repair", "true"]) == 1
    assert "the search, run again" in " ".join(capsys.readouterr().out.split())
    paths = StudyPaths("s")
    assert [path.name for path in paths.aside.iterdir()] == [broken.name]
    assert [StudyPaths.attempt_in(path)[0] for path in paths.outcomes()] == [22, 24, 26]
    assert searched() == (0, [20])
    pd.testing.assert_frame_equal(read_mlflow("s").frame[SAME], left, check_exact=True)
