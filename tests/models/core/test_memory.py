import resource
from pathlib import Path

import psutil
import pytest

from models.core.memory import granted_bytes


def test_the_memory_of_a_process_ends_at_its_own_limit_and_at_its_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = granted_bytes(tmp_path)
    (tmp_path / "memory").mkdir()
    used = psutil.Process().memory_info()
    limit = used.rss + 10**8
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text(f"{limit}\n")
    assert 0 < granted_bytes(tmp_path) <= 10**8 < free
    monkeypatch.setattr(resource, "getrlimit", lambda _: (used.vms, used.vms))
    assert granted_bytes(tmp_path) == 0
