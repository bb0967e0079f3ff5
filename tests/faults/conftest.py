import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import search.commands.session
import search.driver.delivery
from search.__main__ import main
from tests.faults.checks import assert_in_order, read_stores
from tests.search.fakes import Behaviour, FakeEngine, complete

TRIALS = 6
STUDY = f"""
sampler: random
trials: {TRIALS}
seed: 3
space: {{width: [4, 8, 16], learning_rate: {{low: 1e-3, high: 1e-1, log: true}}}}
training: {{epochs: 2, batch_size: 64}}
"""

Command = Callable[..., int]


@pytest.fixture
def command(workdir: Path, empty_stores: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Command:
    """`python -m search` on a study of six trials, its whole session in this process but for the training.

    Returns the exit code. `command.trained` are the numbers that were trained, of all calls.
    """
    for store in empty_stores:
        shutil.copy(store, workdir)
    Path("small.yaml").write_text(STUDY)
    monkeypatch.setattr(search.driver.delivery, "_RETRY_EVERY", 0.2)
    monkeypatch.setattr(search.driver.delivery, "_LAST_PATIENCE", 0.0)

    def run(*arguments: str, behave: Behaviour = complete) -> int:
        engine = FakeEngine(behave)
        monkeypatch.setattr(search.commands.session, "make_engine", lambda *_: engine)
        try:
            return main(["--study", "small.yaml", *arguments])
        finally:
            run.trained += [job.number for job in engine.jobs]  # type: ignore[attr-defined]

    run.trained = []  # type: ignore[attr-defined]
    return run


def said_without_traceback(capsys: pytest.CaptureFixture[str]) -> str:
    printed = capsys.readouterr()
    assert "Traceback" not in printed.out + printed.err
    return printed.out + printed.err


def assert_complete_and_once(storage: str | None = None, trials: int = TRIALS) -> None:
    """Every number of the study in the working directory is complete, and each epoch's value was logged once."""
    stores = read_stores(Path(), "small", os.environ["MLFLOW_TRACKING_URI"], storage)
    assert_in_order(stores)
    assert list(stores.table["number"]) == list(range(trials))
    assert list(stores.table["state"]) == ["complete"] * trials
    for values in stores.epochs.values():
        assert [(step, value) for key, step, value in values if key == "loss"] == [(1, 2.0), (2, 1.0)]
