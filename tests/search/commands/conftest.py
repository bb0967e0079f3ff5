import pytest
from rich.console import Console


@pytest.fixture
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that do not wrap."""
    monkeypatch.setattr("search.commands.doctor.make_console", lambda: Console(width=300))
