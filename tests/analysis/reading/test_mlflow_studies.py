"""Reading a study back from MLflow: tags, metrics and params as the search writes them."""

from pathlib import Path
from typing import Any

import pytest

mlflow = pytest.importorskip("mlflow")

from mlflow.entities import Metric, Param, RunTag  # noqa: E402
from mlflow.tracking import MlflowClient  # noqa: E402

from analysis.__main__ import run  # noqa: E402
from analysis.reading.mlflow_studies import attempts_frame, read_mlflow  # noqa: E402
from analysis.reading.pool import pool_of  # noqa: E402
from models.core import names  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, MlflowClient, str]:
    """A store with the study `mine`: 30 trials, number 0 lost once, number 29 running; and older namesakes."""
    folder = tmp_path_factory.mktemp("store")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = MlflowClient(uri)
    experiment = client.create_experiment("searches", artifact_location=str(folder / "artifacts"))
    make_parent(client, experiment, generation=1, start=3000, trials=3)  # by a clock that stepped back since
    parent = make_parent(client, experiment, generation=2, start=2000, trials=29, lost_first=True)
    make_child(client, experiment, parent, 29, 0, None)
    client.create_run(experiment, tags={"study": "mine", "parent_run_id": parent}, start_time=3000)
    return uri, client, parent


def make_parent(
    client: MlflowClient, experiment: str, generation: int, start: int, trials: int, lost_first: bool = False
) -> str:
    tags = {
        names.FORMAT: names.FORMAT_NOW,
        names.GENERATION: str(generation),
        "study": "mine",
        "plan_hash": "p" * 8,
        "sampler": "random",
        "seed": "7",
        "data_sha256": "ab" * 32,
        "planned_trials": str(trials + 1),
        "targets": "[0.95, 0.97]",
        "train_rows": "900",
        "validation_rows": "100",
        "test_rows": "360",
    }
    parent = client.create_run(experiment, start_time=start, tags=tags).info.run_id
    if lost_first:
        make_child(client, experiment, parent, 0, 0, "failed", "worker lost")
    for number in range(trials):
        make_child(client, experiment, parent, number, int(lost_first and number == 0), "complete")
    return str(parent)


def make_child(
    client: MlflowClient, experiment: str, parent: str, number: int, attempt: int, state: str | None, reason: str = "",
    further: str = "",
) -> None:  # fmt: skip
    tags = {"mlflow.parentRunId": parent, "study": "mine", "trial_number": str(number), "attempt": str(attempt)}
    child = client.create_run(experiment, tags=tags).info.run_id
    metrics: dict[str, float] = {}
    if state is not None:
        tags = {"state": state, "state_reason": reason, "seed": str(2**63 + number), "config_hash": f"c{number}"}
    if state == "complete":
        metrics = {"val_accuracy": 0.9 + number / 1000, "test_accuracy": 0.89 + number / 1000, "seconds": 2.0 + number}
        metrics["n_parameters"] = 1000.0 + number
    client.log_batch(
        child,
        metrics=[Metric(name, value, 0, 0) for name, value in metrics.items()],
        params=[
            Param("width", "400-300" if number % 2 else "128"),
            *([Param(further, "1")] if further else []),
            Param("learning_rate", str(0.001 * (number + 1))),
        ],
        tags=[RunTag(name, value) for name, value in tags.items()],
    )


def test_the_newest_parent_with_a_plan_is_read(store: tuple[str, Any, str]) -> None:
    uri, _, parent = store
    table = read_mlflow("mine", uri)
    assert (table.parent_run_id, table.sampler, table.seed) == (parent, "random", 7)
    assert (table.planned_trials, table.grid_size, table.targets) == (30, None, (0.95, 0.97))
    assert (table.train_rows, table.validation_rows, table.test_rows) == (900, 100, 360)
    frame = table.frame
    assert frame["number"].tolist() == list(range(29))
    assert frame["attempt"].tolist() == [1] + [0] * 28
    assert set(frame["state"]) == {"complete"}
    assert frame["seed"].tolist()[0] == str(2**63)
    assert frame["params.width"].tolist()[:2] == ["128", "400-300"]
    assert frame["params.learning_rate"].tolist()[:2] == [0.001, 0.002]
    assert pool_of(table).trials == 29


def test_parameters_that_not_every_trial_has_stand_in_the_order_of_the_trials(store: tuple[str, Any, str]) -> None:
    """Whichever ran first: a trial that was lost runs again after those behind it."""
    uri, client, _ = store
    columns = []
    for order in ((0, 1, 2), (2, 1, 0)):
        experiment = client.create_experiment(f"order {order}")
        parent = make_parent(client, experiment, generation=1, start=1, trials=0)
        for number in order:
            make_child(client, experiment, parent, number, 0, "complete", further="" if number == 1 else f"of {number}")
        columns.append(list(read_mlflow("mine", uri, parent).frame.columns))
    assert columns[0] == columns[1]


def test_all_attempts_with_the_running_one(store: tuple[str, Any, str]) -> None:
    frame = attempts_frame("mine", store[0])
    assert len(frame) == 31
    assert frame["state"].tolist()[:2] == ["failed", "complete"]
    assert frame["state_reason"].tolist()[0] == "worker lost"
    assert frame["state"].tolist()[-1] == "running"


def test_the_report_is_attached_to_the_parent(store: tuple[str, Any, str], tmp_path: Path) -> None:
    uri, client, parent = store
    files = run(["--study", "mine", "--tracking-uri", uri, "--out", str(tmp_path / "out"), "--attach"])
    attached = {Path(found.path).name for found in client.list_artifacts(parent, "report")}
    assert attached == {file.name for file in files}
    page = (tmp_path / "out" / "report.html").read_text()
    for why in ("no epochs or no evidence", "the study&#39;s run has no tag &#39;dataset_location&#39;"):
        assert why in page


def test_no_such_study_and_no_such_store(store: tuple[str, Any, str], tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    with pytest.raises(ValueError, match=r"plan_hash: got 'yours', found none; the tracking store has .*mine"):
        run(["--study", "yours", "--tracking-uri", store[0], "--out", out])
    with pytest.raises(ValueError, match='no quotes: got "x\'y"'):
        read_mlflow("x'y", store[0])
    absent = f"sqlite:///{tmp_path / 'absent.db'}"
    with pytest.raises(ValueError, match="a tracking store that exists"):
        run(["--study", "mine", "--tracking-uri", absent, "--out", out])
    assert list(tmp_path.iterdir()) == []
