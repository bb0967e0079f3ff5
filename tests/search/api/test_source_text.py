"""A program's function becomes the text of a file that gives the same function, or is refused by name."""

import json
import math
from collections import OrderedDict as Ordered
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.core.errors import ConfigError
from search.api.source_text import file_of, source_text
from tests.search.api import program

WIDTH, NAMES = 3, ("relu", "tanh")
LIMITS = np.array([1.0, 2.0])
total = 7  # a global that a function has a local of


class Wide:
    """A class that names others."""

    factor = WIDTH

    def build(self, hp: Any) -> Any:
        return helper(hp) * self.factor


def helper(hp: Any) -> float:
    total = math.sqrt(hp)
    return total + len(NAMES)


def build(hp: Any, scale: int = WIDTH) -> Any:
    return Ordered(value=helper(hp) * scale, wide=Wide().build(hp), words=json.dumps(NAMES))


def even(n: int) -> bool:
    return n == 0 or odd(n - 1)


def odd(n: int) -> bool:
    return n != 0 and even(n - 1)


def limited(hp: Any) -> Any:
    return LIMITS[0]


def with_helper_module(hp: Any) -> Any:
    return program.helper(hp)


def ran(found: Any) -> Any:
    text, name = source_text(found)
    space: dict[str, Any] = {"__name__": "alone"}
    exec(compile(text, "alone", "exec"), space)
    return space[name]


def test_functions_classes_modules_and_plain_values_come_along() -> None:
    assert ran(build)(16) == build(16)
    assert ran(Wide)().build(9) == Wide().build(9)
    assert [ran(even)(n) for n in range(4)] == [True, False, True, False]
    text = source_text(build)[0]
    assert "total = 7" not in text
    assert "LIMITS" not in text


def test_what_a_function_closes_over_comes_along() -> None:
    rate = 0.25

    def closed(hp: Any) -> float:
        return hp * rate

    assert ran(closed)(2) == 0.5


def test_what_cannot_be_written_down_is_refused_by_name() -> None:
    unwritten = object()

    def closed(hp: Any) -> Any:
        return unwritten

    for found, said in (
        (limited, "got limited, which names LIMITS = array([1., 2.])"),
        (closed, "got closed, which names unwritten = <object object"),
        (with_helper_module, "got with_helper_module, which names program = <module 'tests.search.api.program'"),
        (lambda hp: hp, "network must be a function with a name, got <lambda>"),
        (Wide(), "hand over its class"),
        (3, "network must be a function or a class, or FILE.py:NAME, got 3"),
    ):
        with pytest.raises(ConfigError) as caught:
            source_text(found)
        assert said in str(caught.value)
        assert "\n" not in str(caught.value)


def test_what_is_imported_from_a_file_is_that_file_s() -> None:
    assert file_of(program.helper) == f"{Path(program.__file__)}:helper"
    assert file_of(type("Made", (), {})) is None
