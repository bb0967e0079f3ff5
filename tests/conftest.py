"""What all tests share: an empty working directory, and no run, server or secret of the person who runs them."""

import gc
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.postgresql import PostgreSQL, programs
from tests.project import work_in


@pytest.fixture(scope="session", autouse=True)
def _thaw() -> Iterator[None]:
    """prepare_process freezes what imports made; other packages' clean-up looks for referrers, which that hides."""
    yield
    gc.unfreeze()


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, where MLflow would make its store."""
    work_in(tmp_path, monkeypatch)
    return tmp_path


@pytest.fixture(scope="session")
def empty_stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Both SQLite stores with their tables: making them takes two seconds, copying them none."""
    from mlflow import MlflowClient
    from optuna.storages import RDBStorage

    folder = tmp_path_factory.mktemp("stores")
    MlflowClient(f"sqlite:///{folder}/mlflow.db").search_experiments()
    RDBStorage(f"sqlite:///{folder}/optuna.db")
    return folder / "mlflow.db", folder / "optuna.db"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgreSQL]:
    """A running server, its databases to be made by the tests."""
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed (Debian's package postgresql)")
    with TemporaryDirectory(prefix="postgresql-") as folder:
        server = PostgreSQL(Path(folder), found)
        yield server
        server.stop()
