"""Cross-validation: a configuration trained once a fold, and scored on the rows left out of that training.

Each fold is an ordinary trial (`Split.fold`): the network is trained on the other folds, stops early by the validation
part, which no fold has, and is tested on the fold. So the scores follow from configuration, data and seed as those of
any trial.
"""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from models.core import names
from models.core.config import Config, TrialConfig
from models.core.errors import ConfigError
from models.core.results import OUT_OF_FOLD, EpochReport, FoldResult, FoldsResult, TrialFailed, TrialResult
from models.core.seeds import derive_seed
from models.data.dataset import Array
from models.data.splits import Split
from models.spaces.source import Source
from models.tasks.objective import read_objective
from models.tasks.task import task_of
from models.training.own_trial import run_users
from models.training.resident import Prepared, PreparedData, PreparedFolds
from models.training.trial import Report, run_and_answer

Run = Callable[[PreparedData, int, Report], tuple[TrialResult, Array]]
"""One training of a configuration, as models.training.trial.run_and_answer: from data, seed and report."""


def run_of(config: Config, source: Source | None = None, number: int = 0) -> Run:
    """The training of `config`; a network of the user's own needs its `source` and the trial's `number`.

    Raises:
        ConfigError: the source is missing.
    """
    if isinstance(config, TrialConfig):
        return partial(run_and_answer, config)
    if source is not None:
        return partial(run_users, config, source=source, number=number)
    raise ConfigError(f"a trial of {config.network} needs that network's source, got none")


def train(run: Run, data: Prepared, seed: int, report: Report) -> TrialResult | FoldsResult:
    """One trial, cross-validated where the data come in folds.

    Raises:
        TrialFailed, TrialStopped: as `run_trial`. Errors of the user's own function come through.
    """
    if isinstance(data, PreparedFolds):
        return run_folds(run, data, seed, report)
    return run(data, seed, report)[0]


def run_folds(run: Run, data: PreparedFolds, seed: int, report: Report) -> FoldsResult:
    """Trains and scores a configuration on one fold after another; `report` is called for each epoch of each fold.

    Raises:
        TrialFailed: one fold could not be trained.
        TrialStopped: `report` raised it.
    """
    return join_folds([run_fold(run, data, seed, fold, report) for fold in range(1, data.folds + 1)], data.split)


def run_fold(run: Run, data: PreparedFolds, seed: int, fold: int, report: Report) -> FoldResult:
    """Trains and scores a configuration on one fold, from 1; `join_folds` of all folds makes the trial of `train`.

    Raises:
        TrialFailed, TrialStopped: as `run_folds`.
    """
    began = time.perf_counter()

    def note(epoch: EpochReport) -> None:
        report(_named(epoch, fold))

    try:
        result, answers = run(data.fold(fold - 1), derive_seed(seed, "fold", fold), note)
    except TrialFailed as failure:
        raise TrialFailed(failure.reason, f"fold {fold}: {failure.detail}") from failure
    return FoldResult(replace(result, model=b""), answers, time.perf_counter() - began)


def _named(epoch: EpochReport, number: int) -> EpochReport:
    metrics = {f"fold_{number}_{name}": value for name, value in epoch.metrics.items()}
    return EpochReport(epoch.epoch, metrics, epoch.timestamp_ms)


def join_folds(folds: Sequence[FoldResult], split: Split) -> FoldsResult:
    """The trial that consists of all its folds, which are given in order."""
    assert split.fold_of is not None
    results, answers = [fold.result for fold in folds], [fold.answers for fold in folds]
    seconds = tuple(fold.seconds for fold in folds)
    task = task_of(split.target)
    objective = read_objective(split.objective, task.kind)

    def of_folds(name: str) -> Array:
        # The test part of a fold's trial is the fold.
        return np.array([result.scores[names.TEST + name] for result in results])

    chosen_by = objective.metric.name
    trained = [result.scores[names.TRAIN + chosen_by] for result in results if names.TRAIN + chosen_by in result.scores]
    scores = {names.VAL + name: float(of_folds(name).mean()) for name in task.metrics}
    scores[f"{objective.name}_std"] = float(of_folds(chosen_by).std())
    scores |= {names.TRAIN + chosen_by: float(np.mean(trained))} if trained else {}
    for number, result in enumerate(results, start=1):
        scores[f"fold_{number}_score"] = result.scores[objective.test_name]
        scores[f"fold_{number}_epochs"] = len(result.history)
        scores[f"fold_{number}_best_epoch"] = result.best_epoch
    out_of_fold = np.empty((split.rows("train"), answers[0].shape[1]), answers[0].dtype)
    for number, answered in enumerate(answers):
        out_of_fold[split.fold_of == number] = answered
    return FoldsResult(
        history=tuple(_named(epoch, n) for n, result in enumerate(results, start=1) for epoch in result.history),
        scores=scores,
        evidence={OUT_OF_FOLD: task.evidence(split.labels["train"], out_of_fold)},
        n_parameters=results[0].n_parameters,
        n_trainable=results[0].n_trainable,
        seconds=sum(seconds),
        weights_sha256=hashlib.sha256("".join(result.weights_sha256 for result in results).encode()).hexdigest(),
        fold_seconds=seconds,
    )
