"""A dask cluster of a test's own, and the engines that the test puts on it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from search.workers.dask_engine import DaskEngine
from tests.search.cluster import Cluster


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path)
    yield cluster
    cluster.close()


@pytest.fixture
def engines(cluster: Cluster) -> Iterator[list[DaskEngine]]:
    """Closes the engines that a test puts into the list."""
    engines: list[DaskEngine] = []
    yield engines
    for engine in engines:
        engine.close()
