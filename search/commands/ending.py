"""The end of a search: what it needs, prepared while the last trials train; the report, the words and the exit code."""

import time
from functools import partial
from importlib import import_module
from threading import Thread
from typing import TYPE_CHECKING

from models.core import states
from models.core.runtime import without_collections
from search.command_line.exit_codes import COMPLETE, MISSING
from search.command_line.options import Options
from search.commands.preparation import Search, fit_linear_baseline

if TYPE_CHECKING:  # imported where they are used, beside the worker processes' own imports
    from search.driver.driver import Ended
    from search.stores.optuna_study import StudyStore
    from search.tracking.parent_run import ParentRun

DEFAULT_UI = "http://127.0.0.1:5000"
_TAKES = 2.0  # seconds, of imports and of fitting


class PreparedEnd:
    """Imports and fits what the end of a search needs, in a thread: see `tell_left`."""

    def __init__(self, search: Search) -> None:
        self._thread = Thread(target=self._prepare, args=(search,), daemon=True)
        # Beside a trial that this process trains, the imports of two threads would meet.
        self._elsewhere = search.workers > 0
        self._began = time.monotonic()
        self._most: int | None = None

    def tell_left(self, pending: int, running: int, idle: int) -> None:
        """To be told how many trials wait and run, and how many workers are idle, again and again.

        The preparation begins when a worker has nothing left to do, or the trials that are left take about as long as
        the preparation: earlier it would take its time from the workers, later the user would wait for it.
        """
        left = pending + running
        if self._most is None:
            self._began, self._most = time.monotonic(), left
        done = self._most - left
        near = done > 0 and left * (time.monotonic() - self._began) / done < _TAKES
        if self._elsewhere and (near or (idle and not pending)) and self._thread.ident is None:
            self._thread.start()

    def wait(self) -> None:
        """Until it is over where it has begun.

        The end imports the same: of packages whose modules import each other two threads get unfinished ones.
        """
        if self._thread.is_alive():
            self._thread.join()

    @staticmethod
    def _prepare(search: Search) -> None:
        with without_collections():
            for name in ("search.driver.conclusion", "analysis.adaptive.report"):
                import_module(name)
        fit_linear_baseline(search)


def ui_url_of(options: Options) -> str:
    """Where links of this search begin."""
    from search.tracking.tracking_store import tracking_ui

    return options.ui_url or tracking_ui() or DEFAULT_UI


def conclude_search(
    search: Search,
    study: "StudyStore",
    parent: "ParentRun",
    ended: "Ended",
    own_run: str | None,
    with_report: bool,
) -> int:
    """Concludes the study's parent run, tells the user how the search went, and returns the exit code."""
    from search.driver.conclusion import conclude, failures_words, next_steps, print_missing
    from search.driver.summary import print_summary
    from search.tracking.own_run import program_of
    from search.tracking.tracking_store import tracking_ui

    settings, options, console = search.settings, search.options, search.console
    attempts = study.attempts()
    finished = {each.number for each in attempts if each.final}
    scored = with_report and any(each.state == states.COMPLETE for each in attempts)
    baselines = partial(fit_linear_baseline, search) if scored else None
    with without_collections():
        summary = conclude(parent, search.plan, ended, finished, console, with_report, baselines)
    ui_url = ui_url_of(options)
    failures = failures_words(attempts, lambda run_id: f"{ui_url}/{parent.link(run_id)}")
    if failures:
        console.print(failures, markup=False, highlight=False, soft_wrap=True)
    if not search.tags or not ended.complete:
        if summary is not None:
            print_summary(summary, console)
        if search.host is not None:
            print_missing(ended, console)
        else:
            table = None if summary is None else summary.table
            there = options.ui_url or tracking_ui()  # one that runs already; `-e ui` prints the links of its own
            link = f"{there}/{parent.trials_link}" if there else ""
            console.print()
            for line in next_steps(settings, options.given, ended, table, program_of(own_run), link):
                console.print(line, markup=False, highlight=False, soft_wrap=True)
    return COMPLETE if ended.complete and summary is not None else MISSING
