"""How a program shows a search: as a bar in a notebook or a terminal, as lines elsewhere, or not at all."""

import json
import sys
from collections.abc import Callable
from html import escape
from typing import Any, Protocol

from rich.console import Console

from models.tasks.objective import Objective
from search.command_line.console import make_console
from search.driver.progress import ConsoleProgress, Progress, Tally

MARK = "\x1e"
"""Begins a line of JSON with the name of a method of Progress and its arguments; all other lines are for a person."""


class Shown(Protocol):
    """Receives the lines that the process of a search writes."""

    def hear(self, line: str) -> None: ...

    def close(self) -> None: ...


class Silent:
    """Shows nothing, and keeps the lines for a person."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def hear(self, line: str) -> None:
        if not line.startswith(MARK) and line.strip():
            self.lines.append(line.rstrip("\n"))

    def close(self) -> None:
        return


class Open(Silent):
    """Prints the lines, and shows the progress as `make` does."""

    def __init__(self, make: Callable[[Objective], Progress]) -> None:
        super().__init__()
        self._make = make
        self._progress: Progress | None = None

    def hear(self, line: str) -> None:
        super().hear(line)
        if not line.startswith(MARK):
            sys.stdout.write(line)
            return
        call, *arguments = json.loads(line.removeprefix(MARK))
        if call == "objective":
            self._progress = self._make(Objective(*arguments))
        elif self._progress is not None:
            getattr(self._progress, call)(*arguments)

    def close(self) -> None:
        if self._progress is not None:
            self._progress.close()
        sys.stdout.flush()


class NotebookProgress:
    """Shows the progress as a bar below the notebook's cell."""

    def __init__(self, objective: Objective, display: Callable[..., Any]) -> None:
        self._tally = Tally(objective)
        self._handle = display(_Html(self._html()), display_id=True)

    def begin(self, total: int, done: int) -> None:
        self._tally.begin(total, done)
        self._draw()

    def seen(self, state: str, score: float | None) -> None:
        self._tally.count(state, score)
        self._draw()

    def training(self) -> None:
        return

    def advance(self) -> None:
        self._tally.advance()
        self._draw()

    def say(self, text: str) -> None:
        sys.stdout.write(text + "\n")

    def close(self) -> None:
        self._draw()

    def _draw(self) -> None:
        self._handle.update(_Html(self._html()))

    def _html(self) -> str:
        tally = self._tally
        if not tally.total:
            return "starting workers"
        return (
            f'<progress value="{tally.done}" max="{tally.total}" style="width: 20em"></progress> {escape(tally.words)}'
        )


class _Html:
    """A text that a notebook shows as HTML."""

    def __init__(self, html: str) -> None:
        self._html = html

    def _repr_html_(self) -> str:
        return self._html

    def __repr__(self) -> str:
        return self._html.rpartition("> ")[2]


def shown_here(show: bool) -> Silent:
    """The way to show a search that fits this program: in a notebook, on a terminal, or in a file."""
    if not show:
        return Silent()
    notebook = _notebook()
    if notebook is not None:
        return Open(lambda objective: NotebookProgress(objective, notebook))
    console: Console = make_console()
    return Open(lambda objective: ConsoleProgress(console, objective))


def _notebook() -> Callable[..., Any] | None:
    """IPython's `display` if a notebook's kernel runs this program, else None."""
    shell = sys.modules.get("IPython")
    found = shell.get_ipython() if shell is not None else None
    if found is None or not hasattr(found, "kernel"):
        return None
    from IPython.display import display

    return display
