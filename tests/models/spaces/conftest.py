"""Fixtures that write functions of users into files and load them from there."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from models.spaces.calling import load_function
from models.spaces.functions import UserFunction
from models.spaces.source import Source, read_source

Write = Callable[..., Source]
Load = Callable[..., UserFunction]
SMALLEST = "\n    import keras\n    return keras.Sequential()\n"
"""The last lines of a build whose network does not matter."""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes `build.py` and other files, and reads the source of a function in the first."""

    def written(text: str, function: str = "build", **others: str) -> Source:
        for name, content in {"build": text, **others}.items():
            path = tmp_path / "user" / f"{name.replace('__in__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(content))
        return read_source(f"build.py:{function}", tmp_path / "user")

    return written


@pytest.fixture
def loaded(write: Write) -> Load:
    """The function in a file of the given text, to which the lines of the smallest network are added."""

    def function(text: str, name: str = "build", given: dict[str, Any] | None = None, **others: str) -> UserFunction:
        return load_function(write(dedent(text).rstrip() + SMALLEST, name, **others), given or {}, 0)

    return function
