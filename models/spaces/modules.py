"""The user's files as modules of this process, under private names.

This project's imports never find a file of the user's, and the user's imports never find one of this project's: a
user's `models/` is the user's. Import statements in the user's files look among the user's own files first.
"""

import builtins
import importlib
import importlib.abc
import importlib.machinery
import linecache
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

from models.spaces.source import Source

_PREFIX = "_network_"


def load(source: Source) -> ModuleType:
    """The module of the user's file, run anew together with the modules beside it that it imports.

    Errors of the user's code, SystemExit included, come through.
    """
    finder = _Finder(source)
    sys.meta_path[:] = [finder, *(other for other in sys.meta_path if not finder.replaces(other))]
    for name in [name for name in sys.modules if name == finder.root or name.startswith(f"{finder.root}.")]:
        del sys.modules[name]
    return importlib.import_module(f"{finder.root}.{source.file.removesuffix('.py')}")


def module_beside(source: Source, file: str) -> ModuleType:
    """The module of another file of the source, the same that the modules run by `load` import."""
    return importlib.import_module(f"{_root(source)}.{file.removesuffix('.py').replace('/', '.')}")


def objects_of(source: Source) -> dict[str, Any]:
    """Classes and functions of the modules that `load` ran last, by name, for Keras to load saved models with."""
    root = _root(source)
    found: dict[str, Any] = {}
    for name, module in list(sys.modules.items()):
        if name.startswith(f"{root}."):
            own = {key: value for key, value in vars(module).items() if getattr(value, "__module__", None) == name}
            found |= {key: value for key, value in own.items() if callable(value)}
    return found


def paths_of(source: Source) -> dict[str, str]:
    """The file names that tracebacks show, each with the path that `source` has for it."""
    return {str(Path(source.folder or "<network>", path)): path for path, _ in source.texts}


def _root(source: Source) -> str:
    return f"{_PREFIX}{source.hash[:16]}"


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and runs the modules of one source; `root` is the package that holds the modules."""

    def __init__(self, source: Source) -> None:
        self.root = _root(source)
        self._texts: Mapping[str, str] = dict(source.texts)
        self._files = {path: file for file, path in paths_of(source).items()}
        self._tops = {PurePosixPath(path).parts[0].removesuffix(".py") for path in self._texts}
        self._builtins = vars(builtins) | {"__import__": self._import}
        for path, file in self._files.items():  # tracebacks show the text that runs, even where the file has changed
            text = self._texts[path]
            linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)

    def replaces(self, other: object) -> bool:
        return isinstance(other, _Finder) and other.root == self.root

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.root and not fullname.startswith(f"{self.root}."):
            return None
        file, package = self._locate(fullname)
        if file is None and not package:
            return None
        spec = importlib.machinery.ModuleSpec(
            fullname, self, origin=self._files[file] if file else None, is_package=package
        )
        spec.has_location = file is not None
        return spec

    def exec_module(self, module: ModuleType) -> None:
        file, _ = self._locate(module.__name__)
        if file is not None:
            vars(module)["__builtins__"] = self._builtins
            exec(compile(self._texts[file], self._files[file], "exec", dont_inherit=True), vars(module))

    def get_source(self, fullname: str) -> str | None:
        file, _ = self._locate(fullname)
        return None if file is None else self._texts[file]

    def _locate(self, fullname: str) -> tuple[str | None, bool]:
        """The path of a module's file, None where a folder has none, and whether it is a package."""
        if fullname == self.root:
            return None, True
        path = fullname.removeprefix(f"{self.root}.").replace(".", "/")
        if f"{path}/__init__.py" in self._texts:
            return f"{path}/__init__.py", True
        if f"{path}.py" in self._texts:
            return f"{path}.py", False
        return None, any(other.startswith(f"{path}/") for other in self._texts)

    def _import(
        self,
        name: str,
        globals: Mapping[str, Any] | None = None,
        locals: Mapping[str, Any] | None = None,
        fromlist: Sequence[str] = (),
        level: int = 0,
    ) -> ModuleType:
        """The `__import__` of the user's files."""
        if level or name.partition(".")[0] not in self._tops:
            return builtins.__import__(name, globals, locals, fromlist, level)
        found = builtins.__import__(f"{self.root}.{name}", globals, locals, fromlist or (), 0)
        return found if fromlist else getattr(found, name.partition(".")[0])
