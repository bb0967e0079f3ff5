"""The end of a search: its imports, prepared while the last trials train; the report, the last words, the exit code."""

import time
from collections.abc import Callable
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
_TAKES = 2.0  # seconds that the imports and the fit of a baseline take


class PreparedEnd:
    """Prepares the end of a search in a thread, near the end: see `tell_left`."""

    def __init__(self, search: Search, prepare: Callable[[Search], None] | None = None) -> None:
        self._thread = Thread(target=prepare or prepare_end, args=(search,), daemon=True)
        # A trial that this process trains imports too, and two threads must not import the same packages at once.
        self._elsewhere = search.workers > 0
        self._began = time.monotonic()
        self._most: int | None = None

    def tell_left(self, pending: int, running: int, idle: int) -> None:
        """Hears repeatedly how many trials wait and run, and how many workers are idle.

        The preparation begins once a worker has nothing left to do, or once the remaining trials take about as long as
        the preparation. An earlier start would slow the workers down; after a later start the user would wait.
        """
        left = pending + running
        if self._most is None:
            self._began, self._most = time.monotonic(), left
        done = self._most - left
        near = done > 0 and left * (time.monotonic() - self._began) / done < _TAKES
        if self._elsewhere and (near or (idle and not pending)) and self._thread.ident is None:
            self._thread.start()

    def wait(self) -> None:
        """Waits for the end of the preparation, if it has begun.

        The caller imports the same packages next. Two threads that import modules which import each other can get
        unfinished modules.
        """
        if self._thread.is_alive():
            self._thread.join()


def prepare_end(search: Search) -> None:
    """Imports the packages that the end of a search needs, and fits the linear baseline."""
    with without_collections():
        for name in ("search.driver.conclusion", "analysis.adaptive.report"):
            import_module(name)
    fit_linear_baseline(search)


def ui_url_of(options: Options) -> str:
    """The address of the MLflow UI with which this search's links begin."""
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
    """Concludes the study's parent run, prints the results, and returns the exit code, COMPLETE or MISSING."""
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
            there = options.ui_url or tracking_ui()  # of a UI that runs already; `-e ui` prints links of its own
            link = f"{there}/{parent.trials_link}" if there else ""
            console.print()
            for line in next_steps(settings, options.given, ended, table, program_of(own_run), link):
                console.print(line, markup=False, highlight=False, soft_wrap=True)
    return COMPLETE if ended.complete and summary is not None else MISSING
