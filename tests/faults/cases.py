"""Situations in which a search is killed, each with its command, its kills and what must hold at its end."""

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from mlflow import MlflowClient
from mlflow.artifacts import load_dict, load_text

from analysis.reading.mlflow_studies import read_mlflow
from search.stores.paths import StudyPaths
from search.tracking.logged_models import runs_with_models
from tests.faults.checks import Stores, assert_in_order, assert_same_trials, read_stores
from tests.faults.killing import undisturbed
from tests.faults.start import ONCE, POINTS, WRITES
from tests.project import PROJECT

# A trial takes about a second: shorter ones, and the search has come to its end before it can be killed.
SPACE = "space: {width: [8, 16, 24], learning_rate: {low: 1.0e-3, high: 1.0e-2, log: true}}"
SEARCH = f"{{sampler: random, trials: 8, seed: 5, training: {{epochs: 100, batch_size: 8}}, {SPACE}}}"
FOLDED = (
    f"{{sampler: random, trials: 4, seed: 5, training: {{epochs: 60, batch_size: 16}}, data: {{folds: 2}}, {SPACE}}}"
)
BY_TPE = (
    "{sampler: tpe, replicates: 2, trials: 12, seed: 5, training: {epochs: 30, batch_size: 16}, "
    "space: {width: [8, 16, 24], learning_rate: {low: 1.0e-3, high: 1.0e-1, log: true}, dropout: {low: 0, high: 0.5}}}"
)
_NETWORK = f"network: '{PROJECT}/examples/hypermodel.py:Digits'"
OWN = f"{{sampler: random, trials: 6, seed: 5, {_NETWORK}, training: {{epochs: 20}}}}"
_STUDY = ("--study", "digits.yaml")
_REPORT, _REFIT = ONCE[:4], ONCE[4:6]


@dataclass(frozen=True)
class Case:
    """A command that is killed, in a folder where `study` is written."""

    study: str
    kinds: Sequence[str]
    """Kills in the order in which they can all land."""
    command: Sequence[str] = _STUDY
    name: str = "digits"
    """Of the study that the command leaves."""
    searched: bool = False
    """Whether the study is searched, undisturbed, before the command is killed."""
    broken: Callable[[Path], None] | None = None
    """What is done to the stores of the searched study."""
    holds: Callable[[Path, Path], None] = lambda disturbed, reference: None
    """What must hold besides: of the disturbed folder and of the undisturbed one."""
    pruned: bool = False


def prepare(case: Case, folder: Path) -> None:
    (folder / "digits.yaml").write_text(case.study)
    if case.searched:
        assert undisturbed(folder, _STUDY, workers=0).wait(timeout=300) == 0


def copied(folder: Path, target: Path) -> Path:
    """The databases and the study; artifacts stay where the databases say."""
    for file in folder.iterdir():
        if file.is_file():
            shutil.copy(file, target)
    return target


def reference_of(case: Case, folder: Path) -> "subprocess.Popen[bytes] | None":
    """The command, left in peace. A repair is held against the study as it was before it broke."""
    return undisturbed(folder, case.command, workers=0) if case.broken is None else None


def assert_ends_well(case: Case, disturbed: Path, reference: Path) -> None:
    """What must hold after the last resume, of whichever case."""
    ours, others = read_stores(disturbed, case.name), read_stores(reference, case.name)
    assert_in_order(ours)
    if case.pruned:
        _assert_same_where_both_ended(ours, others)
    else:
        assert_same_trials(ours, others)
        _assert_same_report(disturbed, reference, case.name)
    _assert_tables_are_told(disturbed, case.name)
    paths = StudyPaths(case.name, disturbed)
    assert [*paths.outcomes(), *paths.partial(), *paths.staged.outcomes(), *paths.foreign()] == []
    assert sorted(file.name for file in disturbed.glob("*.db")) == sorted(file.name for file in reference.glob("*.db"))
    case.holds(disturbed, reference)


def _assert_same_where_both_ended(ours: Stores, others: Stores) -> None:
    """Which trials are pruned depends on what ran beside them; what both searches trained to the end is equal."""
    assert list(ours.table["number"]) == list(others.table["number"])
    assert set(ours.table["state"]) <= {"complete", "pruned"}
    both = (ours.table["state"] == "complete") & (others.table["state"] == "complete")
    assert both.any()
    pd.testing.assert_frame_equal(ours.table[both], others.table[both], check_exact=True)


def _parent(folder: Path, study: str) -> tuple[MlflowClient, str]:
    uri = f"sqlite:///{folder}/mlflow.db"
    return MlflowClient(uri), str(read_mlflow(study, uri).parent_run_id)


def _artifacts(folder: Path, study: str, inside: str = "") -> list[str]:
    client, parent = _parent(folder, study)
    return sorted(file.path for file in client.list_artifacts(parent, inside or None))


def _assert_same_report(disturbed: Path, reference: Path, study: str) -> None:
    """The same files, and the same numbers in them."""
    assert _artifacts(disturbed, study) == _artifacts(reference, study)
    assert _artifacts(disturbed, study, "report") == _artifacts(reference, study, "report")
    told = []
    for folder in (disturbed, reference):
        client, parent = _parent(folder, study)
        if "report/best_of_n.json" in _artifacts(folder, study, "report"):
            where = client.get_run(parent).info.artifact_uri
            told.append(_without_runs(load_dict(f"{where}/report/best_of_n.json")))
    assert told[:1] == told[1:]


def _without_runs(told: object) -> object:
    if isinstance(told, dict):
        return {key: _without_runs(each) for key, each in told.items() if "run" not in key and "seconds" not in key}
    return [_without_runs(each) for each in told] if isinstance(told, list) else told


def _assert_tables_are_told(folder: Path, study: str) -> None:
    """trials.csv of the study's run is the table that its trials' runs make."""
    client, parent = _parent(folder, study)
    written = load_text(f"{client.get_run(parent).info.artifact_uri}/trials.csv")
    assert written == read_mlflow(study, f"sqlite:///{folder}/mlflow.db").frame.to_csv(index=False)


def _with_models(folder: Path) -> list[int]:
    client, parent = _parent(folder, "digits")
    whole = list(runs_with_models(client, client.get_run(parent).info.experiment_id))
    assert len(whole) == len(set(whole))
    table = read_mlflow("digits", f"sqlite:///{folder}/mlflow.db").frame
    return sorted(int(number) for number in table.loc[table["run_id"].isin(whole), "number"])


def same_three_models(disturbed: Path, reference: Path) -> None:
    assert _with_models(disturbed) == _with_models(reference)
    assert len(_with_models(disturbed)) == 3


def same_refit(disturbed: Path, reference: Path) -> None:
    """One refit that ended, of the same trial with the same weights and test score; its lost attempts are closed."""
    refits = [_refit(folder) for folder in (disturbed, reference)]
    assert refits[0] == refits[1]


def _refit(folder: Path) -> str:
    client, parent = _parent(folder, "digits")
    found = client.search_runs([client.get_run(parent).info.experiment_id], "tags.refit_of != ''")
    (ended,) = [run for run in found if run.data.tags["state"] == "complete"]
    told = {key: ended.data.tags[key] for key in ("refit_of", "seed", "weights_sha256")}
    return json.dumps([told, ended.data.metrics["test_accuracy"]])


def breaks(folder: Path) -> None:
    """Of five trials something is lost or wrong in MLflow."""
    uri = f"sqlite:///{folder}/mlflow.db"
    client = MlflowClient(uri)
    runs = list(read_mlflow("digits", uri).frame["run_id"])
    client.delete_run(runs[0])
    client.update_run(runs[1], status="RUNNING")
    client.delete_tag(runs[2], "state")
    client.set_tag(runs[3], "state", "failed")
    client.set_tag(runs[3], "state_reason", "exception")
    client.set_terminated(runs[3], "FAILED")
    client.delete_run(runs[4])


CASES = {
    "the report": Case(SEARCH, ("driver", *_REPORT)),
    "a pruner": Case(SEARCH, ("worker", *POINTS, "driver"), (*_STUDY, "--pruner", "median"), pruned=True),
    "the best three models": Case(
        SEARCH, ("worker", *POINTS, "driver", _REPORT[3]), (*_STUDY, "--models", "best:3"), holds=same_three_models
    ),
    "a second look": Case(
        SEARCH,
        ("driver", "worker", *POINTS, ONCE[6], ONCE[6]),
        ("confirm", "--study", "digits", "--top", "2", "--repeats", "3"),
        "digits-confirm",
        searched=True,
    ),
    "the refit": Case(FOLDED, ("worker", *_REFIT, _REFIT[0], *_REPORT), holds=same_refit),
    "a search by TPE": Case(BY_TPE, ("worker", *POINTS, "driver", *_REPORT)),
    "a network of the user's own": Case(OWN, ("worker", *POINTS[:4], "driver", *_REPORT)),
    "a repair": Case(
        SEARCH,
        (WRITES, WRITES, _REPORT[0], _REPORT[3]),
        ("doctor", "--study", "digits", "--repair", "true"),
        searched=True,
        broken=breaks,
    ),
}
