"""From finished trials to estimates, figures and a report. Imports no dask and, except for importances, no Optuna.

`analysis.best_of_n_interval(scores, n)` is the interval of the expected best of n trials. The function is imported at
its first use, so that `import analysis` costs nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analysis.estimates.intervals import best_of_n_interval as best_of_n_interval

__all__ = ["best_of_n_interval"]


def __getattr__(name: str) -> object:
    if name == "best_of_n_interval":
        from analysis.estimates.intervals import best_of_n_interval

        return best_of_n_interval
    raise AttributeError(f"analysis exports {', '.join(__all__)}: got {name}")
