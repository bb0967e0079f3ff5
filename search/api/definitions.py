"""What Python knows about a definition: its text, the names in the text, and whether the text is still true."""

import ast
import inspect
import linecache
import math
import symtable
import sys
import sysconfig
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np


def text_of(found: Any) -> str:
    """The text of a function or class, at the left margin.

    Raises:
        OSError, TypeError: as inspect.getsource.
    """
    text = inspect.getsource(found) if isinstance(found, FunctionType) else _class_text(found)
    return textwrap.dedent(text).strip()


def codes_of(found: Any) -> Iterator[CodeType]:
    """The code objects of a function, or of the methods of a class."""
    for function in _functions_of(found):
        yield function.__code__


def _functions_of(found: Any) -> Iterator[FunctionType]:
    values = [found] if isinstance(found, FunctionType) else list(vars(found).values())
    for value in values:
        own = getattr(value, "fget", None) or getattr(value, "__func__", value)
        function = inspect.unwrap(own) if callable(own) else own
        if isinstance(function, FunctionType):
            yield function


def _class_text(found: type) -> str:
    """The text of a class, also of one in a notebook's cell, which inspect.getsource of Python 3.11 cannot find."""
    own = [code.co_filename for code in codes_of(found)]
    cells = [name for name in reversed(list(linecache.cache)) if "ipykernel" in name or name.startswith("<ipython")]
    for file in [*own, *(cells if found.__module__ == "__main__" else [])]:
        lines = linecache.getlines(file)
        try:
            tree = ast.parse("".join(lines))
        except SyntaxError:  # a cell that contains commands of the kernel
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name == found.__name__:
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                if file not in own or any(_is_within(code, file, first, node) for code in codes_of(found)):
                    return "".join(lines[first - 1 : node.end_lineno])
    return inspect.getsource(found)


def _is_within(code: CodeType, file: str, first: int, node: ast.ClassDef) -> bool:
    return code.co_filename == file and first <= code.co_firstlineno <= (node.end_lineno or 0)


def named(found: Any, text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The global values that the text names, by name: those that its definition needs, and those that its run needs.

    A name without a value now is left out: some branch may assign it.
    """
    module = sys.modules.get(found.__module__)
    known: dict[str, Any] = dict(vars(module)) if module is not None else {}
    for function in _functions_of(found):
        known |= function.__globals__
        known |= inspect.getclosurevars(function).nonlocals
    now: dict[str, Any] = {}
    later: dict[str, Any] = {}
    waiting = [(symtable.symtable(text, "<source>", "exec"), now)]
    while waiting:
        table, wanted = waiting.pop(0)
        is_module = table.get_type() == "module"
        for inner in table.get_children():
            waiting.append((inner, wanted if inner.get_type() == "class" else later))
        for symbol in table.get_symbols():
            is_outer = symbol.is_global() or (is_module and symbol.is_referenced())
            name = symbol.get_name()
            if is_outer and name != found.__name__ and name in known:
                wanted[name] = known[name]
    return now, {name: value for name, value in later.items() if name not in now}


def with_defaults(function: FunctionType, text: str) -> str:
    """The text with the function's present default values, which an expression in the text may no longer give.

    Raises:
        ValueError: a default cannot be written as text, and its expression no longer gives it; the message names it.
    """
    function = inspect.unwrap(function)
    node = ast.parse(text).body[0]
    if not isinstance(node, ast.FunctionDef):
        return text
    arguments = node.args
    positional = [*arguments.posonlyargs, *arguments.args][-len(arguments.defaults) or None :]
    pairs = [
        *zip(positional, arguments.defaults, function.__defaults__ or (), strict=False),
        *((each, default, (function.__kwdefaults__ or {}).get(each.arg)) for each, default in _of_keywords(arguments)),
    ]
    lines = text.split("\n")
    for argument, default, value in reversed(pairs):
        plain = written(value)
        if plain is None:
            if not _gives(default, function, value):
                raise ValueError(f"{argument.arg} = {value!r}"[:120])
        elif not isinstance(default, ast.Constant) and default.lineno == default.end_lineno:
            line = lines[default.lineno - 1].encode()  # columns count bytes
            line = line[: default.col_offset] + plain.encode() + line[default.end_col_offset :]
            lines[default.lineno - 1] = line.decode()
    return "\n".join(lines)


def _of_keywords(arguments: ast.arguments) -> list[tuple[ast.arg, ast.expr]]:
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return [(argument, default) for argument, default in pairs if default is not None]


def _gives(expression: ast.expr, function: FunctionType, value: Any) -> bool:
    """Whether an expression, a name or an attribute of one, still gives this value."""
    parts = ast.unparse(expression).split(".")
    found = function.__globals__.get(parts[0])
    for part in parts[1:]:
        found = getattr(found, part, None)
    return found is value


def stale_attribute(found: type, text: str) -> str:
    """The name of an attribute whose plain value the text of its class does not give; empty if there is none."""
    body = next((node.body for node in ast.parse(text).body if isinstance(node, ast.ClassDef)), [])
    said: dict[str, ast.expr | None] = {}
    for node in body:
        if isinstance(node, ast.Assign):
            said |= {target.id: node.value for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            said[node.target.id] = node.value
    for name, value in vars(found).items():
        if name.startswith("__") or written(value) is None:
            continue
        if name not in said:
            if not name.startswith("_"):
                return name
            continue
        try:
            expression = said[name]
            same = expression is None or ast.literal_eval(expression) == value
        except ValueError:  # an expression, which is evaluated again from the text
            same = True
        if not same:
            return name
    return ""


def is_installed(module: ModuleType) -> bool:
    """Whether a module is Python's or of an installed package, so that every process finds it."""
    file = getattr(module, "__file__", None)
    if file is None:
        return module.__name__ not in ("__main__", "__mp_main__")
    places = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return any(Path(file).is_relative_to(place) for place in places if place)


def can_be_imported(value: Any) -> bool:
    """Whether a value is a function or class at the top level of an installed module."""
    is_named = inspect.isclass(value) or inspect.isroutine(value)
    module = sys.modules.get(getattr(value, "__module__", None) or "")
    return bool(is_named and module is not None and is_installed(module) and "." not in value.__qualname__)


def module_of_method(value: Any) -> str:
    """The module that offers a bound method as a function, as `random` offers `choice`; empty if there is none."""
    name = getattr(value, "__name__", "")
    for module in ("random", "numpy.random"):
        if inspect.isroutine(value) and getattr(sys.modules.get(module), name, None) == value:
            return module
    return ""


def written(value: Any) -> str | None:
    """A plain value as Python source; None for any other value."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return f"float({str(value)!r})"
    try:
        text = repr(value)
        return text if ast.literal_eval(text) == value else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
