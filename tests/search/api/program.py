"""A module beside a program, which the program imports."""

from typing import Any


def helper(hp: Any) -> Any:
    return hp
