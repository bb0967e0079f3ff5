"""A program's function becomes the text of a file that gives the same function, or is refused by name."""

import importlib.util
import json
import math
import random
from collections import OrderedDict as Ordered
from pathlib import Path
from random import choice
from typing import Any

import numpy as np
import pytest

from models.core.errors import ConfigError
from search.api.source_text import file_of, source_text
from tests.search.api import program

WIDTH, NAMES = 3, ("relu", "tanh")
LIMITS = np.array([1.0, 2.0])
total = 7  # a global with the name of a function's local


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


class Stale:
    units = 5


class Added:
    units = 5


Stale.units, Added.rate = 10, 0.5  # type: ignore[attr-defined]


def with_stale(hp: Any) -> Any:
    return Stale.units


def with_added(hp: Any) -> Any:
    return Added.units


def decorator(function: Any) -> Any:
    def inner(*arguments: Any) -> Any:
        return function(*arguments)

    return inner


@decorator
def undecorated(hp: Any) -> Any:
    return hp


def of_decorated(hp: Any) -> Any:
    return undecorated(hp)


def with_object(hp: Any, mark: Any = object()) -> Any:  # noqa: B008
    return mark


twice = lambda x: 2 * x  # noqa: E731
alias = helper
INFINITE, SMALL = float("inf"), np.float64(0.25)


def of_many(hp: Any) -> Any:
    return twice(hp), alias(hp), INFINITE, SMALL, callable(choice)


class Base:
    def twin(self) -> Any:
        return Sub()


class Sub(Base):
    marked: "Base | None" = None


def of_family(hp: Any) -> Any:
    return type(Base().twin()).__mro__[1].__name__


def ran(found: Any) -> Any:
    text, name, _ = source_text(found)
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


def test_defaults_and_closures_are_those_of_the_function_not_those_of_its_text_now() -> None:
    made = []
    for width in (8, 32):

        def build(hp: Any, width: int = width, *, scale: float = width / 2) -> Any:
            return hp * width * scale

        made.append(build)
    assert [ran(each)(1) for each in made] == [32, 512]

    def of(units: int) -> type:
        class Net:
            def build(self, hp: Any) -> Any:
                return hp * units

        return Net

    assert [ran(of(units))().build(1) for units in (4, 16)] == [4, 16]


def test_lambdas_aliases_numbers_that_are_no_literals_and_families_of_classes_come_along(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A trial that an earlier test trained in this process has replaced the functions of `random`.
    monkeypatch.setitem(globals(), "choice", random.choice)
    assert ran(of_many)(3) == of_many(3)
    assert ran(of_family)(3) == "Base"
    assert set(source_text(of_family)[2]) == {"of_family", "Base", "Sub"}


def test_late_annotations_stay_late(tmp_path: Path) -> None:
    text = "from __future__ import annotations\ndef build(trial: nowhere.Trial) -> nowhere.Model:\n    return 3\n"
    (tmp_path / "late.py").write_text(text)
    spec = importlib.util.spec_from_file_location("late", tmp_path / "late.py")
    assert spec is not None
    assert spec.loader is not None
    late = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(late)
    assert ran(late.build)(1) == 3


def test_what_cannot_be_written_down_is_refused_by_name() -> None:
    unwritten = object()

    def closed(hp: Any) -> Any:
        return unwritten

    for found, said in (
        (limited, "got limited, which names LIMITS = array([1., 2.])"),
        (closed, "got closed, which names unwritten = <object object"),
        (with_helper_module, "got with_helper_module, which names program = <module 'tests.search.api.program'"),
        (with_stale, "must name classes whose text is still true, got Stale, whose units was changed since"),
        (with_added, "got Added, whose rate was changed since"),
        (of_decorated, "which calls inner by the name undecorated (is it decorated without functools.wraps?)"),
        (with_object, "must have defaults that can be written down, got with_object with mark = <object object"),
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
