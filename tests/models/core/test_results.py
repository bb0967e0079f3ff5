"""Results of trials check themselves, and come back unchanged from JSON."""

import pickle
from typing import Any

import numpy as np
import pytest

from models.core.results import LOSSES, EpochReport, TrialFailed, TrialResult


def result(**changes: Any) -> TrialResult:
    values: dict[str, Any] = {
        "history": (EpochReport(1, {"loss": 0.1, "val_loss": 1 / 3}, 1_700_000_000_000),),
        "best_epoch": 1,
        "scores": dict.fromkeys(LOSSES, 0.1 + 0.2),
        "evidence": {
            "validation": {"confusion": [[3, 1], [0, 2]], "per_class": [{"class": 0, "precision": 2 / 3}]},
            "test": {"targets": [{"name": "y", "true": [1 / 3], "predicted": [0.1]}]},
        },
        "n_parameters": 12,
        "n_trainable": 10,
        "seconds": 0.7,
        "weights_sha256": "ab",
        "model": b"file",
    }
    return TrialResult(**values | changes)


def test_json_brings_back_every_bit_but_the_model() -> None:
    first = result()
    back = TrialResult.from_json(first.to_json(), b"file")
    assert back == first
    assert back.scores["val_loss"] == 0.1 + 0.2
    assert back.confusion["validation"].dtype == np.int64
    assert list(back.confusion) == ["validation"]
    assert back.per_class == {"validation": [{"class": 0, "precision": 2 / 3}]}
    assert back.model == b"file"
    assert result(seconds=0.8) != first
    assert result(seconds=0.8).repeatable() == first.repeatable()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"best_epoch": 2}, "best_epoch must be one of the 1 epochs, got 2"),
        ({"scores": {"val_accuracy": 1.0}}, "scores must have val_loss, .*, got val_accuracy"),
        ({"scores": dict.fromkeys(LOSSES, float("nan"))}, "scores must be finite, got val_loss = nan"),
        (
            {"evidence": {"validation": {"confusion": [[0, 0, 0], [0, 0, 0]]}}},
            r"must be square, got validation of shape \(2, 3\)",
        ),
    ],
)
def test_a_result_that_cannot_be_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        result(**changes)


def test_a_report_has_finite_metrics_and_counts_from_1() -> None:
    with pytest.raises(ValueError, match="loss = inf"):
        EpochReport(1, {"loss": float("inf")}, 0)
    with pytest.raises(ValueError, match="epoch must be 1 or more, got 0"):
        EpochReport(0, {}, 0)


def test_a_failure_has_a_known_reason_and_survives_a_pickle() -> None:
    failure = pickle.loads(pickle.dumps(TrialFailed("diverged", "loss is nan")))
    assert (failure.reason, str(failure)) == ("diverged", "diverged: loss is nan")
    with pytest.raises(ValueError, match="reason must be one of diverged, out of memory, got 'tired'"):
        TrialFailed("tired")
