"""Turns a function or class of a program into the text of a file that defines it anew.

The file consists of the text of the function or class and of the functions, classes, modules and plain values that the
text names. So neither a notebook's cell nor a script that calls `search.run` has to run again. A value that cannot be
written as text, or that has changed since its text was read, is refused by name.
"""

import __future__

import ast
import inspect
import sys
from collections.abc import Mapping
from types import FunctionType, ModuleType
from typing import Any

from models.core.errors import ConfigError, shown
from search.api.definitions import (
    can_be_imported,
    codes_of,
    is_installed,
    module_of_method,
    named,
    stale_attribute,
    text_of,
    with_defaults,
    written,
)


def source_text(found: Any, what: str = "network") -> tuple[str, str, Mapping[str, Any]]:
    """The text of a file with `found`, a function or class; its name there; the program's definitions in the file.

    `what` is the argument's name in messages.

    Raises:
        ConfigError: `found` has no text, or names a value that cannot be written as text.
    """
    if not (inspect.isclass(found) or isinstance(found, FunctionType)):
        of_its_own = hasattr(type(found), "build") and not hasattr(found, "layers")
        instead = "; hand over its class" if of_its_own else ", which a function could return"
        raise ConfigError(f"{what} must be a function or a class, or FILE.py:NAME, got {shown(found)}{instead}")
    if not found.__name__.isidentifier():
        raise ConfigError(f"{what} must be a function with a name, got {found.__name__}")
    collected = _Collected(what)
    collected.add(found.__name__, found)
    return collected.text, found.__name__, collected.own


def file_of(found: Any) -> str | None:
    """FILE.py:NAME of a function or class that the program imports from a file; None if the program defines it."""
    module = sys.modules.get(getattr(found, "__module__", None) or "")
    name, file = getattr(found, "__name__", ""), getattr(module, "__file__", None)
    if module is None or module.__name__ in ("__main__", "__mp_main__") or not file:
        return None
    return f"{file}:{name}" if getattr(module, name, None) is found else None


class _Collected:
    """The parts of a file. Each part comes after the parts that its definition needs."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._imports: dict[str, str] = {}
        self._parts: dict[str, str] = {}
        self._values: dict[str, Any] = {}
        self._late_annotations = False

    @property
    def text(self) -> str:
        first = ["from __future__ import annotations"] if self._late_annotations else []
        imports = "\n".join([*first, *self._imports.values()])
        return "\n\n\n".join(part for part in (imports, *self._parts.values()) if part) + "\n"

    @property
    def own(self) -> dict[str, Any]:
        """The program's functions and classes in the file, by name."""
        return {
            name: value
            for name, value in self._values.items()
            if name not in self._imports and (inspect.isclass(value) or isinstance(value, FunctionType))
        }

    def add(self, name: str, found: Any) -> None:
        self._values[name] = found  # before the values that it names, since functions may call each other
        try:
            text = text_of(found)
        except (OSError, TypeError):
            raise ConfigError(
                f"{self._what} must have a text, as a definition in a cell or a file has, got {name} without one"
            ) from None
        flag = __future__.annotations.compiler_flag
        self._late_annotations |= any(code.co_flags & flag for code in codes_of(found))
        if inspect.isclass(found):
            stale = stale_attribute(found, text)
            if stale:
                raise ConfigError(
                    f"{self._what} must name classes whose text is still true, got {name}, whose {stale} was changed "
                    "since"
                )
        now, later = named(found, text)
        text = self._with_defaults(name, found, text)
        for used, value in now.items():
            self._take(name, used, value)
        self._parts[name] = text
        for used, value in later.items():
            self._take(name, used, value)

    def _with_defaults(self, name: str, found: Any, text: str) -> str:
        if not isinstance(found, FunctionType):
            return text
        try:
            return with_defaults(found, text)
        except ValueError as error:
            raise ConfigError(
                f"{self._what} must have defaults that can be written down, got {name} with {error}"
            ) from None

    def _take(self, name: str, used: str, value: Any) -> None:
        if used not in self._values:
            self._add_value(name, used, value)
        elif self._values[used] is not value:
            raise ConfigError(f"{self._what} must name one value {used}, got two values in different modules")

    def _add_value(self, name: str, used: str, value: Any) -> None:
        plain = written(value)
        if isinstance(value, ModuleType) and is_installed(value):
            self._imports[used] = f"import {value.__name__} as {used}"
        elif can_be_imported(value):
            self._imports[used] = f"from {value.__module__} import {value.__qualname__} as {used}"
        elif module_of_method(value):
            self._imports[used] = f"from {module_of_method(value)} import {value.__name__} as {used}"
        elif inspect.isclass(value) or isinstance(value, FunctionType):
            self._add_definition(name, used, value)
            return
        elif plain is not None:
            self._parts[used] = f"{used} = {plain}"
        else:
            hint = "import its functions by name" if isinstance(value, ModuleType) else "make it in the function"
            raise ConfigError(
                f"{self._what} may name installed modules, functions, classes and plain values, got {name}, which "
                f"names {used} = {shown(value)}: {hint}, or hand over FILE.py:NAME"
            )
        self._values[used] = value

    def _add_definition(self, name: str, used: str, value: Any) -> None:
        own = value.__name__
        if own == used or (own == "<lambda>" and _is_assigned(used, value)):
            self.add(used, value)
        elif own.isidentifier() and getattr(sys.modules.get(value.__module__), own, None) is value:
            self._take(name, own, value)
            self._parts[used] = f"{used} = {own}"
            self._values[used] = value
        else:
            raise ConfigError(
                f"{self._what} must name functions by the names that they were defined with, got {name}, which calls "
                f"{own} by the name {used} (is it decorated without functools.wraps?)"
            )


def _is_assigned(name: str, value: FunctionType) -> bool:
    """Whether a lambda's text is `name = lambda ...`."""
    try:
        tree = ast.parse(text_of(value))
    except (OSError, TypeError, SyntaxError):
        return False
    first = tree.body[0] if tree.body else None
    return (
        isinstance(first, ast.Assign)
        and isinstance(first.value, ast.Lambda)
        and name in map(ast.unparse, first.targets)
    )
