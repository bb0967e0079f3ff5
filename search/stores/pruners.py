"""Optuna's pruners, which end trials that fall behind, by the names that a study file uses."""

from collections.abc import Callable

from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner

_PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "none": NopPruner,
    # One epoch says little: wait for two, and for five full trials to compare with.
    "median": lambda: MedianPruner(n_startup_trials=5, n_warmup_steps=2),
    "halving": lambda: SuccessiveHalvingPruner(min_resource=2, reduction_factor=3),
}


def make_pruner(name: str) -> BasePruner:
    """The pruner of one of search.study.settings.PRUNERS."""
    return _PRUNERS[name]()
