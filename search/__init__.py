"""The search: plan, driver, workers and tracking around the trials of `models`; and the Python API.

    import search

    study = search.run("study.yaml", network=build_model, data=(x_train, y_train, x_test, y_test), name="mine")
    study.trials, study.best, study.best_of_n(20), study.best_model(), study.report()
    search.load("mine")

What it exports is imported when it is first used: worker processes import this package too, and need none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from models.core.errors import ConfigError as ConfigError
    from search.api.client import SearchError as SearchError
    from search.api.client import load as load
    from search.api.client import run as run
    from search.api.study import Study as Study

_HOMES = {
    "run": "search.api.client",
    "load": "search.api.client",
    "Study": "search.api.study",
    "SearchError": "search.api.client",
    "ConfigError": "models.core.errors",
}
__all__ = ["ConfigError", "SearchError", "Study", "load", "run"]


def __getattr__(name: str) -> object:
    from importlib import import_module
    from importlib.util import find_spec
    from pathlib import Path

    if name not in _HOMES:
        raise AttributeError(f"search exports {', '.join(__all__)}, got {name}")
    for package in ("models", "analysis"):
        found = find_spec(package)
        where = Path(found.origin) if found is not None and found.origin else Path()
        if where.parents[:2][-1:] != (Path(__file__).parents[1],):
            raise ImportError(
                f"the program must have no file or package {package} beside it, which hides the one that search has of "
                f"that name, got {where}"
            )
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
