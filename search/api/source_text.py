"""A function of a program's as the text of a file: what it is made of, found by what it names.

A function or class is taken by its own text, with the functions, classes, modules and plain values that it names, so
that a cell of a notebook or a script that calls `search.run` is not run again. What cannot be written down is refused
by name.
"""

import ast
import inspect
import linecache
import symtable
import sys
import sysconfig
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

from models.core.errors import ConfigError, shown


def source_text(found: Any, what: str = "network") -> tuple[str, str]:
    """The text of a file that has `found`, a function or a class, and its name there.

    Raises:
        ConfigError: it has no text, or names a value that cannot be written down.
    """
    if not (inspect.isclass(found) or isinstance(found, FunctionType)):
        instead = "; hand over its class" if hasattr(found, "build") else ""
        raise ConfigError(f"{what} must be a function or a class, or FILE.py:NAME, got {shown(found)}{instead}")
    if not found.__name__.isidentifier():
        raise ConfigError(f"{what} must be a function with a name, got {found.__name__}")
    collected = _Collected(what)
    collected.add(found.__name__, found)
    return collected.text, found.__name__


def file_of(found: Any) -> str | None:
    """FILE.py:NAME of a function or class that the program has imported from a file; None of one that it defines."""
    module = sys.modules.get(getattr(found, "__module__", None) or "")
    name, file = getattr(found, "__name__", ""), getattr(module, "__file__", None)
    if module is None or module.__name__ == "__main__" or not file or getattr(module, name, None) is not found:
        return None
    return f"{file}:{name}"


class _Collected:
    """The parts of a file, each after what it names."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._imports: dict[str, str] = {}
        self._parts: dict[str, str] = {}
        self._values: dict[str, Any] = {}

    @property
    def text(self) -> str:
        return "\n\n\n".join(part for part in ("\n".join(self._imports.values()), *self._parts.values()) if part) + "\n"

    def add(self, name: str, found: Any) -> None:
        self._values[name] = found  # before its parts, so that functions that call each other end here
        text = self._text_of(name, found)
        for used, value in _named(found, text):
            if used not in self._values:
                self._add_value(name, used, value)
            elif self._values[used] is not value:
                raise ConfigError(f"{self._what} must name one thing {used}, got two of different modules")
        self._parts[name] = text

    def _add_value(self, name: str, used: str, value: Any) -> None:
        if isinstance(value, ModuleType) and _is_installed(value):
            self._imports[used] = f"import {value.__name__} as {used}"
        elif _can_be_imported(value):
            self._imports[used] = f"from {value.__module__} import {value.__qualname__} as {used}"
        elif inspect.isclass(value) or isinstance(value, FunctionType):
            if value.__name__ != used:
                raise ConfigError(f"{self._what} must call {value.__name__} by its name, got {name}, which says {used}")
            self.add(used, value)
            return
        elif _can_be_written(value):
            self._parts[used] = f"{used} = {value!r}"
        else:
            raise ConfigError(
                f"{self._what} may name installed modules, functions, classes and plain values, got {name}, which "
                f"names {used} = {shown(value)}: make it in the function, or hand over FILE.py:NAME"
            )
        self._values[used] = value

    def _text_of(self, name: str, found: Any) -> str:
        try:
            text = inspect.getsource(found) if isinstance(found, FunctionType) else _class_text(found)
        except (OSError, TypeError):
            raise ConfigError(
                f"{self._what} must have a text, as what a cell or a file defines has, got {name} without one"
            ) from None
        return textwrap.dedent(text).strip()


def _class_text(found: type) -> str:
    """As inspect.getsource, which Python 3.11 cannot of a class in a notebook's cell."""
    for code in _codes_of(found):
        lines = linecache.getlines(code.co_filename)
        for node in ast.walk(ast.parse("".join(lines))):
            if not isinstance(node, ast.ClassDef) or node.name != found.__name__:
                continue
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if first <= code.co_firstlineno <= (node.end_lineno or 0):
                return "".join(lines[first - 1 : node.end_lineno])
    return inspect.getsource(found)


def _codes_of(found: type) -> Iterator[CodeType]:
    for value in vars(found).values():
        function = inspect.unwrap(getattr(value, "__func__", value)) if callable(value) else value
        if isinstance(function, FunctionType):
            yield function.__code__


def _named(found: Any, text: str) -> Iterator[tuple[str, Any]]:
    """What the text names beyond itself, where that is something now: a name without a value may be a local one."""
    module = sys.modules.get(found.__module__)
    known: dict[str, Any] = dict(vars(module)) if module is not None else {}
    if isinstance(found, FunctionType):
        function = inspect.unwrap(found)
        known |= function.__globals__
        known |= inspect.getclosurevars(function).nonlocals
    wanted: dict[str, None] = {}
    waiting = [symtable.symtable(text, "<source>", "exec")]
    while waiting:
        table = waiting.pop(0)
        waiting += table.get_children()
        for symbol in table.get_symbols():
            is_outer = symbol.is_global() or (table.get_type() == "module" and symbol.is_referenced())
            if is_outer and symbol.get_name() != found.__name__:
                wanted[symbol.get_name()] = None
    yield from ((name, known[name]) for name in wanted if name in known)


def _is_installed(module: ModuleType) -> bool:
    """Whether it is Python's or a package's, which every process finds; not a file beside the program."""
    file = getattr(module, "__file__", None)
    if file is None:
        return module.__name__ != "__main__"
    places = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return any(Path(file).is_relative_to(place) for place in places if place)


def _can_be_imported(value: Any) -> bool:
    named = inspect.isclass(value) or inspect.isroutine(value)
    module = sys.modules.get(getattr(value, "__module__", None) or "")
    return bool(named and module is not None and _is_installed(module) and "." not in value.__qualname__)


def _can_be_written(value: Any) -> bool:
    try:
        return bool(ast.literal_eval(repr(value)) == value)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
