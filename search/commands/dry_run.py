"""`--dry-run`: estimates the size, time and disk of a search, and makes nothing."""

import time
from dataclasses import dataclass, replace

from rich.table import Table

from models.core.config import TrialConfig
from models.data.scaling import count_inputs
from models.networks.mlp import parameter_count
from models.spaces.source import Source
from search.commands.preparation import Search
from search.study.plan import PlannedTrial
from search.workers.choice import make_engine
from search.workers.engine import Done, Engine, Lost
from search.workers.job import Job

_PROBES = 3
_PICTURE_BYTES = 500_000  # the confusion picture, once in MLflow and once in Optuna
_TABLES_BYTES = 40_000  # a trial's rows in both databases and its small artifacts
_MODEL_BYTES = 30_000  # the files of a model without its weights


@dataclass(frozen=True)
class Estimate:
    """The time and the disk space that the missing trials need."""

    seconds: float | None
    """None if no probe could be trained."""
    disk_bytes: float


def dry_run(search: Search) -> None:
    """Prints the plan's size, parameter counts, time and disk; trains a few epochs to measure time; keeps nothing."""
    split, own_size = search.split, search.space.n_parameters if search.space is not None else 0
    n_inputs = count_inputs(split)
    sizes = {
        trial.number: parameter_count(trial.config, n_inputs, split.target.n_outputs)[0]
        for trial in search.plan.trials
        if isinstance(trial.config, TrialConfig)
    }
    guessed = sizes or {trial.number: own_size for trial in search.plan.trials}
    missing = [trial for trial in search.plan.trials if trial.number not in search.finished]
    estimate = _estimate(missing, guessed, _measured(missing, guessed, search), search)
    if missing:  # trials that are not drawn yet are assumed to be like the others
        share = search.missing / len(missing)
        seconds = None if estimate.seconds is None else estimate.seconds * share
        estimate = Estimate(seconds, estimate.disk_bytes * share)
    parameters = ""
    if sizes:
        parameters = f"{min(sizes.values()):,} to {max(sizes.values()):,} a network"
    elif own_size:
        parameters = f"{own_size:,} in the first network"
    search.console.print(_table(search, parameters, estimate))


def _measured(missing: list[PlannedTrial], sizes: dict[int, int], search: Search) -> list[tuple[PlannedTrial, float]]:
    """The probes of `_probe`, in an engine of their own; none where no trial is missing."""
    if not missing:
        return []
    settings, options = search.settings, search.options
    # One probe runs at a time. Further workers would prepare the data and train nothing.
    means = settings.device, settings.source is not None
    engine = make_engine(min(search.workers, 1), options.scheduler, search.split, *means)
    try:
        engine.start()
        return _probe(missing, sizes, engine, settings.source)
    finally:
        engine.close()


def _table(search: Search, parameters: str, estimate: Estimate) -> Table:
    """What the dry run prints; `parameters` says how large the networks are, and is empty where nobody knows."""
    settings, plan, left = search.settings, search.plan, search.missing
    table = Table(
        title=f"Study {settings.name}: dry run, nothing was made", title_justify="left", show_header=False, box=None
    )
    table.add_column(style="bold")
    table.add_column()
    done = f" ({plan.size - left} of them finished already)" if left < plan.size else ""
    replicates = f", {plan.replicates} replicates of {settings.trials_each}" if plan.replicates else ""
    table.add_row("trials", f"{plan.size}{replicates}{done}, sampler {settings.sampler}, seed {settings.seed}")
    table.add_row("searched", ", ".join(plan.searched))
    rows = ", ".join(f"{search.split.rows(part):,} {part}" for part in search.split.labels)
    table.add_row("data", f"{settings.dataset}: {rows}")
    if parameters:
        table.add_row("parameters", parameters)
    time_words = "unknown: no probe could be trained" if estimate.seconds is None else _duration(estimate.seconds)
    table.add_row("time", f"about {time_words} {_where(search)}, after the start")
    table.add_row("disk", f"about {estimate.disk_bytes / 1e6:,.0f} MB (models: {search.options.models})")
    return table


def _probe(
    trials: list[PlannedTrial], sizes: dict[int, int], engine: Engine, source: Source | None
) -> list[tuple[PlannedTrial, float]]:
    """The seconds of the second epoch of the cheapest, the middle and the dearest trial; the first epoch traces too."""
    ranked = sorted(trials, key=lambda trial: _work(trial, sizes))
    chosen = [ranked[i * (len(ranked) - 1) // (_PROBES - 1)] for i in range(_PROBES)]
    probes = list({trial.number: trial for trial in chosen}.values())
    seconds = {}
    for trial in probes:
        probe = replace(trial.config, epochs=2, patience=0)
        job = Job("dry-run", trial.number, 0, probe, trial.seed, True, source)  # as a refit: without folds
        while not engine.free():
            engine.events(timeout=0.1)
        engine.submit(job)
        seconds[trial.number] = _seconds(engine)
    return [(trial, took) for trial in probes if (took := seconds[trial.number]) is not None]


def _seconds(engine: Engine) -> float | None:
    """The seconds of the second epoch of the probe in training; None if the probe fails."""
    until = time.monotonic() + 600
    while time.monotonic() < until:
        for event in engine.events(timeout=0.2):
            if isinstance(event, Done) and event.outcome.result is not None:
                first, second = event.outcome.result.history
                return max(second.timestamp_ms - first.timestamp_ms, 1) / 1000
            if isinstance(event, Done | Lost):
                return None
    return None


def _work(trial: PlannedTrial, sizes: dict[int, int]) -> float:
    """The cost of an epoch in arbitrary units: a part per step, and a part per parameter."""
    return 2e5 / trial.config.batch_size + sizes.get(trial.number, 0)


def _estimate(
    trials: list[PlannedTrial],
    sizes: dict[int, int],
    measured: list[tuple[PlannedTrial, float]],
    search: Search,
) -> Estimate:
    options, folds = search.options, search.settings.folds
    kept = {"all": len(trials), "none": 0}.get(options.models.mode, min(options.models.best, len(trials)))
    kept = min(kept, 1) if folds else kept
    weights = sorted((sizes.get(trial.number, 0) for trial in trials), reverse=True)[:kept]
    disk = sum(weights) * 4 + kept * _MODEL_BYTES + len(trials) * (_PICTURE_BYTES + _TABLES_BYTES)
    if trials and not measured:
        return Estimate(None, disk)
    work = sum(_work(trial, sizes) for trial, _ in measured)
    rate = sum(seconds for _, seconds in measured) / work if work else 0.0
    overhead = 0.3  # seconds of a trial outside its epochs: scoring, picture, model
    # Each of the `folds` trainings leaves out one fold of the rows: together they see all rows `folds` - 1 times.
    rate, overhead = rate * max(folds - 1, 1), overhead * max(folds, 1)
    training = sum(rate * _work(trial, sizes) * trial.config.epochs + overhead for trial in trials)
    return Estimate(training / max(search.workers, 1), disk)


def _where(search: Search) -> str:
    """The workers that the estimated time is for. The number of a cluster's workers is not known."""
    if search.options.scheduler is not None:
        return "with one of the cluster's workers"
    return f"with {search.workers_words}" if search.workers else "in this process alone"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
