from pathlib import Path

import pytest

from search.stores.paths import DEFAULT_STORAGE, placed


def test_under_mlflow_run_the_storage_lies_beside_mlflows_file_and_else_in_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    assert placed(DEFAULT_STORAGE) == DEFAULT_STORAGE
    monkeypatch.setenv("MLFLOW_RUN_ID", "0" * 32)
    assert placed(DEFAULT_STORAGE) == f"sqlite:///{tmp_path}/optuna.db"
    for given in ("sqlite:////elsewhere/optuna.db", "postgresql://head/optuna"):
        assert placed(given) == given
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://head:5000")
    assert placed(DEFAULT_STORAGE) == DEFAULT_STORAGE
