"""The source of the user's network: FILE.py and the modules beside it that it imports, read as text and never run here.

Imports are found in the text, so that processes that import no Keras can hash and log the source. A module beside the
file comes before an installed module of the same name, as in a script that Python runs.
"""

import ast
import hashlib
import importlib.util
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from models.core.errors import ConfigError, shown
from models.core.suggestions import did_you_mean

MOST_BYTES = 5_000_000
"""The most of one source file."""


@dataclass(frozen=True)
class Source:
    """The texts of a source: plain data, sent to other processes, kept beside runs, loaded by models.spaces.modules."""

    file: str
    """The user's file, one of `texts`."""
    function: str
    texts: tuple[tuple[str, str], ...]
    """Each file's path from the folder of `file`, and its text; by path."""
    folder: str = ""
    """The folder that the files were read from; not part of the hash."""
    callbacks: str = ""
    """FILE.py:NAME of the study's Keras callbacks, whose file is one of `texts`; empty where there are none."""

    @property
    def hash(self) -> str:
        """SHA-256 of the files' names and texts and of the names asked for, in whatever folder the files lie."""
        asked = [self.file, self.function, self.texts, *([self.callbacks] if self.callbacks else [])]
        return hashlib.sha256(json.dumps(asked).encode()).hexdigest()

    def __str__(self) -> str:
        return f"{self.file}:{self.function}"


def read_source(network: str, folder: Path | None = None, callbacks: str = "") -> Source:
    """The source of `network`, FILE.py:NAME with a path from `folder`; `callbacks` has the same form.

    Raises:
        ConfigError: there is no such file, it is no Python, it defines no such name, or the callbacks lie elsewhere.
    """
    path, function = _located("network", "mlp or FILE.py:NAME", network, folder)
    asked = [("network", path.name, function)]
    if callbacks:
        beside, name = _located("callbacks", "FILE.py:NAME", callbacks, folder)
        if not beside.is_relative_to(path.parent):
            raise ConfigError(
                f"callbacks must lie in the folder of the network's file, {path.parent}, or below it, got {beside}"
            )
        asked.append(("callbacks", str(beside.relative_to(path.parent)), name))
        callbacks = f"{asked[-1][1]}:{name}"
    trees: dict[str, ast.Module] = {}
    texts: dict[str, str] = {}
    waiting = [file for _, file, _ in asked]
    while waiting:
        name = waiting.pop()
        if name not in texts:
            texts[name] = _text(path.parent / name, name)
            trees[name] = _tree(name, texts[name])
            waiting += _imported(path.parent, name, trees[name])
    for key, file, name in asked:
        _check_has(key, file, trees[file], name)
    return Source(path.name, function, tuple(sorted(texts.items())), str(path.parent), callbacks)


def source_of_texts(file: str, function: str, texts: Mapping[str, str], callbacks: str = "") -> Source:
    """The source from the texts of its files, as a run has logged them.

    Raises:
        ConfigError: a file that the source needs is not among the texts.
    """
    for needed in (file, *([callbacks.rpartition(":")[0]] if callbacks else [])):
        if needed not in texts:
            raise ConfigError(
                f"a source must have its file {needed!r} among its texts, got {', '.join(texts) or 'none'}"
            )
    return Source(file, function, tuple(sorted(texts.items())), callbacks=callbacks)


def _located(key: str, rule: str, written: str, folder: Path | None) -> tuple[Path, str]:
    """The file and the name in FILE.py:NAME, the value of the study's `key`."""
    file, _, name = written.rpartition(":")
    path = (folder or Path()) / Path(file).expanduser()
    if not file.endswith(".py") or not name.isidentifier():
        raise ConfigError(f"{key} must be {rule}, got {shown(written)}")
    if "." in path.stem:
        raise ConfigError(f"{key} must be a file that can be imported, without a dot in its name, got {path.name!r}")
    if not path.is_file():
        raise ConfigError(f"{shown(written)}: no such file; {key} is FILE.py:NAME")
    return path.resolve(), name


def _text(path: Path, name: str) -> str:
    try:
        content = path.read_bytes()
        if len(content) > MOST_BYTES:
            raise ConfigError(f"a file of source may have {MOST_BYTES:,} bytes, got {name} with {len(content):,}")
        return importlib.util.decode_source(content)
    except (OSError, SyntaxError, UnicodeDecodeError) as error:
        raise ConfigError(f"network must be Python that can be read, got {name}: {error}") from None


def _tree(name: str, text: str) -> ast.Module:
    try:
        return ast.parse(text, name)
    except SyntaxError as error:
        line = f" line {error.lineno}" if error.lineno else ""
        raise ConfigError(f"network must be Python, got {name}{line}: {error.msg}") from None
    except (
        ValueError,
        RecursionError,
        MemoryError,
    ) as error:  # the text has a null byte, or brackets nested too deeply
        raise ConfigError(f"network must be Python that can be read, got {name}: {error}") from None


def _imported(folder: Path, name: str, tree: ast.Module) -> Iterator[str]:
    """The files in `folder`, by paths from there, that a file imports anywhere, also inside functions."""
    package = PurePosixPath(name).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files(folder, alias.name.split("."))
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1] if node.level else ()
            if node.level > len(package) + 1:
                raise ConfigError(
                    f"network may import from the folder of its file and those in it, got {name} line {node.lineno}: "
                    f"an import with {node.level} dots"
                )
            module = [*start, *(node.module.split(".") if node.module else ())]
            yield from _files(folder, module)
            for alias in node.names:
                yield from _files(folder, [*module, alias.name])


def _files(folder: Path, parts: Iterable[str]) -> Iterator[str]:
    """The files in `folder` of a dotted name: of the packages on the way, and of the module."""
    path = PurePosixPath()
    for part in parts:
        path = path / part
        for candidate in (path / "__init__.py", path.with_suffix(".py")):
            if (folder / candidate).is_file():
                yield str(candidate)
                break


def _check_has(key: str, file: str, tree: ast.Module, function: str) -> None:
    known = set(_bound(tree))
    if function not in known and "*" not in known:
        has = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        assigned = [each for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) for each in _bound(node)]
        raise ConfigError(
            f"{key} must name a definition of its file, got {function!r}, which {file} lacks (it has "
            f"{', '.join([*has, *assigned]) or 'none'}){did_you_mean(function, known)}"
        )


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a module binds; `*` for an import of names that only running it would tell."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield child.name
            continue
        if isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id
        if isinstance(child, ast.alias):
            yield child.asname or child.name.split(".")[0]
        yield from _bound(child)
