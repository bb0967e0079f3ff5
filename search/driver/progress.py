"""The progress that a person sees while the search runs: a bar on a terminal, lines in a log file."""

import time
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar
from rich.table import Column

from models.core import states
from models.core.rounding import plain_score
from models.tasks.objective import Objective

_FEWEST = 4  # trials before a rate is told: the first ones pay for starting up
_FIRST_LINE, _SELDOM = 10.0, 300.0  # seconds between lines where there is no terminal: at first, and at most


class Progress(Protocol):
    def begin(self, total: int, done: int) -> None: ...
    def seen(self, state: str, score: float | None) -> None: ...
    def training(self) -> None: ...
    def advance(self) -> None: ...
    def say(self, text: str) -> None: ...
    def close(self) -> None: ...


class Tally:
    """How far a search is: trials in all, done and failed, the best score so far, how fast and how long still."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self.total = self.done = self.failed = 0
        self._best: float | None = None
        self._ends: list[float] = []

    def begin(self, total: int, done: int) -> None:
        """Sets how many trials there are, and how many of them were finished before."""
        self.total, self.done = total, done

    def count(self, state: str, score: float | None) -> None:
        """Counts a trial by its end."""
        self.failed += state == states.FAILED
        if score is not None and (self._best is None or self._objective.better(score, self._best)):
            self._best = score

    def advance(self) -> None:
        """One more trial is finished, now."""
        self.done += 1
        self._ends.append(time.monotonic())

    @property
    def rate(self) -> float | None:
        """Trials a minute, from the end of the first one on; None while too few have ended."""
        seconds = self._ends[-1] - self._ends[0] if len(self._ends) >= _FEWEST else 0.0
        return 60 * (len(self._ends) - 1) / seconds if seconds > 0 else None

    @property
    def words(self) -> str:
        """The tally in one line."""
        name, score = self._objective.name, self._best
        best = f"no {name} yet" if score is None else f"best {name} so far {plain_score(score)}"
        parts = [f"{self.done} of {self.total} trials", f"{self.failed} failed"]
        rate = self.rate
        if rate is not None:
            left = 60 * (self.total - self.done) / rate
            parts.append(f"{rate:.0f} a minute" if rate >= 10 else f"{rate:.2g} a minute")
            parts += [f"about {duration(left)} left"] if self.done < self.total else []
        return ", ".join([*parts, best])


def duration(seconds: float) -> str:
    """A duration for a reader: `50 s`, `12 min`, `3 h 20 min`."""
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


class ConsoleProgress:
    """On a terminal a bar with the tally's words; elsewhere lines of these words, fewer as the search goes on."""

    def __init__(self, console: Console, objective: Objective) -> None:
        self._console = console
        self._bar = Bar(
            BarColumn(bar_width=12),
            TextColumn("{task.description}", table_column=Column(overflow="fold")),  # two lines where it is narrow
            console=console,
            disable=not console.is_terminal,
            refresh_per_second=2,  # ten times, rich's default, takes a hundredth of a core
        )
        self._task = self._bar.add_task("starting workers", total=None)
        self._tally = Tally(objective)
        self._began = self._last_line = time.monotonic()

    def begin(self, total: int, done: int) -> None:
        self._tally.begin(total, done)
        self._bar.update(self._task, total=total, completed=done)
        self._bar.start()
        self._began = self._last_line = time.monotonic()
        if done < total and not self._console.is_terminal:
            self.say(f"training {total - done} trials ({done} of {total} are finished already)")

    def seen(self, state: str, score: float | None) -> None:
        self._tally.count(state, score)
        self._show()

    def training(self) -> None:
        self._show()

    def advance(self) -> None:
        tally, now = self._tally, time.monotonic()
        tally.advance()
        self._bar.advance(self._task)
        self._show()
        pause = min(max(_FIRST_LINE, (now - self._began) / 10), _SELDOM)
        if not self._console.is_terminal and (now - self._last_line >= pause or tally.done == tally.total):
            self._last_line = now
            self.say(tally.words)

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        self._bar.stop()

    def _show(self) -> None:
        self._bar.update(self._task, description=self._tally.words)
