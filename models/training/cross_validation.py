"""Cross-validation: a configuration trained once a fold, and scored on the rows left out of that training.

Each fold is an ordinary trial (`Split.fold`): it trains on the other folds, stops early by the validation part, which
no fold has, and is tested on the fold. So the scores follow from configuration, data and seed as any trial's do.
"""

import hashlib
import time
from collections.abc import Sequence

import numpy as np

from models.core import names
from models.core.config import TrialConfig
from models.core.results import OUT_OF_FOLD, EpochReport, FoldsResult, TrialFailed, TrialResult
from models.core.seeds import derive_seed
from models.tasks.classification import per_class
from models.training.resident import Prepared, PreparedFolds
from models.training.trial import Report, run_trial


def train(config: TrialConfig, data: Prepared, seed: int, report: Report) -> TrialResult | FoldsResult:
    """One trial, cross-validated where the data come in folds.

    Raises:
        TrialFailed, TrialStopped: as `run_trial`.
    """
    if isinstance(data, PreparedFolds):
        return run_folds(config, data, seed, report)
    return run_trial(config, data, seed, report)


def run_folds(config: TrialConfig, data: PreparedFolds, seed: int, report: Report) -> FoldsResult:
    """Trains and scores `config` on one fold after another; `report` hears of each epoch of each.

    Raises:
        TrialFailed: one fold could not be trained.
        TrialStopped: `report` raised it.
    """
    results, seconds = [], []
    for number in range(1, data.folds + 1):
        began = time.perf_counter()

        def note(epoch: EpochReport, number: int = number) -> None:
            report(_named(epoch, number))

        try:
            results.append(run_trial(config, data.fold(number - 1), derive_seed(seed, "fold", number), note))
        except TrialFailed as failure:
            raise TrialFailed(failure.reason, f"fold {number}: {failure.detail}") from failure
        seconds.append(time.perf_counter() - began)
    return _joined(results, seconds)


def _named(epoch: EpochReport, number: int) -> EpochReport:
    metrics = {f"fold_{number}_{name}": value for name, value in epoch.metrics.items()}
    return EpochReport(epoch.epoch, metrics, epoch.timestamp_ms)


def _joined(results: Sequence[TrialResult], seconds: Sequence[float]) -> FoldsResult:
    # What a fold's trial calls its test part is the fold.
    of_folds = np.array([result.scores[names.TEST_ACCURACY] for result in results])
    scores = {
        names.VAL_ACCURACY: float(of_folds.mean()),
        names.VAL_ACCURACY_STD: float(of_folds.std()),
        names.VAL_LOSS: float(np.mean([result.scores[names.TEST_LOSS] for result in results])),
        names.TRAIN_ACCURACY: float(np.mean([result.scores[names.TRAIN_ACCURACY] for result in results])),
    }
    for number, result in enumerate(results, start=1):
        scores[f"fold_{number}_score"] = result.scores[names.TEST_ACCURACY]
        scores[f"fold_{number}_epochs"] = len(result.history)
        scores[f"fold_{number}_best_epoch"] = result.best_epoch
    confusion = sum((result.confusion["test"] for result in results), np.zeros_like(results[0].confusion["test"]))
    return FoldsResult(
        history=tuple(_named(epoch, n) for n, result in enumerate(results, start=1) for epoch in result.history),
        scores=scores,
        confusion={OUT_OF_FOLD: confusion},
        per_class={OUT_OF_FOLD: per_class(confusion)},
        n_parameters=results[0].n_parameters,
        n_trainable=results[0].n_trainable,
        seconds=sum(seconds),
        weights_sha256=hashlib.sha256("".join(result.weights_sha256 for result in results).encode()).hexdigest(),
        fold_seconds=tuple(seconds),
    )
