"""What a person sees while the search runs: a bar on a terminal, a line now and then in a log file."""

import time
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from models.core import states
from models.core.rounding import plain_score
from models.tasks.objective import Objective

_FEWEST = 4  # trials before the time left is estimated
_LINE_EVERY = 10.0  # seconds between lines where there is no terminal


class Progress(Protocol):
    def begin(self, total: int, done: int) -> None: ...
    def seen(self, state: str, score: float | None) -> None: ...
    def training(self) -> None: ...
    def advance(self) -> None: ...
    def say(self, text: str) -> None: ...
    def close(self) -> None: ...


class Tally:
    """How far a search is: trials in all, done and failed, and the best score."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self.total = self.done = self.failed = 0
        self._best: float | None = None

    def count(self, state: str, score: float | None) -> None:
        """Takes in how a trial has ended."""
        self.failed += state == states.FAILED
        if score is not None and (self._best is None or self._objective.better(score, self._best)):
            self._best = score

    @property
    def best(self) -> str:
        """The best score as it is shown."""
        return "-" if self._best is None else plain_score(self._best)


class ConsoleProgress:
    """Trials done, failed, best score and time left."""

    def __init__(self, console: Console, objective: Objective) -> None:
        self._console, self._objective = console, objective
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("trials  failed {task.fields[failed]}  best " + objective.name + " {task.fields[best]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(elapsed_when_finished=False),
            console=console,
            disable=not console.is_terminal,
            speed_estimate_period=600,
            refresh_per_second=2,  # ten times, rich's default, takes a hundredth of a core
        )
        self._task = self._bar.add_task("starting workers", total=None, failed=0, best="-")
        self._tally = Tally(objective)
        self._began = self._last_line = time.monotonic()
        self._trained = 0

    def begin(self, total: int, done: int) -> None:
        self._tally.total, self._tally.done = total, done
        self._bar.update(self._task, total=total, completed=done)
        self._bar.start()
        self._began = self._last_line = time.monotonic()
        if done < total and not self._console.is_terminal:
            self._console.print(f"training {total - done} trials ({done} of {total} are finished already)")

    def seen(self, state: str, score: float | None) -> None:
        self._tally.count(state, score)
        self._bar.update(self._task, failed=self._tally.failed, best=self._tally.best)

    def training(self) -> None:
        self._bar.update(self._task, description="training")

    def advance(self) -> None:
        tally = self._tally
        tally.done += 1
        self._trained += 1
        self._bar.advance(self._task)
        now = time.monotonic()
        if not self._console.is_terminal and (now - self._last_line >= _LINE_EVERY or tally.done == tally.total):
            self._last_line = now
            left = (now - self._began) / self._trained * (tally.total - tally.done)
            words = f", {left:.0f} s left" if self._trained >= _FEWEST else ""  # the first ones pay for starting up
            self._console.print(
                f"{tally.done}/{tally.total} trials, failed {tally.failed}, best {self._objective.name} "
                f"{tally.best}{words}"
            )

    def say(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        self._bar.stop()
