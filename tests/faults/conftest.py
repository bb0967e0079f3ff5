import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.checks import assert_in_order, read_stores
from tests.search.fakes import Behaviour, FakeEngine, complete
from tests.search.whole import search_on

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
def command(workdir: Path, empty_stores: tuple[Path, Path]) -> Command:
    """`python -m search` on a study of six trials, its whole session in this process but for the training.

    Returns the exit code. `patience` is how long it waits at its end for a store that is away. Of all calls,
    `command.trained` are the numbers that were trained.
    """
    for store in empty_stores:
        shutil.copy(store, workdir)
    Path("small.yaml").write_text(STUDY)

    def run(*arguments: str, behave: Behaviour = complete, patience: float = 0.0) -> int:
        engine = FakeEngine(behave)
        try:
            return search_on(engine, "--study", "small.yaml", *arguments, retry_every=0.2, last_patience=patience)
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
        assert [(step, value) for key, step, value in values if key == "epoch/loss"] == [(1, 2.0), (2, 1.0)]
